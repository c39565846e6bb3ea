"""DTC, Duplicate Track Checking: births that duplicate a track, and two tracks on one target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import OverlapPairs

Array = NDArray[np.float64]


def overlaps_any(overlaps: Array, limit: float) -> NDArray[np.bool_]:
    """Which of N boxes overlap any of M others by more than ``limit``: (N, M) overlaps -> (N,) mask."""
    if overlaps.shape[1] == 0:
        return np.zeros(overlaps.shape[0], bool)
    found: NDArray[np.bool_] = overlaps.max(axis=1) > limit
    return found


def younger_twins(
    pairs: OverlapPairs, row_ages: NDArray[np.int64], column_ages: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The younger of each pair of twins (BYTE's duplicate removal).

    Args:
        pairs: which of N tracked rows and M lost columns are twins, as :func:`nanomot.boxes.overlap_pairs` lists them.
        row_ages: (N,) frames from birth to the latest detection.
        column_ages: (M,) likewise.

    Returns:
        Indices of the rows and of the columns to remove; of equal ages the row goes, as in BYTE.
    """
    rows, columns, _ = pairs
    row_is_older = row_ages[rows] > column_ages[columns]
    return rows[~row_is_older], columns[row_is_older]
