"""The camera's shift between two frames, from boxes alone: what all tracks' surprises have in common.

Where no picture is at hand the tracks themselves are the landmarks: if everybody's box lies to the left of where it
was predicted, the camera has turned to the right. The median of these surprises is trusted the less the more they
disagree, so that noise is not taken for motion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_FEWEST = 3
_TO_DEVIATION = 1.48
"""Median absolute deviation -> standard deviation of a normal distribution."""
_TO_ERROR = 1.25
"""Standard error of a median over that of a mean."""
_STRICTNESS = 3.0
_QUARTER_PIXEL = 0.25


def common_shift(predicted: Array, boxes: Array) -> Array:
    """How far the picture has moved, (2,) pixels in x and y; zeros where that cannot be told.

    Args:
        predicted: (N, 4) ``xyxy`` boxes of tracks seen in the last frame, moved ahead.
        boxes: (N, 4) the detection of each of them.

    Per axis, with the median m of the centres' displacements and its standard error s from the median absolute
    deviation, the shift is m^3 / (m^2 + (3 s)^2 + 1/4): all of m when pairs agree, nothing when they do not.
    """
    count = len(predicted)
    if count < _FEWEST:
        return np.zeros(2)
    displaced = boxes - predicted
    centres = (displaced[:, :2] + displaced[:, 2:]) / 2
    median = _medians(centres)
    error = _TO_ERROR * _TO_DEVIATION * _medians(np.abs(centres - median)) / count**0.5
    shift: Array = median**3 / (median**2 + (_STRICTNESS * error) ** 2 + _QUARTER_PIXEL)
    return shift


def mutual_best(rows: Indices, columns: Indices, values: Array, shape: tuple[int, int]) -> Indices:
    """Which of K pairs are the best both of their row and of their column; of equal ones a later pair is the better."""
    order = values.argsort(kind="stable")
    of_row, of_column = np.empty(shape[0], np.intp), np.empty(shape[1], np.intp)
    # Where an index is repeated the last assignment stays: the best pair's.
    of_row[rows[order]] = order
    of_column[columns[order]] = order
    best: Indices = (of_row[rows] == of_column[columns]).nonzero()[0]
    return best


def _medians(columns: Array) -> Array:
    """Medians of the two columns of an (N, 2) array; np.median takes twenty times as long for few rows."""
    ordered, middle = np.sort(columns, axis=0), len(columns) // 2
    medians: Array = ordered[middle] if len(columns) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return medians
