"""What every tracker is: the protocol that users see and the bookkeeping that all methods share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import OverlapPairs, iou_matrix, overlap_pairs
from nanomot.detections import Detections, Tracks
from nanomot.errors import NanomotError
from nanomot.kalman import MotionModel
from nanomot.tracks import Rows, TrackTable

Array = NDArray[np.float64]
Side = tuple[Array, NDArray[np.int64], Rows]
"""One side of a comparison: (N, 4) ``xyxy`` boxes and (N,) class ids, and which rows of them take part."""

BUFFER_RATE = 30.0
"""``track_buffer`` counts frames of this rate: a buffer of 30 is one second of any video."""
_TIME_TOLERANCE = 1e-3
"""Seconds; container timestamps are rounded to milliseconds."""


class Tracker(ABC):
    """Follows objects through a video, one ``update`` per frame.

    Call :meth:`update` on **every** frame, also on those without a detection: tracks move, age and die by it.
    A tracker holds no state outside of itself; equal inputs give equal outputs.
    """

    parameter_class: ClassVar[type[Any]]

    def __init__(self, parameters: Any, *, frame_rate: float = BUFFER_RATE) -> None:
        """``frame_rate`` (frames per second) stands in for ``time`` where :meth:`update` is not given any."""
        if not frame_rate > 0:
            raise NanomotError(f"frame_rate must be positive, not {frame_rate!r}.")
        self.parameters = parameters
        self.frame_rate = frame_rate
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a new sequence and ids start at 1 again."""
        self.frame = 0
        self.time = 0.0
        self.interval = 1.0 / self.frame_rate
        """Seconds between the last two frames; while a frame is associated, between the two before it."""
        self.elapsed = self.interval
        """Seconds from the last frame to the one being associated."""
        self._clear()

    def update(
        self,
        detections: Detections,
        frame: NDArray[np.uint8] | None = None,
        time: float | None = None,
        *,
        warp: Array | None = None,
    ) -> Tracks:
        """Take one frame's detections and return its tracks.

        Args:
            detections: the frame's boxes, none included.
            frame: the picture, BGR uint8 (H, W, 3); only methods that look at pictures need it.
            time: seconds since any fixed moment, not falling; None: frames come at ``frame_rate``.
            warp: (2, 3) affine matrix from the last picture's pixels to this one's, for a moving camera; the identity
                says that the camera stands still, None that nobody knows.

        Raises:
            NanomotError: the time runs backwards or is not finite, or the warp has another shape.
        """
        if not isinstance(detections, Detections):
            raise NanomotError(
                f"update: takes nanomot.Detections, not {type(detections).__name__}; nanomot.interop makes them from "
                "arrays and from supervision's detections."
            )
        if time is None:
            time = self.time + 1.0 / self.frame_rate if self.frame else 0.0
        elif not np.isfinite(time) or (self.frame and time < self.time):
            raise NanomotError(
                f"update: the time of frame {self.frame + 1} is {time} s, after {self.time} s; times must not fall "
                "(call reset() between sequences)."
            )
        if warp is not None:
            warp = np.asarray(warp, dtype=np.float64)
            if warp.shape != (2, 3) or not np.isfinite(warp).all():
                raise NanomotError(f"update: warp must be a finite (2, 3) matrix, not one of shape {warp.shape}.")
        self.frame += 1
        elapsed = float(time) - self.time
        self.time = float(time)
        if self.frame > 1:
            self.elapsed = elapsed
        if self.frame == 2:
            self.interval = elapsed
        tracks = self._step(detections, frame, warp)
        if self.frame > 1:
            self.interval = elapsed
        return tracks

    @abstractmethod
    def _clear(self) -> None:
        """Drop all state."""

    @abstractmethod
    def _step(self, detections: Detections, frame: NDArray[np.uint8] | None, warp: Array | None) -> Tracks:
        """Associate one frame; ``self.frame`` and ``self.time`` are already this frame's."""


class TableTracker(Tracker):
    """A tracker whose state is a :class:`TrackTable` with one motion model."""

    motion: MotionModel
    inclusive_pixels = False
    """Whether boxes are x2 - x1 + 1 wide when they are compared; :func:`nanomot.boxes.iou_matrix`."""

    def _clear(self) -> None:
        self.table = TrackTable(self.motion)

    def _overlaps(
        self, boxes: Array, class_ids: NDArray[np.int64], others: Array, other_class_ids: NDArray[np.int64]
    ) -> Array:
        """IoU of (N, 4) and (M, 4) boxes; 0 across classes when ``per_class`` is set."""
        overlaps = iou_matrix(boxes, others, inclusive=self.inclusive_pixels)
        if self.parameters.per_class:
            overlaps *= class_ids[:, None] == other_class_ids[None, :]
        return overlaps

    def _overlap_pairs(self, side: Side, other: Side, *, above: float = 0.0) -> OverlapPairs:
        """The pairs whose IoU exceeds ``above``, of one class when ``per_class`` is set.

        Returns:
            Positions in the rows of ``side``, positions in the rows of ``other`` and IoU, each of shape (K,).
        """
        boxes, class_ids, rows = side
        other_boxes, other_class_ids, other_rows = other
        at, at_other, overlaps = overlap_pairs(
            boxes[rows], other_boxes[other_rows], inclusive=self.inclusive_pixels, above=above
        )
        if self.parameters.per_class:
            same = (class_ids[rows[at]] == other_class_ids[other_rows[at_other]]).nonzero()[0]
            at, at_other, overlaps = at[same], at_other[same], overlaps[same]
        return at, at_other, overlaps

    def _within_buffer(self) -> NDArray[np.bool_]:
        """Which tracks were seen within ``track_buffer``, by the clock."""
        return self._seen_since(self.parameters.track_buffer / BUFFER_RATE)

    def _forget_stalled(self) -> None:
        """Before a frame is associated, drop the tracks whose time ran out while no frame came.

        Tracks die at the end of a frame, so one may be matched an interval after its time (as in BYTE); a camera that
        stood still for a minute must not hand its ids to whoever stands there now.
        """
        self.table.keep(self._seen_since(self.parameters.track_buffer / BUFFER_RATE + self.interval))

    def _seen_since(self, seconds: float) -> NDArray[np.bool_]:
        seen: NDArray[np.bool_] = self.time - self.table.seen_times <= seconds + _TIME_TOLERANCE
        return seen
