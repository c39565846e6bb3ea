"""What a camera that moves in a known way shows of a textured wall."""

from __future__ import annotations

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 480
IDENTITY = np.eye(2, 3)


def texture(seed=0, width=WIDTH, height=HEIGHT, margin=120):
    """A BGR picture with detail at several sizes, larger by ``margin`` on every side."""
    rng = np.random.default_rng(seed)
    size = (width + 2 * margin, height + 2 * margin)
    total = np.zeros((size[1], size[0]), np.float32)
    for grain in (6, 16, 40, 90):
        coarse = rng.normal(0, 1, (size[1] // grain + 2, size[0] // grain + 2)).astype(np.float32)
        total += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    grey = np.clip(128 + 35 * total, 0, 255).astype(np.uint8)
    return cv2.merge([grey, grey, grey])


def seen(canvas, warp=IDENTITY, width=WIDTH, height=HEIGHT):
    """What a camera shows of ``canvas`` after it has moved by ``warp``, in the continuous coordinates of boxes."""
    margin = np.array([(canvas.shape[1] - width) / 2, (canvas.shape[0] - height) / 2])
    linear = warp[:, :2]
    # Index i of the canvas lies at i + .5 - margin of the first view.
    shift = warp[:, 2] + linear @ (0.5 - margin) - 0.5
    matrix = np.hstack((linear, shift[:, None]))
    return cv2.warpAffine(canvas, matrix, (width, height), flags=cv2.INTER_LINEAR)


def camera_move(degrees=0.0, zoom=1.0, x=0.0, y=0.0, width=WIDTH, height=HEIGHT):
    """A warp that turns and zooms about the picture's centre, then shifts."""
    angle, centre = np.deg2rad(degrees), np.array([width, height]) / 2
    linear = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.hstack((linear, (centre - linear @ centre + [x, y])[:, None]))
