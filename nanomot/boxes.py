"""Box formats, overlaps and clipping as array functions.

Boxes are float arrays of shape (N, 4) in pixels. Formats carry the field's names: ``xyxy`` (left, top, right, bottom),
``tlwh`` (left, top, width, height), ``cxcywh`` (centre, width, height), ``xyah`` (centre, width / height, height) and
``xysr`` (centre, area, width / height). Coordinates are continuous: a box's width is ``x2 - x1``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Indices = NDArray[np.intp]
OverlapPairs = tuple[Indices, Indices, FloatArray]

_TINY = 1e-12
_MARGIN = 0.999
"""Boxes are told apart early by a little less than is asked for, so that rounding loses none."""
_ONE_PIXEL = np.array([0.0, 0.0, 1.0, 1.0])
_SWEEP_FROM = 1_500
"""Number of pairs from which listing those that overlap is faster by a sweep than by the whole matrix."""
_BLOCK = 4_000
"""Pairs that are looked at in one go: arrays that stay in the cache, and that malloc need not fetch from the system."""
_SCATTER_FROM = 5_000
"""The same where the matrix is wanted in the end."""


def xyxy_to_tlwh(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) corner boxes to left, top, width, height."""
    out = np.array(boxes)
    out[:, 2:] -= out[:, :2]
    return out


def tlwh_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) left, top, width, height boxes to corners."""
    out = np.array(boxes)
    out[:, 2:] += out[:, :2]
    return out


def xyxy_to_cxcywh(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) corner boxes to centre, width, height."""
    out = np.empty_like(boxes)
    out[:, :2] = (boxes[:, :2] + boxes[:, 2:]) * 0.5
    out[:, 2:] = boxes[:, 2:] - boxes[:, :2]
    return out


def cxcywh_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) centre, width, height boxes to corners."""
    out = np.empty_like(boxes)
    half = boxes[:, 2:] * 0.5
    out[:, :2] = boxes[:, :2] - half
    out[:, 2:] = boxes[:, :2] + half
    return out


def xyxy_to_xyah(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) corner boxes to centre, aspect ratio (width / height), height."""
    out = xyxy_to_cxcywh(boxes)
    out[:, 2] /= out[:, 3]
    return out


def xyah_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) centre, aspect ratio, height boxes to corners."""
    out = np.array(boxes)
    out[:, 2] *= out[:, 3]
    return cxcywh_to_xyxy(out)


def xyxy_to_xysr(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) corner boxes to centre, area, aspect ratio: the measurement of SORT (Bewley et al. 2016)."""
    out = xyxy_to_cxcywh(boxes)
    width, height = out[:, 2].copy(), out[:, 3].copy()
    out[:, 2] = width * height
    out[:, 3] = width / height
    return out


def xysr_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) centre, area, aspect ratio boxes to corners; an area below zero gives an empty box."""
    out = np.array(boxes)
    width = np.sqrt(np.maximum(boxes[:, 2] * boxes[:, 3], 0.0))
    out[:, 2] = width
    out[:, 3] = np.maximum(boxes[:, 2], 0.0) / np.maximum(width, _TINY)
    return cxcywh_to_xyxy(out)


def box_areas(boxes: FloatArray) -> FloatArray:
    """Areas in square pixels of (N, 4) ``xyxy`` boxes, shape (N,)."""
    areas: FloatArray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def intersection_matrix(a: FloatArray, b: FloatArray) -> FloatArray:
    """Shared areas in square pixels of every box in ``a`` (N, 4) with every box in ``b`` (M, 4), shape (N, M)."""
    width = np.minimum(a[:, None, 2], b[None, :, 2])
    width -= np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3])
    height -= np.maximum(a[:, None, 1], b[None, :, 1])
    np.maximum(width, 0.0, out=width)
    np.maximum(height, 0.0, out=height)
    width *= height
    return width


def iou_matrix(a: FloatArray, b: FloatArray, *, inclusive: bool = False) -> FloatArray:
    """Intersection over union of every box in ``a`` (N, 4) with every box in ``b`` (M, 4), both ``xyxy``.

    ``inclusive`` counts pixels the way the published NanoTrack code does (``cython_bbox``): a box from x1 to x2 is
    ``x2 - x1 + 1`` wide. Returns an (N, M) array in [0, 1].
    """
    if inclusive:
        a, b = a + _ONE_PIXEL, b + _ONE_PIXEL
    if len(a) * len(b) < _SCATTER_FROM:
        return _every_iou(a, b)
    rows, columns, overlaps = _swept_overlaps(a, b)
    matrix = np.zeros((len(a), len(b)), overlaps.dtype)
    matrix[rows, columns] = overlaps
    return matrix


def overlap_pairs(a: FloatArray, b: FloatArray, *, inclusive: bool = False, above: float = 0.0) -> OverlapPairs:
    """The pairs of boxes that overlap, one of ``a`` (N, 4) and one of ``b`` (M, 4), both ``xyxy``, with their IoU.

    The same figures as :func:`iou_matrix` gives, but for the zeros: large crowds have many boxes, few of which meet.

    Args:
        a: (N, 4) boxes.
        b: (M, 4) boxes.
        inclusive: as in :func:`iou_matrix`.
        above: in [0, 1); pairs that overlap by no more are left out.

    Returns:
        Rows in ``a``, rows in ``b`` and IoU in (above, 1], each of shape (K,), in no particular order.
    """
    if inclusive:
        a, b = a + _ONE_PIXEL, b + _ONE_PIXEL
    if len(a) * len(b) >= _SWEEP_FROM:
        return _swept_overlaps(a, b, above)
    overlaps = _every_iou(a, b)
    rows, columns = (overlaps > above).nonzero()
    return rows, columns, overlaps[rows, columns]


def _every_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    shared = intersection_matrix(a, b)
    union = box_areas(a)[:, None] + box_areas(b)[None, :]
    union -= shared
    np.maximum(union, _TINY, out=union)
    shared /= union
    return shared


def _swept_overlaps(a: FloatArray, b: FloatArray, above: float = 0.0) -> OverlapPairs:
    """:func:`overlap_pairs` by a sweep along x: only boxes whose widths meet are compared at all.

    Of two intervals that meet, one starts within the other. So every box owns those of the other side that start
    within it; equal starts belong to the boxes of ``a``. Boxes with a high IoU start close to each other.
    """
    a_order, b_order = a[:, 0].argsort(), b[:, 0].argsort()
    count = len(a)
    x1, y1, x2, y2 = np.concatenate((a[a_order], b[b_order])).T.copy()
    least = above * _MARGIN
    ends = x2 - least * (x2 - x1) if least else x2
    a_x1, b_x1 = x1[:count], x1[count:]
    starts = np.concatenate((b_x1.searchsorted(a_x1), a_x1.searchsorted(b_x1, "right")))
    stops = np.concatenate((b_x1.searchsorted(ends[:count]), a_x1.searchsorted(ends[count:])))
    starts[:count] += count
    stops[:count] += count
    owners, inner, shared = _meeting(starts, stops, y1, y2, least)
    if len(owners) == 0:
        return owners, inner, shared
    width = np.minimum(x2[owners], x2[inner])
    width -= x1[inner]
    shared *= width
    areas = (x2 - x1) * (y2 - y1)
    union = areas[owners] + areas[inner]
    union -= shared
    np.maximum(union, _TINY, out=union)
    shared /= union
    if least:
        enough = (shared > above).nonzero()[0]
        owners, inner, shared = owners[enough], inner[enough], shared[enough]
    return a_order[np.minimum(owners, inner)], b_order[np.maximum(owners, inner) - count], shared


def _meeting(starts: Indices, stops: Indices, low: FloatArray, high: FloatArray, least: float) -> OverlapPairs:
    """Of every i and each k from starts[i] to stops[i] those whose intervals meet: i, k and the length they share.

    They must share more than the fraction ``least`` of the interval i.
    """
    counts = np.maximum(stops - starts, 0)
    ends = counts.cumsum()
    needed = (high - low) * least
    found = []
    blocks = ends.searchsorted(np.arange(_BLOCK, ends[-1], _BLOCK)).tolist()
    for first, last in pairwise(sorted({0, *blocks, len(ends)})):
        owners, partners = spread(starts[first:last], counts[first:last])
        owners += first
        length = np.minimum(high[owners], high[partners])
        length -= np.maximum(low[owners], low[partners])
        meet = (length > needed[owners]).nonzero()[0]
        found.append((owners[meet], partners[meet], length[meet]))
    if len(found) == 1:
        return found[0]
    owners, inner, lengths = (np.concatenate(part) for part in zip(*found, strict=True))
    return owners, inner, lengths


def spread(starts: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """For each i, ``counts[i]`` pairs of i with ``starts[i]``, ``starts[i] + 1``, and so on, (K,) each."""
    owners = np.arange(len(counts)).repeat(counts)
    partners = np.arange(len(owners))
    partners += (starts - counts.cumsum() + counts)[owners]
    return owners, partners


def touch_matrix(boxes: FloatArray) -> NDArray[np.bool_]:
    """Which of the (N, 4) ``xyxy`` boxes overlap or share a border, shape (N, N), symmetric, True on the diagonal."""
    overlap_x = boxes[:, None, 0] <= boxes[None, :, 2]
    overlap_y = boxes[:, None, 1] <= boxes[None, :, 3]
    touch: NDArray[np.bool_] = overlap_x & overlap_x.T & overlap_y & overlap_y.T
    return touch


def clip_boxes(boxes: FloatArray, width: float, height: float) -> FloatArray:
    """Clip (N, 4) ``xyxy`` boxes to a picture of ``width`` x ``height`` pixels; a new array is returned."""
    limit = np.array([width, height, width, height], dtype=boxes.dtype)
    clipped: FloatArray = np.clip(boxes, 0.0, limit)
    return clipped
