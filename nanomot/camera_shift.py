"""The camera's shift between two frames, from boxes alone: what all tracks' surprises have in common.

Where no picture is at hand the tracks themselves are the landmarks: if everybody's box lies to the left of where it
was predicted, the camera has turned to the right. The median of these surprises is trusted the less the more they
disagree, so that noise is not taken for motion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import iou_matrix

Array = NDArray[np.float64]

MOST_LANDMARKS = 32
"""So many tracks show the shift as well as all of a crowd."""
_PASSES = (0.15, 0.3)
"""IoU that pairs must exceed before and after the first correction."""
_FEWEST = 3
_STILL = 0.5
"""Pixels; after a smaller correction the second pass would find the same pairs."""
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
        boxes: (M, 4) detections that are surely objects.

    Tracks and detections that are each other's best overlap form pairs. Per axis, with the median m of their
    displacements and its standard error s from the median absolute deviation, the shift is
    m^3 / (m^2 + (3 s)^2 + 1/4): all of m when pairs agree, nothing when they do not.
    """
    total = np.zeros(2)
    if len(predicted) < _FEWEST or len(boxes) < _FEWEST:
        return total
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    for least in _PASSES:
        moved = predicted + np.concatenate((total, total))
        overlaps = iou_matrix(moved, boxes)
        columns, rows = overlaps.argmax(axis=1), np.arange(len(moved))
        mutual = (overlaps.argmax(axis=0)[columns] == rows) & (overlaps[rows, columns] > least)
        pairs = mutual.nonzero()[0]
        if len(pairs) < _FEWEST:
            break
        displaced = centres[columns[pairs]] - (moved[pairs, :2] + moved[pairs, 2:]) / 2
        median = _medians(displaced)
        error = _TO_ERROR * _TO_DEVIATION * _medians(np.abs(displaced - median)) / len(pairs) ** 0.5
        step = median**3 / (median**2 + (_STRICTNESS * error) ** 2 + _QUARTER_PIXEL)
        total = total + step
        if np.abs(step).max() < _STILL:
            break
    return total


def _medians(columns: Array) -> Array:
    """Medians of the two columns of an (N, 2) array; np.median takes twenty times as long for few rows."""
    ordered, middle = np.sort(columns, axis=0), len(columns) // 2
    medians: Array = ordered[middle] if len(columns) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return medians
