"""Camera motion by the whole picture: the matrix under which two of them correlate best."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.camera_estimator import Array, CameraMotion, Grey, Unclear, View
from nanomot.warps import farthest_move, from_small_picture, no_motion


class EccMotion(CameraMotion):
    """The affine matrix under which two pictures correlate best (ECC; Evangelidis and Psarakis, TPAMI 2008).

    It uses every pixel, needs no corners, and takes several times as long as
    :class:`~nanomot.camera_motion.SparseFlow`. The search starts at the shift that phase correlation finds.
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


def _mask(shape: tuple[int, ...], boxes: Array, scale: Array) -> NDArray[np.uint8]:
    """1 where the small picture shows none of the (N, 4) boxes of the whole one, 0 elsewhere."""
    mask = np.ones(shape, np.uint8)
    corners = boxes * np.tile(scale, 2)
    corners[:, :2] = np.floor(corners[:, :2])
    limits = np.array([shape[1], shape[0], shape[1], shape[0]])
    for x1, y1, x2, y2 in np.clip(np.ceil(corners), 0, limits).astype(int).tolist():
        mask[y1:y2, x1:x2] = 0
    return mask
