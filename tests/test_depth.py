from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanomot.assignment import assign
from nanomot.depth import cascade, depth_levels, level_count, pseudo_depths, touch_groups
from tests.strategies import random_boxes, seeds


def level_by_the_book(depth, depths, count):
    """The published ranges, walked one by one: level k reaches from m + k (r + 1) / K."""
    nearest, spread = min(depths), max(depths) - min(depths)
    level = math.floor((depth - nearest) * count / (spread + 1))
    return min(level, max(math.ceil(spread * count / (spread + 1)) - 1, 0))


def groups_by_search(boxes):
    """Connected components by depth-first search."""
    labels = [-1] * len(boxes)
    for start in range(len(boxes)):
        if labels[start] >= 0:
            continue
        stack = [start]
        while stack:
            i = stack.pop()
            if labels[i] >= 0:
                continue
            labels[i] = start
            for j in range(len(boxes)):
                a, b = boxes[i], boxes[j]
                if a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]:
                    stack.append(j)
    return labels


@given(seed=seeds, n=st.integers(0, 40))
def test_groups_equal_a_search(seed, n):
    boxes = random_boxes(np.random.default_rng(seed), n, width=2000, height=2000)
    assert touch_groups(boxes).tolist() == groups_by_search(boxes)


def test_a_long_chain_is_one_group():
    left = np.arange(300) * 10.0
    boxes = np.column_stack((left, np.zeros(300), left + 10.0, np.ones(300)))
    shuffled = boxes[np.random.default_rng(0).permutation(300)]
    assert (touch_groups(shuffled) == 0).all()


@given(seed=seeds, n=st.integers(1, 30), count=st.integers(1, 9))
def test_levels_equal_the_formula(seed, n, count):
    depths = np.random.default_rng(seed).uniform(-500, 500, n)
    expected = [level_by_the_book(depth, depths, count) for depth in depths]
    assert depth_levels(depths, count).tolist() == expected
    assert max(expected) < max(level_count(depths, count), 1)


@given(seed=seeds, n=st.integers(1, 30), count=st.integers(1, 5))
def test_levels_within_groups(seed, n, count):
    rng = np.random.default_rng(seed)
    depths, groups = rng.uniform(-500, 500, n), rng.integers(0, n, n)
    levels = depth_levels(depths, count, groups)
    for group in np.unique(groups):
        members = groups == group
        np.testing.assert_array_equal(levels[members], depth_levels(depths[members], count))


def test_near_is_low_in_the_picture():
    boxes = np.array([[0.0, 0, 10, 100], [0, 0, 10, 400], [0, 0, 10, 250]])
    assert np.argsort(pseudo_depths(boxes)).tolist() == [1, 2, 0]
    assert depth_levels(pseudo_depths(boxes), 3).tolist() == [2, 0, 1]


@pytest.mark.parametrize("count", [1, 3])
def test_no_boxes(count):
    assert len(depth_levels(np.empty(0), count)) == 0
    assert level_count(np.empty(0), count) == 0


def test_leftovers_join_the_next_level():
    cost = np.array([[0.9, 0.1], [0.2, 0.9]])
    levels = np.array([0, 1])
    rows, columns = cascade(levels, levels, 2, lambda r, c: assign(cost[np.ix_(r, c)], 0.5))
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]


def test_near_pairs_are_matched_first():
    # Row 0 (near) may take either column; the far row would be better off with column 0, but comes second.
    cost = np.array([[0.2, 0.3], [0.1, 0.9]])
    match = lambda r, c: assign(cost[np.ix_(r, c)], 0.5)  # noqa: E731
    rows, columns = cascade(np.array([0, 1]), np.array([0, 1]), 2, match)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])


def test_surplus_levels_are_never_tried():
    rows, _ = cascade(np.array([0]), np.array([2]), 2, lambda r, c: assign(np.zeros((len(r), len(c))), 0.5))
    assert len(rows) == 0
