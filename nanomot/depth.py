"""Pseudo-depth: how near a box is, told by where its feet stand, and matching from near to far.

On a common ground plane the lower a box ends in the picture, the nearer it is (SparseTrack, Liu et al. 2023). Boxes
are sorted into levels of pseudo-depth, over the whole frame (DCM, SparseTrack) or within each group of touching boxes
(IDCM, NanoTrack), and matched level by level from near to far; what a level leaves over joins the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanomot.assignment import Pairs
from nanomot.boxes import touch_matrix

Array = NDArray[np.float64]

_NARROW = 2**15
Indices = NDArray[np.intp]


def pseudo_depths(boxes: Array) -> Array:
    """Pseudo-depth of (N, 4) ``xyxy`` boxes, shape (N,), in pixels; only differences mean anything."""
    depths: Array = -boxes[:, 3]
    return depths


def touch_groups(boxes: Array) -> NDArray[np.int64]:
    """The connected component of the graph "boxes touch" that each of the (N, 4) boxes belongs to, shape (N,).

    A group's label is the least row in it.
    """
    count = len(boxes)
    touch = touch_matrix(boxes)
    # Narrow integers: these tables are small enough for the first cache, and halving them shows.
    labels = np.arange(count, dtype=np.int16 if count < _NARROW else np.int64)
    none = labels.dtype.type(count)
    while True:
        # Each box takes the least label among those it touches, then the label of that label: a chain of boxes
        # shares one label after a number of rounds that grows with the logarithm of its length.
        least = np.where(touch, labels[:, None], none).min(axis=0, initial=none)
        least = least[least]
        if np.array_equal(least, labels):
            return labels.astype(np.int64)
        labels = least


def depth_levels(depths: Array, count: int, groups: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """Sort pseudo-depths into ``count`` levels of equal width, 0 the nearest.

    With m the least depth and r the range of a group, level = min(floor((d - m) count / (r + 1)),
    max(ceil(r count / (r + 1)) - 1, 0)).

    Args:
        depths: (N,) pixels.
        count: number of levels, at least 1.
        groups: (N,) labels in [0, N); each group is sorted on its own. None: all are one group.

    Returns:
        (N,) levels.
    """
    if len(depths) == 0:
        return np.empty(0, np.int64)
    if groups is None:
        groups = np.zeros(len(depths), np.int64)
    size = len(depths)
    nearest, farthest = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(nearest, groups, depths)
    np.maximum.at(farthest, groups, depths)
    spread = (farthest - nearest)[groups]
    levels = np.floor((depths - nearest[groups]) * count / (spread + 1.0))
    highest = np.maximum(np.ceil(spread * count / (spread + 1.0)) - 1.0, 0.0)
    clipped: NDArray[np.float64] = np.minimum(levels, highest)
    return clipped.astype(np.int64)


def level_count(depths: Array, count: int) -> int:
    """How many of ``count`` levels a whole frame's depths spread over: max(ceil(r count / (r + 1)), 1), 0 for none."""
    if len(depths) == 0:
        return 0
    spread = float(np.ptp(depths))
    return max(int(np.ceil(spread * count / (spread + 1.0))), 1)


def cascade(
    row_levels: NDArray[np.int64],
    column_levels: NDArray[np.int64],
    count: int,
    match: Callable[[Indices, Indices], Pairs],
) -> Pairs:
    """Match from near to far: what level k leaves over, rows and columns alike, is tried again with level k + 1.

    Args:
        row_levels: (N,) levels of the rows.
        column_levels: (M,) levels of the columns.
        count: levels tried; rows and columns of higher levels are never matched.
        match: takes row and column indices and returns the matched pairs as positions in them.

    Returns:
        Row and column indices of the matched pairs.
    """
    rows, columns = np.empty(0, np.intp), np.empty(0, np.intp)
    found_rows: list[Indices] = []
    found_columns: list[Indices] = []
    for level in range(count):
        rows = np.concatenate((rows, np.flatnonzero(row_levels == level)))
        columns = np.concatenate((columns, np.flatnonzero(column_levels == level)))
        if len(rows) == 0 or len(columns) == 0:
            continue
        at_row, at_column = match(rows, columns)
        found_rows.append(rows[at_row])
        found_columns.append(columns[at_column])
        rows, columns = np.delete(rows, at_row), np.delete(columns, at_column)
    if not found_rows:
        return rows[:0], columns[:0]
    return np.concatenate(found_rows), np.concatenate(found_columns)
