"""Which boxes meet at all: cheap tests that come before anything is computed about a pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import overlap_pairs, spread

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_SWEEP_FROM = 4_000
"""Pairs from which a sweep beats comparing all,"""
_BLOCKS_FROM = 400_000
"""and from which one in blocks that fit the cache beats that, though it computes overlaps that nobody asked for."""


def meeting_pairs(a: Array, b: Array) -> tuple[Indices, Indices]:
    """Rows of ``a`` (N, 4) and of ``b`` (M, 4), both ``xyxy``, that share some area, each of shape (K,)."""
    pairs = len(a) * len(b)
    if pairs >= _BLOCKS_FROM:
        return overlap_pairs(a, b)[:2]
    if pairs >= _SWEEP_FROM:
        return _swept(a, b)
    left, top, right, bottom = a.T[:, :, None]
    other_left, other_top, other_right, other_bottom = b.T
    meet = left < other_right
    meet &= other_left < right
    meet &= top < other_bottom
    meet &= other_top < bottom
    rows, columns = meet.nonzero()
    return rows, columns


def _swept(a: Array, b: Array) -> tuple[Indices, Indices]:
    """:func:`meeting_pairs` by a sweep along x: of the sorted ``b``, those that can reach a box are neighbours."""
    left, top, right, bottom = a.T
    order = b[:, 0].argsort()
    other_left, other_top, other_right, other_bottom = b[order].T.copy()
    widest = (other_right - other_left).max()
    starts = other_left.searchsorted(left - widest)
    rows, columns = spread(starts, other_left.searchsorted(right) - starts)
    meet = left[rows] < other_right[columns]
    meet &= top[rows] < other_bottom[columns]
    meet &= other_top[columns] < bottom[rows]
    chosen = meet.nonzero()[0]
    return rows[chosen], order[columns[chosen]]


def shares_within(boxes: Array, others: Array) -> Array:
    """The part of each of the (K, 4) boxes that lies inside the other of its pair, which it meets, (K,) in (0, 1]."""
    left, top, right, bottom = boxes.T
    other_left, other_top, other_right, other_bottom = others.T
    shared: Array = np.minimum(right, other_right) - np.maximum(left, other_left)
    shared *= np.minimum(bottom, other_bottom) - np.maximum(top, other_top)
    shared /= (right - left) * (bottom - top)
    return shared


def twin_pairs(boxes: Array, least: float) -> tuple[Indices, Indices, Array]:
    """Pairs among (N, 4) ``xyxy`` boxes whose IoU exceeds ``least``, each pair once.

    A sweep along x: boxes that overlap by so much start within each other. Returns rows, rows and IoU, (K,) each.
    """
    order = boxes[:, 0].argsort(kind="stable")
    left, top, right, bottom = boxes[order].T.copy()
    width = right - left
    stops = left.searchsorted(right - least * width)
    following = np.arange(1, len(boxes) + 1)
    rows, columns = spread(following, np.maximum(stops - following, 0))
    shared = np.minimum(bottom[rows], bottom[columns])
    shared -= np.maximum(top[rows], top[columns])
    height = bottom - top
    meet = (shared > least * height[rows]).nonzero()[0]
    rows, columns, shared = rows[meet], columns[meet], shared[meet]
    shared *= np.minimum(right[rows], right[columns]) - left[columns]
    areas = width * height
    overlaps = shared / (areas[rows] + areas[columns] - shared)
    over = (overlaps > least).nonzero()[0]
    return order[rows[over]], order[columns[over]], overlaps[over]
