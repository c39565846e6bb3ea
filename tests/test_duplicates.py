from __future__ import annotations

import numpy as np

from nanomot.duplicates import overlaps_any, younger_twins


def test_overlaps_any():
    assert overlaps_any(np.array([[0.1, 0.31], [0.3, 0.0]]), 0.3).tolist() == [True, False]
    assert overlaps_any(np.empty((2, 0)), 0.3).tolist() == [False, False]


def test_the_younger_twin_goes():
    twins = np.array([0, 1]), np.array([0, 1]), np.array([0.9, 0.9])
    rows, columns = younger_twins(twins, np.array([10, 3, 1]), np.array([5, 7]))
    assert rows.tolist() == [1]
    assert columns.tolist() == [0]


def test_of_equal_ages_the_tracked_one_goes():
    rows, columns = younger_twins((np.array([0]), np.array([0]), np.array([0.9])), np.array([5]), np.array([5]))
    assert (rows.tolist(), columns.tolist()) == ([0], [])
