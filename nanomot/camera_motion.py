"""How the camera moved between two pictures, as the affine matrix that trackers take as ``warp``.

Estimates are made on small grey pictures; the matrices are in the whole picture's coordinates (:mod:`nanomot.warps`).
A camera that stands still gives exactly the identity: what moves less than an estimator's noise is no motion. Where
nothing can be said (another size, nothing to hold on to, a motion that no camera does between two frames) the answer
is the identity, too, and the first such failure is logged.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError
from nanomot.warps import farthest_move, from_small_picture, no_motion, unlikely_motion

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


class SparseFlow(CameraMotion):
    """Corners followed by pyramidal Lucas-Kanade, and the similarity most of them agree on (RANSAC).

    As in BoT-SORT (Aharon et al. 2022), but with the best corner of every cell of a grid: the number of corners is
    then a measure of the picture's area, and a person with a patterned shirt has no more of a vote than the wall.
    """

    def __init__(self, *, longest_side: int = 480, cell: int = 22) -> None:
        """``cell``: side of the grid's cells in pixels of the small picture."""
        super().__init__(longest_side=longest_side)
        if cell < 4:
            raise NanomotError(f"cell must be at least 4 pixels, not {cell!r}.")
        self.cell = cell

    _STILL = 0.15
    """Pixels of the small picture; flow below is noise."""
    _STILL_CORNERS = 0.25
    """Pixels of the small picture; a matrix that moves no corner of the picture farther is noise, too."""
    _STILL_PART = 0.25
    """When this part of the picture stands still, so does the camera."""
    _AGREEMENT = 0.35
    """The least part of the corners that must agree."""
    _FEWEST = 12
    _DISTANCE = 1.5
    """Pixels of the small picture within which a corner agrees."""
    _SMALLEST_CORNER = 1e-5
    """Smaller eigenvalue of the gradients' covariance, as OpenCV scales it; below lies the noise of a blank wall."""
    _WINDOW = (15, 15)
    _LEVELS = 3
    _STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.02)

    def _forget(self) -> None:
        self._last: Grey | None = None
        self._corners = np.empty((0, 2), np.float32)

    def _compare(self, grey: Grey) -> Any:
        """Where the last picture's corners were and are, (K, 2) each, pixels of the small picture."""
        last, corners = self._last, self._corners
        self._last, self._corners = grey, self._find_corners(grey)
        if last is None or len(corners) == 0:
            return corners, corners
        guess: Any = None
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            last, grey, corners, guess, winSize=self._WINDOW, maxLevel=self._LEVELS, criteria=self._STOP
        )
        found = np.ravel(status) > 0
        return corners[found], moved[found]

    def _find_corners(self, grey: Grey) -> NDArray[np.float32]:
        """The best corner of every cell that has one, (K, 2)."""
        cell = self.cell
        rows, columns = grey.shape[0] // cell, grey.shape[1] // cell
        strength = cv2.cornerMinEigenVal(grey, 3)[: rows * cell, : columns * cell]
        cells = strength.reshape(rows, cell, columns, cell).swapaxes(1, 2).reshape(rows * columns, cell * cell)
        best = cells.argmax(axis=1)
        chosen = (cells[np.arange(len(cells)), best] > self._SMALLEST_CORNER).nonzero()[0]
        row, column = np.divmod(chosen, max(columns, 1))
        y, x = np.divmod(best[chosen], cell)
        return np.stack((column * cell + x, row * cell + y), axis=1).astype(np.float32)

    def _solve(self, view: View, last_boxes: Array, boxes: Array) -> Array:
        before, after = view.evidence
        scale = view.scale.astype(np.float32)
        free = ~_inside_any((before + 0.5) / scale, last_boxes)
        before, after = before[free], after[free]
        if len(before) < self._FEWEST:
            raise Unclear(f"{len(before)} corners outside of boxes")
        still = np.square(after - before).sum(axis=1) < self._STILL**2
        if still.mean() >= self._STILL_PART:
            return no_motion()
        matrix, agreeing = cv2.estimateAffinePartial2D(
            (before + 0.5) / scale,
            (after + 0.5) / scale,
            method=cv2.RANSAC,
            ransacReprojThreshold=self._DISTANCE / float(scale.min()),
        )
        if matrix is None or agreeing.sum() < max(self._AGREEMENT * len(before), self._FEWEST):
            agreed = 0 if matrix is None else int(agreeing.sum())
            raise Unclear(f"{agreed} of {len(before)} corners agree on a motion")
        if farthest_move(matrix, view.size) * float(scale.min()) < self._STILL_CORNERS:
            return no_motion()
        found: Array = matrix
        return found


class EccMotion(CameraMotion):
    """The affine matrix under which two pictures correlate best (ECC; Evangelidis and Psarakis, TPAMI 2008).

    It uses every pixel, needs no corners, and takes several times as long as :class:`SparseFlow`. The search starts at
    the shift that phase correlation finds.
    """

    def __init__(self, *, longest_side: int = 240) -> None:
        """``longest_side``: of the small picture, pixels."""
        super().__init__(longest_side=longest_side)

    _STILL = 0.12
    """Pixels of the small picture; a matrix that moves no corner of the picture farther is noise."""
    _STILL_PART = 1.0 / 3
    """When this part of the picture is explained better by a camera that stands still, that is what it does."""
    _CELL = 12
    """Side of the cells that vote on this, pixels of the small picture."""
    _VISIBLE = 1.5
    """Mean grey levels by which a motion must change a cell for it to have a vote."""
    _CORRELATION = 0.6
    _BLANK = 2.0
    """Grey levels: the standard deviation of a picture on which there is something to see."""
    _FREE_PART = 0.1
    """The least part of the picture outside of boxes."""
    _STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4)
    _SMOOTHING = 5

    def _forget(self) -> None:
        self._last: Grey | None = None

    def _compare(self, grey: Grey) -> Any:
        """The last small picture and this one."""
        last, self._last = self._last, grey
        return last, grey

    def _solve(self, view: View, last_boxes: Array, boxes: Array) -> Array:
        last, grey = view.evidence
        if min(float(last.std()), float(grey.std())) < self._BLANK:
            raise Unclear("the picture is blank")
        mask = _mask(grey.shape, np.concatenate((last_boxes, boxes)), view.scale)
        if mask.mean() < self._FREE_PART:
            raise Unclear("boxes cover the picture")
        start = np.eye(2, 3, dtype=np.float32)
        window = cv2.createHanningWindow((grey.shape[1], grey.shape[0]), cv2.CV_32F)
        shift, _ = cv2.phaseCorrelate(last.astype(np.float32), grey.astype(np.float32), window)
        start[:, 2] = shift
        correlation, matrix = cv2.findTransformECC(
            last, grey, start, cv2.MOTION_AFFINE, self._STOP, mask, self._SMOOTHING
        )
        if not correlation >= self._CORRELATION:
            raise Unclear(f"the pictures correlate by {correlation:.2f} only")
        small = matrix.astype(np.float64)
        noise = farthest_move(small, (grey.shape[1], grey.shape[0])) < self._STILL
        if noise or self._stands_still(last, grey, matrix, mask):
            return no_motion()
        return from_small_picture(small, view.scale)

    def _stands_still(self, last: Grey, grey: Grey, matrix: NDArray[Any], mask: NDArray[np.uint8]) -> bool:
        """Whether much of the picture is explained at least as well by no motion: ECC follows a large object, too."""
        height, width = grey.shape
        cells = (max(width // self._CELL, 1), max(height // self._CELL, 1))
        moved: Any = cv2.warpAffine(last, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

        def difference(a: Grey, b: Grey) -> Any:
            return cv2.resize((cv2.absdiff(a, b) * mask).astype(np.float32), cells, interpolation=cv2.INTER_AREA)

        voters = difference(moved, last) > self._VISIBLE
        if not voters.any():
            return True
        still = difference(grey, last)[voters] <= difference(grey, moved)[voters]
        return bool(still.mean() >= self._STILL_PART)


ESTIMATORS: dict[str, type[CameraMotion]] = {"sparse": SparseFlow, "ecc": EccMotion}
CAMERA_MOTIONS = ("none", *ESTIMATORS)


def create_camera_motion(name: str, **options: Any) -> CameraMotion | None:
    """The estimator ``"sparse"`` or ``"ecc"``; None for ``"none"``.

    Raises:
        NanomotError: there is no such estimator or option.
    """
    if name == "none" and not options:
        return None
    if name not in ESTIMATORS:
        raise NanomotError(f"There is no camera motion {name!r}; choose one of {', '.join(CAMERA_MOTIONS)}.")
    try:
        return ESTIMATORS[name](**options)
    except TypeError as error:
        raise NanomotError(f"camera motion {name}: {error}.") from error


def _inside_any(points: NDArray[Any], boxes: Array) -> NDArray[np.bool_]:
    """Which of (K, 2) points lie in any of (N, 4) boxes."""
    x, y = points[:, :1], points[:, 1:]
    inside: NDArray[np.bool_] = (x >= boxes[:, 0]) & (x <= boxes[:, 2]) & (y >= boxes[:, 1]) & (y <= boxes[:, 3])
    return np.asarray(inside.any(axis=1))


def _mask(shape: tuple[int, ...], boxes: Array, scale: Array) -> NDArray[np.uint8]:
    """1 where the small picture shows none of the (N, 4) boxes of the whole one, 0 elsewhere."""
    mask = np.ones(shape, np.uint8)
    corners = boxes * np.tile(scale, 2)
    corners[:, :2] = np.floor(corners[:, :2])
    limits = np.array([shape[1], shape[0], shape[1], shape[0]])
    for x1, y1, x2, y2 in np.clip(np.ceil(corners), 0, limits).astype(int).tolist():
        mask[y1:y2, x1:x2] = 0
    return mask
