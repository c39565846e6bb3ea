"""Greedy suppression of boxes that a better box of their class covers: what light detectors leave over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanomot.sweep import twin_pairs

Array = NDArray[np.float64]


def suppress(boxes: Array, scores: Array, class_ids: NDArray[np.int64], limit: float) -> NDArray[np.intp]:
    """Rows that greedy non-maximum suppression keeps, in their order.

    Args:
        boxes: (N, 4) ``xyxy``.
        scores: (N,); of equal scores the earlier row is the better one.
        class_ids: (N,); boxes of different classes do not suppress each other.
        limit: a box whose IoU with a better one that is kept exceeds this is dropped; from 1 on all are kept.

    The result is that of going through the boxes from the best to the worst. It is found for all boxes at once: whoever
    is covered by a box that is not covered itself goes, until nothing changes; a chain of n boxes takes n rounds.
    """
    count = len(boxes)
    if count < 2 or limit >= 1.0:
        return np.arange(count)
    rows, columns, _ = twin_pairs(boxes, limit)
    if len(rows) == 0:
        return np.arange(count)
    rank = np.empty(count, np.intp)
    rank[np.argsort(-scores, kind="stable")] = np.arange(count)
    swap = rank[rows] > rank[columns]
    better, worse = np.where(swap, columns, rows), np.where(swap, rows, columns)
    same = class_ids[better] == class_ids[worse]
    if not same.all():
        better, worse = better[same], worse[same]
    kept = np.ones(count, bool)
    while True:
        changed = np.ones(count, bool)
        changed[worse[kept[better]]] = False
        if (changed == kept).all():
            return kept.nonzero()[0]
        kept = changed
