"""How the camera moved between two pictures, as the affine matrix that trackers take as ``warp``.

Estimates are made on small grey pictures; the matrices are in the whole picture's coordinates (:mod:`nanomot.warps`).
A camera that stands still gives exactly the identity: what moves less than an estimator's noise is no motion. Where
nothing can be said (another size, nothing to hold on to, a motion that no camera does between two frames) the answer
is the identity, too, and the first such failure is logged.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.camera_ecc import EccMotion
from nanomot.camera_estimator import Array, CameraMotion, Grey, Unclear, View
from nanomot.errors import NanomotError
from nanomot.warps import farthest_move, no_motion


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
