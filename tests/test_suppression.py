"""Suppression of part boxes against the greedy loop of the textbooks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot.suppression import suppress
from tests.strategies import random_boxes, seeds

NO_CLASSES = np.zeros(10_000, np.int64)


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def greedy(boxes, scores, class_ids, limit):
    """From the best to the worst: a box stays unless one that stayed covers it."""
    kept = []
    for row in sorted(range(len(boxes)), key=lambda row: (-scores[row], row)):
        if all(class_ids[row] != class_ids[other] or iou(boxes[row], boxes[other]) <= limit for other in kept):
            kept.append(row)
    return sorted(kept)


@settings(max_examples=80, deadline=None)
@given(
    seed=seeds,
    count=st.integers(0, 60),
    places=st.integers(1, 12),
    spread=st.floats(0.5, 40),
    classes=st.integers(1, 3),
    limit=st.sampled_from([0.0, 0.1, 0.37, 0.6, 0.9]),
)
def test_equals_the_greedy_loop(seed, count, places, spread, classes, limit):
    """Boxes in heaps, so that chains of coverings arise; scores of one digit, so that many are equal."""
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, places)[rng.integers(0, places, count)] + rng.uniform(-spread, spread, (count, 1))
    boxes = boxes + np.hstack((np.zeros((count, 2)), rng.uniform(0, spread, (count, 2))))
    scores, class_ids = rng.integers(1, 10, count) / 10, rng.integers(0, classes, count)
    kept = suppress(boxes, scores, class_ids, limit)
    assert kept.tolist() == greedy(boxes.tolist(), scores.tolist(), class_ids.tolist(), limit)


def test_a_large_heap_equals_the_greedy_loop():
    rng = np.random.default_rng(1)
    boxes = random_boxes(rng, 700)
    scores, class_ids = rng.random(700), rng.integers(0, 2, 700)
    kept = suppress(boxes, scores, class_ids, 0.37)
    assert kept.tolist() == greedy(boxes.tolist(), scores.tolist(), class_ids.tolist(), 0.37)
    assert 50 < len(kept) < 650


@pytest.mark.parametrize("length", [2, 3, 4, 5, 50])
def test_of_a_chain_every_other_box_stays(length):
    """Each box covers only the next: the second goes, so that nothing covers the third."""
    boxes = np.array([[40.0 * link, 0, 40.0 * link + 100, 100] for link in range(length)])
    assert iou(boxes[0], boxes[1]) > 0.37 > iou(boxes[0], boxes[min(2, length - 1)]) or length == 2
    scores = np.linspace(0.9, 0.2, length)
    expected = list(range(0, length, 2))
    assert suppress(boxes, scores, NO_CLASSES[:length], 0.37).tolist() == expected
    # The worst first: the answer is about scores, not about rows.
    backwards = suppress(boxes[::-1], scores[::-1], NO_CLASSES[:length], 0.37)
    assert sorted((length - 1 - backwards).tolist()) == expected


def test_of_equals_the_first_stays():
    boxes = np.tile([[10.0, 10, 50, 90]], (2000, 1))
    assert suppress(boxes, np.full(2000, 0.7), NO_CLASSES[:2000], 0.37).tolist() == [0]


def test_classes_do_not_suppress_each_other():
    boxes = np.tile([[10.0, 10, 50, 90]], (4, 1))
    kept = suppress(boxes, np.array([0.5, 0.9, 0.8, 0.6]), np.array([0, 1, 0, 1]), 0.37)
    assert kept.tolist() == [1, 2]


def test_the_limit_itself_is_allowed():
    """Two of three halves: IoU exactly 1 / 2, in numbers that binary fractions hold."""
    boxes = np.array([[0.0, 0, 64, 64], [0, 0, 64, 32]])
    scores = np.array([0.9, 0.8])
    assert suppress(boxes, scores, NO_CLASSES[:2], 0.5).tolist() == [0, 1]
    assert suppress(boxes, scores, NO_CLASSES[:2], 0.499).tolist() == [0]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_from_one_on_all_are_kept(count):
    boxes = np.tile([[10.0, 10, 50, 90]], (count, 1))
    assert suppress(boxes, np.full(count, 0.5), NO_CLASSES[:count], 1.0).tolist() == list(range(count))


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(count):
    boxes = np.tile([[10.0, 10, 50, 90]], (count, 1))
    assert suppress(boxes, np.full(count, 0.5), NO_CLASSES[:count], 0.37).tolist() == list(range(count))


def test_inputs_are_not_changed():
    rng = np.random.default_rng(2)
    boxes, scores, class_ids = random_boxes(rng, 80), rng.random(80), rng.integers(0, 2, 80)
    before = boxes.copy(), scores.copy(), class_ids.copy()
    suppress(boxes, scores, class_ids, 0.2)
    for now, then in zip((boxes, scores, class_ids), before, strict=True):
        np.testing.assert_array_equal(now, then)
