"""Appending nodes to an ONNX graph, and the tables of cells that a head's outputs are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from detectors.layouts import FloatArray


class GraphWriter:
    """Appends nodes to a graph; every method returns the name of what it adds."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._count = 0

    def constant(self, values: ArrayLike, dtype: type[np.generic] = np.int64) -> str:
        """A constant tensor."""
        self._count += 1
        name = f"read/constant{self._count}"
        self._graph.initializer.append(numpy_helper.from_array(np.array(values, dtype=dtype), name))
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """A node with one output, whose name is made up where none is given."""
        self._count += 1
        name = output or f"read/{operator}{self._count}"
        self._graph.node.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def reshape(self, source: str, *shape: int) -> str:
        """The same numbers in another shape, which costs nothing."""
        return self.node("Reshape", source, self.constant(shape))

    def cells(self, scores: str, count: int, floor: float) -> str:
        """(K,) cells that have at least ``floor`` in a row of the (count, N) ``scores``; no number is not at least."""
        passing = self.node("Greater", scores, self.constant(below(floor), np.float32))
        if count > 1:
            # Not the highest score: a maximum over what is not a number may be anything.
            passing = self.node("Cast", passing, to=TensorProto.FLOAT)
            passing = self.node("MatMul", self.constant(np.ones((1, count)), np.float32), passing)
        return self.reshape(self.node("NonZero", self.reshape(passing, -1)), -1)


class GraphTable:
    """A (cells, columns) table that lies in a graph in one or several parts, one for each level.

    ``names`` are the parts' tensors and ``tables`` their values in a run: views, whose strides tell whether the
    numbers of a cell lie side by side or those of a column.
    """

    def __init__(self, writer: GraphWriter, names: Sequence[str], tables: Sequence[FloatArray]) -> None:
        self._writer = writer
        self._columns = tables[0].shape[1]
        self._cells = sum(len(table) for table in tables)
        self._by_column = all(_lies_by_column(table) for table in tables)
        self._parts = [
            writer.reshape(name, *(table.shape[::-1] if self._by_column else table.shape))
            for name, table in zip(names, tables, strict=True)
        ]

    @classmethod
    def of(cls, writer: GraphWriter, names: Sequence[str], tables: Sequence[FloatArray]) -> GraphTable | None:
        """The table, if all of its parts lie in one and the same of the two ways."""
        covered = all(map(_lies_by_column, tables)) or all(map(_lies_by_cell, tables))
        return cls(writer, names, tables) if covered else None

    def columns(self, wanted: NDArray[np.int64]) -> str:
        """(W, cells) tensor of the wanted columns."""
        ids = self._writer.constant(wanted)
        axis = 0 if self._by_column else 1
        picked = [self._writer.node("Gather", part, ids, axis=axis) for part in self._parts]
        whole = picked[0] if len(picked) == 1 else self._writer.node("Concat", *picked, axis=1 - axis)
        return whole if self._by_column else self._writer.node("Transpose", whole, perm=[1, 0])

    def rows(self, cells: str, wanted: NDArray[np.int64]) -> str:
        """(K, W) tensor of the wanted columns of K ``cells``."""
        writer = self._writer
        whole = self._parts[0]
        if len(self._parts) > 1:
            whole = writer.node("Concat", *self._parts, axis=1 if self._by_column else 0)
        at = writer.reshape(cells, -1, 1)
        if not self._by_column:
            at = writer.node("Mul", at, writer.constant(self._columns))
        at = writer.node("Add", at, writer.constant(wanted * (self._cells if self._by_column else 1)))
        return writer.node("Gather", writer.reshape(whole, -1), at)


def below(floor: float) -> np.float32:
    """The number before ``floor``: to be above it is to be at least ``floor``."""
    before: np.float32 = np.nextafter(np.float32(floor), np.float32(-np.inf))
    return before


def _lies_by_column(table: FloatArray) -> bool:
    return bool(table.T.flags.c_contiguous)


def _lies_by_cell(table: FloatArray) -> bool:
    return bool(table.flags.c_contiguous)
