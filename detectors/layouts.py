"""What all heads share: cells, level sets, the choice of candidates; and the protocol of a head.

Output layouts are recognised from shapes alone. A head is made for one input size; it knows its cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.manifest import Manifest
from nanomot.errors import NanomotError

FloatArray = NDArray[np.floating[Any]]
Shape = tuple[int, ...]
Size = tuple[int, int]
"""(height, width) in pixels."""

LEVEL_SETS: tuple[tuple[int, ...], ...] = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32), (16, 32, 64))
"""Pixels per cell of the level sets that published light detectors use."""


@dataclass(frozen=True)
class Candidates:
    """Boxes above the score floor.

    Attributes:
        boxes: (N, 4) ``xyxy`` in pixels of the network's input.
        scores: (N,).
        class_ids: (N,).
        broken: above 0 where scores were not a number.
        suppressed: whether boxes that a better one overlaps are gone, and the best score comes first.
    """

    boxes: FloatArray
    scores: FloatArray
    class_ids: NDArray[np.int64]
    broken: int = 0
    suppressed: bool = False


class Head(Protocol):
    """The decoding of one family of outputs at one input size."""

    family: str
    num_classes: int

    def score_range(self, outputs: Sequence[FloatArray]) -> tuple[float, float]:
        """Lowest and highest raw class score in the network's ``outputs``."""
        ...

    def decode(
        self, outputs: Sequence[FloatArray], conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> Candidates:
        """Every (cell, class) of the ``wanted`` classes that scores at least ``conf``."""
        ...


Recogniser = Callable[[Sequence[Shape], Size, Manifest], "Head | None"]
"""Makes a head for output shapes at an input size, or None where they are not its family's."""


def grid_size(size: Size, stride: int) -> Size:
    """Rows and columns of cells at one level: part cells at the right and bottom count (rounded up)."""
    return -(-size[0] // stride), -(-size[1] // stride)


def level_cells(size: Size, stride: int) -> int:
    """Cells of one level for an input of (height, width) pixels."""
    rows, columns = grid_size(size, stride)
    return rows * columns


def find_strides(count: int, size: Size, manifest: Manifest, per_cell: int = 1) -> tuple[int, ...] | None:
    """The level set whose cells, ``per_cell`` rows each, add up to ``count`` rows; None where there is none."""
    sets = LEVEL_SETS if manifest.strides is None else (manifest.strides,)
    for strides in sets:
        if per_cell * sum(level_cells(size, stride) for stride in strides) == count:
            return strides
    return None


def cell_table(size: Size, strides: Sequence[int], offset: float) -> NDArray[np.float32]:
    """(N, 3) float32 table of every cell's anchor x, y and stride in pixels, level by level, row by row."""
    parts = []
    for stride in strides:
        rows, columns = grid_size(size, stride)
        y, x = np.divmod(np.arange(rows * columns), columns)
        parts.append(np.stack([(x + offset) * stride, (y + offset) * stride, np.full(len(x), stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)


def sigmoid(values: FloatArray) -> FloatArray:
    """Logistic function, without overflow for large negative values."""
    result: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * values))
    return result


def select(
    scores: FloatArray, conf: float, wanted: NDArray[np.int64] | None, logits: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, int]:
    """Candidates in an (N, C) score table: rows, class ids and scores of entries of at least ``conf``.

    Only the ``wanted`` columns are read. Logits are compared as logits, and only survivors pass the sigmoid. The last
    value counts entries that are not a number.
    """
    if wanted is None:
        columns = scores
    elif len(wanted) == 1:
        # The usual case, people alone: a view, where picking columns copies them.
        columns = scores[:, int(wanted[0]) : int(wanted[0]) + 1]
    else:
        columns = scores[:, wanted]
    floor = np.float32(conf)
    if logits:
        floor = np.float32(np.log(conf / (1.0 - conf)) if 0.0 < conf < 1.0 else (-np.inf if conf <= 0.0 else np.inf))
    if columns.shape[1] == 1:
        # Searching one dimension costs a fraction of searching two.
        rows = np.flatnonzero(columns[:, 0] >= floor)
        picked = np.zeros(len(rows), dtype=np.int64)
    else:
        rows, picked = np.nonzero(columns >= floor)
    # A sum is not a number as soon as one entry is not; looking at every entry is left to that case.
    broken = int(np.isnan(columns).sum()) if np.isnan(columns.sum()) else 0
    kept = columns[rows, picked]
    class_ids = picked if wanted is None else wanted[picked]
    return rows, class_ids, sigmoid(kept) if logits else kept, broken


def recognise(
    recognisers: dict[str, Recogniser], shapes: Sequence[Shape], size: Size, manifest: Manifest, model: str
) -> Head:
    """The head that fits the output ``shapes`` at an input of ``size``.

    Raises:
        NanomotError: no family has this layout, or several do; the manifest's key that decides is named.
    """
    if manifest.family is not None and manifest.family not in recognisers:
        raise NanomotError(
            f"{model}: the manifest's family {manifest.family!r} is not one of {', '.join(sorted(recognisers))}."
        )
    told = ", ".join(str(list(shape)) for shape in shapes)
    heads: dict[str, Head] = {}
    for family, recogniser in recognisers.items():
        if manifest.family in (None, family):
            try:
                head = recogniser(shapes, size, manifest)
            except AmbiguousError as error:
                raise NanomotError(f"{model}: the output shape {told} can be read in several ways; {error}") from error
            if head is not None:
                heads[family] = head
    if not heads:
        stated = replace(manifest, imgsz=None) != Manifest()
        hint = " Check the model's manifest, which has to fit too." if stated else ""
        raise NanomotError(
            f"{model}: is not a detector with a known output layout; at an input of {size[0]}x{size[1]} its outputs "
            f"have the shapes {told}.{hint}"
        )
    if len(heads) > 1:
        raise NanomotError(
            f"{model}: the output shape {told} fits the families {' and '.join(heads)}; say which as `family` in a "
            "manifest."
        )
    return next(iter(heads.values()))


class AmbiguousError(Exception):
    """Shapes leave a number open; the message says which key of the manifest settles it."""
