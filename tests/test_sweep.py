"""Pairs of boxes that meet against a comparison of all with all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot.sweep import meeting_pairs, twin_pairs
from tests.strategies import random_boxes, seeds
from tests.test_suppression import iou


def all_meeting(a, b):
    return {
        (row, column)
        for row, one in enumerate(a.tolist())
        for column, other in enumerate(b.tolist())
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    }


def as_set(rows, columns):
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs), "a pair is given twice"
    return set(pairs)


# Few pairs, thousands, hundreds of thousands: sizes that are worth different ways of comparing.
@pytest.mark.parametrize(("count", "others"), [(1, 1), (6, 9), (70, 90), (700, 700)])
def test_who_meets(count, others):
    rng = np.random.default_rng(count)
    a, b = (random_boxes(rng, n, width=4000, height=2000) for n in (count, others))
    rows, columns = meeting_pairs(a, b)
    assert as_set(rows, columns) == all_meeting(a, b)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, count=st.integers(0, 90), others=st.integers(0, 90))
def test_who_meets_in_any_crowd(seed, count, others):
    """Whole numbers, so that many sides lie on each other, and boxes of very different widths."""
    rng = np.random.default_rng(seed)
    a, b = (np.round(random_boxes(rng, n) / 20) * 20 for n in (count, others))
    for boxes in (a, b):
        boxes[:, 2:] += rng.choice([20, 20, 20, 2000], (len(boxes), 1))
    rows, columns = meeting_pairs(a, b)
    assert as_set(rows, columns) == all_meeting(a, b)


def test_touching_is_not_meeting():
    box = np.array([[100.0, 100, 200, 200]])
    for x, y in ((100, 0), (-100, 0), (0, 100), (0, -100), (100, 100)):
        beside = box + [x, y, x, y]
        assert len(meeting_pairs(box, beside)[0]) == 0
        assert len(meeting_pairs(np.tile(box, (90, 1)), np.tile(beside, (90, 1)))[0]) == 0
        nearer = box + np.sign([x, y, x, y]) * 99.5
        assert len(meeting_pairs(box, nearer)[0]) == 1


@settings(max_examples=60, deadline=None)
@given(seed=seeds, count=st.integers(0, 60), least=st.sampled_from([0.0, 0.1, 0.37, 0.8]))
def test_twins(seed, count, least):
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, 8)[rng.integers(0, 8, count)] + rng.uniform(-15, 15, (count, 4))
    rows, columns, overlaps = twin_pairs(boxes, least)
    pairs = [tuple(sorted(pair)) for pair in zip(rows.tolist(), columns.tolist(), strict=True)]
    found = dict(zip(pairs, overlaps.tolist(), strict=True))
    assert len(found) == len(rows), "a pair is given twice"
    expected = {
        (first, second): iou(boxes[first], boxes[second])
        for first in range(count)
        for second in range(first + 1, count)
    }
    assert found == pytest.approx({pair: overlap for pair, overlap in expected.items() if overlap > least})
