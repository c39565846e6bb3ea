"""Warps: (2, 3) affine matrices from the last picture's pixels to this one's, in the coordinates of boxes.

Boxes are continuous: the centre of the first pixel lies at (.5, .5), that of OpenCV's pixel indices at (0, 0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh

Array = NDArray[np.float64]

_LARGEST_ZOOM = 1.2
_LARGEST_TURN = np.deg2rad(15.0)
_LARGEST_SHIFT = 0.4
"""Times, radians and a part of the longest side: more between two frames is a cut or a mistake."""


def no_motion() -> Array:
    """The warp of a camera that stands still."""
    return np.eye(2, 3)


def warp_scale(warp: Array) -> float:
    """How many times longer things are after ``warp``."""
    return float(np.sqrt(abs(np.linalg.det(warp[:, :2]))))


def warp_points(points: Array, warp: Array) -> Array:
    """Move (…, 2) points by ``warp``."""
    moved: Array = points @ warp[:, :2].T + warp[:, 2]
    return moved


def warp_boxes(boxes: Array, warp: Array) -> Array:
    """Move (N, 4) ``xyxy`` boxes by ``warp``: their centres follow it, their sizes its scale."""
    moved = xyxy_to_cxcywh(boxes)
    moved[:, :2] = warp_points(moved[:, :2], warp)
    moved[:, 2:] *= warp_scale(warp)
    return cxcywh_to_xyxy(moved)


def farthest_move(warp: Array, size: tuple[int, int]) -> float:
    """By how many pixels ``warp`` moves that corner of a picture of (width, height) that it moves most."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    return float(np.sqrt(np.square(warp_points(corners, warp) - corners).sum(axis=1)).max())


def from_small_picture(warp: Array, scale: Array) -> Array:
    """A matrix between OpenCV's pixel indices of two shrunk pictures as a warp of the whole ones.

    ``scale``: (2,) width and height of the shrunk pictures in those of the whole ones.
    """
    linear = warp[:, :2] * scale / scale[:, None]
    # Index p of the small picture lies at (p + .5) / scale of the whole one.
    shift = (warp[:, 2] + 0.5 - warp[:, :2] @ np.full(2, 0.5)) / scale
    return np.hstack((linear, shift[:, None]))


def unlikely_motion(warp: Array, size: tuple[int, int]) -> str:
    """What no camera does between two frames, in words; "" where ``warp`` is possible for pictures of ``size``."""
    if not np.isfinite(warp).all():
        return "no finite motion"
    linear = warp[:, :2]
    longest, shortest = np.linalg.svd(linear, compute_uv=False)
    if longest > _LARGEST_ZOOM or shortest < 1.0 / _LARGEST_ZOOM or np.linalg.det(linear) < 0:
        return f"a zoom by {longest:.2f} and {shortest:.2f} between two frames"
    turn = float(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
    if abs(turn) > _LARGEST_TURN:
        return f"a turn by {np.rad2deg(turn):.0f} degrees between two frames"
    centre = np.array(size) / 2.0
    shift = float(np.abs(warp_points(centre, warp) - centre).max())
    return f"a shift by {shift:.0f} pixels between two frames" if shift > _LARGEST_SHIFT * max(size) else ""
