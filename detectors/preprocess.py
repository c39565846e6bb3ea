"""From a picture to a network's input, and from the input's pixels back to the picture's.

One resize and one split into planes, both on bytes, are all that happens outside the network: its graph takes bytes,
and normalises them itself (:mod:`detectors.normalise`).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError

Size = tuple[int, int]


def check_frame(frame: Any) -> NDArray[np.uint8]:
    """The frame, if it is a BGR picture of bytes.

    Raises:
        NanomotError: it is None, of another type or of another shape.
    """
    if frame is None:
        raise NanomotError("The detector was given None instead of a frame; the picture could not be read.")
    if not isinstance(frame, np.ndarray):
        raise NanomotError(f"The detector was given a {type(frame).__name__}, but a frame is a NumPy array.")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise NanomotError(
            f"The detector was given an array of shape {frame.shape} and type {frame.dtype}, but a frame is a BGR "
            "picture of shape (height, width, 3) and type uint8."
        )
    return frame


class Fit:
    """Brings pictures of one size to inputs of another.

    ``resize`` is ``stretch``, ``letterbox`` (centred) or ``letterbox-topleft``; the border of a letterbox has the grey
    value ``pad``. One picture at a time: what :meth:`planes` returned stays as it is, what it works on is used again.

    Attributes:
        table: (3, 4) float32, how :meth:`to_frame` does it: what is subtracted, the factor, the upper limit.
    """

    def __init__(self, frame: Size, size: Size, resize: str, pad: int) -> None:
        self._limit = np.array([frame[1], frame[0]] * 2, dtype=np.float64)
        height, width = size
        if resize != "stretch":
            scale = min(size[0] / frame[0], size[1] / frame[1])
            height = max(1, min(size[0], round(frame[0] * scale)))
            width = max(1, min(size[1], round(frame[1] * scale)))
        top, left = ((size[0] - height) // 2, (size[1] - width) // 2) if resize == "letterbox" else (0, 0)
        self._canvas = np.full((*size, 3), pad, dtype=np.uint8)
        self._inside = self._canvas[top : top + height, left : left + width]
        self._shift = np.array([left, top, left, top], dtype=np.float64)
        self._scale = np.array([frame[1] / width, frame[0] / height] * 2, dtype=np.float64)
        self.table = np.stack([self._shift, self._scale, self._limit]).astype(np.float32)

    def planes(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture as bytes of shape (1, 3, height, width), channels in the frame's order."""
        height, width = self._inside.shape[:2]
        cv2.resize(frame, (width, height), dst=self._inside, interpolation=cv2.INTER_LINEAR)
        # A new array each time, since the next picture is prepared while the network still reads this one.
        planes = np.empty((1, 3, *self._canvas.shape[:2]), dtype=np.uint8)
        cv2.split(self._canvas, list(planes[0]))
        return planes

    def to_frame(self, boxes: NDArray[Any]) -> NDArray[np.float64]:
        """(N, 4) ``xyxy`` boxes in pixels of the input as boxes in pixels of the picture, clipped to it."""
        mapped = boxes.astype(np.float64)
        mapped -= self._shift
        mapped *= self._scale
        np.maximum(mapped, 0.0, out=mapped)
        np.minimum(mapped, self._limit, out=mapped)
        return mapped
