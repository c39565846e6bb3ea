"""RHD, Refind High Detection: low-score boxes that repeat a box of the last frame (NanoTrack).

A person who is half hidden keeps its place while its score falls. A low-score box that lies almost exactly where a
high-score box lay in the last frame is promoted to the high-score ones; a low-score box that repeats a low-score box
of the last frame to the pixel is recycled: it may confirm a tentative track and give birth to one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nanomot.duplicates import overlaps_any

Array = NDArray[np.float64]
Overlap = Callable[[Array, NDArray[np.int64], Array, NDArray[np.int64]], Array]


class LowScoreRecycler:
    """Remembers one frame's high-score and low-score boxes and tells which new low-score boxes repeat them."""

    def __init__(self, promote_iou: float, recycle_iou: float) -> None:
        """Boxes are promoted above ``promote_iou`` with a high one, recycled above ``recycle_iou`` with a low one."""
        self.promote_iou = promote_iou
        self.recycle_iou = recycle_iou
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._boxes = np.empty((0, 4))
        self._class_ids = np.empty(0, np.int64)
        self._high_count = 0

    def find(
        self, boxes: Array, class_ids: NDArray[np.int64], overlap: Overlap
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which of this frame's (N, 4) low-score boxes are promoted and which of the rest are recycled.

        ``overlap(boxes, classes, boxes, classes)`` gives the (N, M) overlaps. Returns two (N,) masks.
        """
        if len(boxes) == 0 or len(self._boxes) == 0:
            return np.zeros(len(boxes), bool), np.zeros(len(boxes), bool)
        overlaps = overlap(boxes, class_ids, self._boxes, self._class_ids)
        promoted = overlaps_any(overlaps[:, : self._high_count], self.promote_iou)
        recycled = overlaps_any(overlaps[:, self._high_count :], self.recycle_iou)
        return promoted, recycled & ~promoted

    def remember(
        self, boxes: Array, class_ids: NDArray[np.int64], high: NDArray[np.intp], low: NDArray[np.intp]
    ) -> None:
        """Keep this frame's boxes for the next; ``high`` and ``low`` are row indices, promoted rows among the high."""
        rows = np.concatenate((high, low))
        self._boxes, self._class_ids = boxes[rows], class_ids[rows]
        self._high_count = len(high)
