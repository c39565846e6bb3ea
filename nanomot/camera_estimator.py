"""What every estimator of camera motion has in common: small grey pictures, two halves, and answers for lost cases."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError
from nanomot.warps import no_motion, unlikely_motion

Array = NDArray[np.float64]
Grey = NDArray[np.uint8]

_LOG = logging.getLogger("nanomot.camera_motion")

_SMALLEST_SIDE = 32
"""Pixels of the small picture."""


class View(NamedTuple):
    """One picture as its successor needs it; ``evidence`` is what it shows of the motion since its predecessor.

    Attributes:
        size: width and height of the whole picture.
        scale: width and height of the small picture, in those of the whole one.
        failure: why there is no evidence; "" where there is.
    """

    evidence: Any
    size: tuple[int, int]
    scale: Array
    failure: str


class Unclear(Exception):  # noqa: N818  # an answer, not a mistake
    """Nothing can be said about the motion; the message says why."""


class CameraMotion(ABC):
    """Estimates the camera's motion from picture to picture.

    :meth:`update` does all of it. Its two halves may run in two threads, each called once per frame and in order:
    :meth:`look` needs the picture alone, :meth:`estimate` the boxes as well.
    """

    def __init__(self, *, longest_side: int = 480) -> None:
        """``longest_side``: of the small picture, pixels; smaller ones are taken as they are."""
        if longest_side < _SMALLEST_SIDE:
            raise NanomotError(f"longest_side must be at least {_SMALLEST_SIDE} pixels, not {longest_side!r}.")
        self.longest_side = longest_side
        self._warned = False
        self.reset()

    def reset(self) -> None:
        """Forget the last picture: the next one is the first of another video."""
        self.failures = 0
        """Frames, since the start, about whose motion nothing could be said."""
        self.clear = False
        """Whether something could be said about the motion before the latest frame."""
        self._frame = 0
        self._size: tuple[int, int] | None = None
        self._boxes: Array = np.empty((0, 4))
        self._forget()

    def update(self, frame: NDArray[np.uint8] | None, boxes: Array | None = None) -> Array:
        """The (2, 3) float64 matrix from the last picture's pixels to this one's.

        Args:
            frame: BGR (H, W, 3) or grey (H, W) uint8 picture; None where it could not be read: it is passed over, and
                the next matrix reaches back to the last picture there was.
            boxes: (N, 4) ``xyxy`` pixels of what may move on its own in this picture; it is left out of account.

        Raises:
            NanomotError: the picture or the boxes have another shape or type.
        """
        return self.estimate(self.look(frame), boxes)

    def look(self, frame: NDArray[np.uint8] | None) -> View | None:
        """The first half of :meth:`update`; None for a picture that could not be read."""
        if frame is None:
            return None
        kind = (
            (frame.dtype, *frame.shape[2:]) if isinstance(frame, np.ndarray) and frame.size and frame.ndim > 1 else ()
        )
        if kind not in ((np.uint8,), (np.uint8, 3)):
            raise NanomotError("camera motion: takes uint8 pictures of shape (H, W, 3) or (H, W).")
        # A copy in any case: it is looked at again when the caller may long have written to the array.
        grey: Any = frame.copy() if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        height, width = grey.shape
        factor = min(self.longest_side / max(width, height), 1.0)
        small_size = (max(round(width * factor), 1), max(round(height * factor), 1))
        if factor < 1.0:
            grey = cv2.resize(grey, small_size, interpolation=cv2.INTER_AREA)
        scale = np.array(small_size) / (width, height)
        size, last_size = (width, height), self._size
        self._size = size
        failure = ""
        if last_size is None:
            failure = "first"
        elif last_size != size:
            failure = f"the picture's size changed from {last_size[0]}x{last_size[1]} to {width}x{height}"
        elif min(small_size) < _SMALLEST_SIDE:
            failure = "the picture is too small"
        if failure:
            self._forget()
        try:
            evidence = self._compare(grey)
        except cv2.error as error:
            self._forget()
            evidence, failure = None, failure or f"OpenCV: {error.err}"
        return View(evidence, size, scale, failure)

    def estimate(self, view: View | None, boxes: Array | None = None) -> Array:
        """The second half of :meth:`update`."""
        self._frame += 1
        self.clear = False
        if view is None:
            return no_motion()
        boxes = np.empty((0, 4)) if boxes is None else np.asarray(boxes, dtype=np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise NanomotError(f"camera motion: boxes must have the shape (N, 4), not {boxes.shape}.")
        last_boxes, self._boxes = self._boxes, boxes
        if view.failure == "first":
            return no_motion()
        try:
            if view.failure:
                raise Unclear(view.failure)
            warp = self._solve(view, last_boxes, boxes)
            if unlikely := unlikely_motion(warp, view.size):
                raise Unclear(unlikely)
            self.clear = True
            return warp
        except (Unclear, cv2.error) as error:
            self._fail(error)
            return no_motion()

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        if not self._warned:
            self._warned = True
            reason = f"OpenCV: {error.err}" if isinstance(error, cv2.error) else str(error)
            _LOG.warning(
                "camera motion: unclear in frame %d (%s); the camera counts as still there, and in later frames of the "
                "kind, which are not reported.",
                self._frame,
                reason,
            )

    @abstractmethod
    def _forget(self) -> None:
        """Drop the last picture."""

    @abstractmethod
    def _compare(self, grey: Grey) -> Any:
        """What the small picture shows of the motion since the last one, which it replaces."""

    @abstractmethod
    def _solve(self, view: View, last_boxes: Array, boxes: Array) -> Array:
        """The (2, 3) matrix in pixels of the whole picture; :class:`Unclear` where there is none."""
