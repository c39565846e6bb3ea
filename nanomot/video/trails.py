"""Where tracks have been: a fading line behind each, with a memory that forgets."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.video.colours import id_colour
from nanomot.video.frames import Image

_POINTS = 24
_SUBPIXEL_BITS = 3


class Trails:
    """The last ``seconds`` of every track's feet (bottom centre of its box).

    At most 24 points per track are kept, whatever the frame rate, and a track that is gone is forgotten once its trail
    has faded. When time goes back, another sequence has begun: all trails end.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._points: dict[int, deque[tuple[float, float, float]]] = {}
        self._now = float("-inf")

    def __len__(self) -> int:
        return len(self._points)

    def update(self, ids: NDArray[np.int64], boxes: NDArray[np.float64], time: float) -> None:
        """Add the feet of (N, 4) ``xyxy`` boxes with (N,) ids, seen at ``time`` in seconds."""
        if time < self._now:
            self._points.clear()
        self._now = time
        feet_x = ((boxes[:, 0] + boxes[:, 2]) * 0.5).tolist()
        for track_id, x, y in zip(ids.tolist(), feet_x, boxes[:, 3].tolist(), strict=True):
            points = self._points.setdefault(track_id, deque(maxlen=_POINTS + 2))
            # The newest point moves along with the track until it is far enough in time from the one before.
            if len(points) > 1 and points[-1][0] - points[-2][0] < self._seconds / _POINTS:
                points.pop()
            points.append((time, x, y))
        oldest = time - self._seconds
        for track_id in list(self._points):
            points = self._points[track_id]
            while points and points[0][0] < oldest:
                points.popleft()
            if not points:
                del self._points[track_id]

    def draw(self, canvas: Image, thickness: int) -> None:
        """Draw all trails into ``canvas``, older parts fainter."""
        chains = [(id_colour(track_id), list(points)) for track_id, points in self._points.items() if len(points) > 1]
        if not chains:
            return
        starts = np.array([point for _, points in chains for point in points[:-1]])
        ends = np.array([point for _, points in chains for point in points[1:]])
        colours = np.array([colour for colour, points in chains for _ in points[:-1]], dtype=np.float64)
        freshness = np.clip(1.0 - (self._now - ends[:, 0]) / self._seconds, 0.0, 1.0)
        # A line in the mixture of its colour and the picture below looks translucent without a second full picture.
        middle = (starts[:, 1:] + ends[:, 1:]) * 0.5
        column = np.clip(middle[:, 0], 0, canvas.shape[1] - 1).astype(np.intp)
        row = np.clip(middle[:, 1], 0, canvas.shape[0] - 1).astype(np.intp)
        opacity = (0.15 + 0.85 * freshness)[:, None]
        mixed = (opacity * colours + (1.0 - opacity) * canvas[row, column]).tolist()
        widths = np.maximum(np.rint(thickness * (0.5 + 0.5 * freshness)), 1.0).astype(int).tolist()
        scale = 1 << _SUBPIXEL_BITS
        # OpenCV's coordinates overflow far outside of the picture.
        size = np.array([canvas.shape[1], canvas.shape[0]])
        first, last = (
            np.rint(np.clip(points[:, 1:], -size, 2 * size) * scale).astype(int).tolist() for points in (starts, ends)
        )
        for start, end, colour, width in zip(first, last, mixed, widths, strict=True):
            cv2.line(canvas, start, end, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)
