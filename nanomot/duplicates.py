"""DTC, Duplicate Track Checking: births that duplicate a track, and two tracks on one target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def overlaps_any(overlaps: Array, limit: float) -> NDArray[np.bool_]:
    """Which of N boxes overlap any of M others by more than ``limit``: (N, M) overlaps -> (N,) mask."""
    if overlaps.shape[1] == 0:
        return np.zeros(overlaps.shape[0], bool)
    found: NDArray[np.bool_] = overlaps.max(axis=1) > limit
    return found


def younger_twins(
    overlaps: Array, row_ages: NDArray[np.int64], column_ages: NDArray[np.int64], limit: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of every pair of tracks that overlap by more than ``limit``, the younger one (BYTE's duplicate removal).

    Args:
        overlaps: (N, M) of tracked rows with lost columns.
        row_ages: (N,) frames from birth to the latest detection.
        column_ages: (M,) likewise.
        limit: in [0, 1].

    Returns:
        Indices of the rows and of the columns to remove; of equal ages the row goes, as in BYTE.
    """
    rows, columns = np.nonzero(overlaps > limit)
    row_is_older = row_ages[rows] > column_ages[columns]
    return np.unique(rows[~row_is_older]), np.unique(columns[row_is_older])
