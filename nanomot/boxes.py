"""Box formats, overlaps and clipping as array functions.

Boxes are float arrays of shape (N, 4) in pixels. Formats carry the field's names: ``xyxy`` (left, top, right, bottom),
``tlwh`` (left, top, width, height), ``cxcywh`` (centre, width, height), ``xyah`` (centre, width / height, height) and
``xysr`` (centre, area, width / height). Coordinates are continuous: a box's width is ``x2 - x1``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_TINY = 1e-12


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
        grow = np.array([0.0, 0.0, 1.0, 1.0])
        a, b = a + grow, b + grow
    shared = intersection_matrix(a, b)
    union = box_areas(a)[:, None] + box_areas(b)[None, :]
    union -= shared
    np.maximum(union, _TINY, out=union)
    shared /= union
    return shared


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
