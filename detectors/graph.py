"""ONNX files: loading with clear errors, and giving a graph another input size.

Exporters fix the input's size in few places: the constants that Reshape (channel shuffle, flattening) and Resize take
as shapes. They are recognised by their values, since they hold the rows and columns of a level or their product.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from detectors.layouts import LEVEL_SETS, Size, grid_size, level_cells
from nanomot.errors import NanomotError

_STRIDES = (1, 2, 4, 8, 16, 32, 64, 128)
_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Concat", "Pow", "Where", "Sum"})


def load_graph(path: Path) -> onnx.ModelProto:
    """Read an ONNX detector; weights listed among its inputs are taken off that list.

    Raises:
        NanomotError: the file is missing, no ONNX model, or its input is not one picture.
    """
    if not path.is_file():
        raise NanomotError(f"{path}: there is no such model file.")
    if path.stat().st_size == 0:
        raise NanomotError(f"{path}: the model file is empty.")
    try:
        model = onnx.load(str(path))
    except OSError as error:
        raise NanomotError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # protobuf's own error types differ between its releases
        raise NanomotError(f"{path}: is not an ONNX model, or is cut off ({_first_line(error)}).") from error
    if not model.graph.node or not model.graph.output:
        raise NanomotError(f"{path}: is not an ONNX model, or is cut off (its graph is empty).")
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    _check_input(inputs, path)
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def only_input(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """The graph's picture input."""
    entry: onnx.ValueInfoProto = graph.input[0]
    return entry


def native_size(model: onnx.ModelProto) -> Size | None:
    """(height, width) that the file fixes for its input, or None where it leaves them open."""
    height, width = (dim.dim_value for dim in only_input(model.graph).type.tensor_type.shape.dim[2:])
    return (height, width) if height > 0 and width > 0 else None


def constants_of(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """Every constant tensor by name: initializers and Constant nodes."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return constants


def with_size(model: onnx.ModelProto, size: Size) -> onnx.ModelProto:
    """A copy of ``model`` for an input of (height, width).

    Raises:
        ValueError: the graph holds tables that were computed for its own size.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    native = native_size(model)
    if native is not None and native != size:
        constants = constants_of(out.graph)
        table = _baked_table(out.graph, constants, native)
        if table is not None:
            raise ValueError(f"it holds a table of cells, {table!r}, that was computed for {native[0]}x{native[1]}")
        _rewrite_shapes(out.graph, constants, native, size)
        del out.graph.value_info[:]
    for position, value in enumerate((1, 3, *size)):
        dim = only_input(out.graph).type.tensor_type.shape.dim[position]
        dim.Clear()
        dim.dim_value = value
    for output in out.graph.output:
        output.type.tensor_type.ClearField("shape")
    return out


def _check_input(inputs: list[onnx.ValueInfoProto], path: Path) -> None:
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs) or "none"
        raise NanomotError(
            f"{path}: is not a detector; it takes {len(inputs)} inputs ({names}) instead of one picture."
        )
    tensor = inputs[0].type.tensor_type
    shape = [dim.dim_value or dim.dim_param or "?" for dim in tensor.shape.dim]
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise NanomotError(
            f"{path}: is not a detector; its input has the shape {shape} instead of [1, 3, height, width]."
        )
    if tensor.elem_type not in (TensorProto.FLOAT, TensorProto.FLOAT16):
        kind = TensorProto.DataType.Name(tensor.elem_type)
        raise NanomotError(f"{path}: its input is of type {kind}; detectors with FLOAT and FLOAT16 inputs are known.")


def _rewrite_shapes(graph: onnx.GraphProto, constants: dict[str, NDArray[Any]], native: Size, size: Size) -> None:
    """Give every Reshape and Resize whose constant shape follows the input's size a constant of its own."""
    for number, node in enumerate(graph.node):
        position = {"Reshape": 1, "Resize": 3}.get(node.op_type)
        if position is None or len(node.input) <= position:
            continue
        shape = constants.get(node.input[position])
        if shape is None or shape.ndim != 1:
            continue
        rewritten = _rewritten(shape.tolist(), native, size)
        if rewritten is not None:
            name = f"{node.input[position]}/{number}/{size[0]}x{size[1]}"
            graph.initializer.append(numpy_helper.from_array(np.array(rewritten, dtype=np.int64), name))
            node.input[position] = name


def _rewritten(shape: list[int], native: Size, size: Size) -> list[int] | None:
    """The shape at the new size, or None where it does not depend on the size."""
    for stride in _STRIDES:
        if len(shape) >= 2 and tuple(shape[-2:]) == grid_size(native, stride):
            return [*shape[:-2], *grid_size(size, stride)]
    # Where a dimension is left to be inferred (-1), it is the product of rows and columns, and nothing is fixed.
    if -1 in shape:
        return None
    totals = {sum(level_cells(native, s) for s in strides): strides for strides in LEVEL_SETS}
    totals |= {level_cells(native, stride): (stride,) for stride in _STRIDES}
    for position in reversed(range(len(shape))):
        if shape[position] > 1 and shape[position] in totals:
            cells = sum(level_cells(size, stride) for stride in totals[shape[position]])
            return [*shape[:position], cells, *shape[position + 1 :]]
    return None


def _baked_table(graph: onnx.GraphProto, constants: dict[str, NDArray[Any]], native: Size) -> str | None:
    """The name of a constant that holds one value per cell, as graphs that decode boxes themselves have."""
    grids = {grid_size(native, stride) for stride in (8, 16, 32)} - {(1, 1)}
    totals = {sum(level_cells(native, s) for s in strides) for strides in LEVEL_SETS} | {level_cells(native, 8)}
    for node in graph.node:
        if node.op_type not in _ELEMENTWISE:
            continue
        for name in node.input:
            shape = constants[name].shape if name in constants else ()
            pairs = set(itertools.pairwise(shape))
            if pairs & grids or any(dim > 1 and dim in totals for dim in shape):
                return str(name)
    return None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
