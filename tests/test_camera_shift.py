"""The camera's shift from boxes: what all have in common, and nothing else."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot.camera_shift import common_shift, mutual_best
from tests.strategies import seeds

WIDTH = 1000.0


def apart(rng, count):
    """People on a grid: nobody overlaps anybody else, nor does after some dozen pixels."""
    place = np.array([[100.0 * (n % 8), 250.0 * (n // 8)] for n in range(count)]).reshape(-1, 2)
    place = place + rng.uniform(0, 10, (count, 2))
    return np.hstack((place, place + rng.uniform((45, 120), (60, 180), (count, 2))))


def shrunk(median, error):
    return median**3 / (median**2 + (3 * error) ** 2 + 0.25)


def by_the_formula(predicted, boxes):
    """The pairs' medians, one number after the other."""
    shift = []
    for axis in (0, 1):
        column = [
            (box[axis] + box[axis + 2]) / 2 - (track[axis] + track[axis + 2]) / 2
            for track, box in zip(predicted.tolist(), boxes.tolist(), strict=True)
        ]
        median = statistics.median(column)
        spread = statistics.median([abs(value - median) for value in column])
        shift.append(shrunk(median, 1.25 * 1.48 * spread / len(column) ** 0.5))
    return shift


@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    count=st.integers(3, 20),
    shift=st.tuples(st.floats(-300, 300), st.floats(-30, 30)),
    noise=st.sampled_from([0.0, 1.0, 10.0]),
)
def test_equals_the_formula(seed, count, shift, noise):
    """Centres count: boxes may grow and shrink."""
    rng = np.random.default_rng(seed)
    people = apart(rng, count)
    boxes = people + np.tile(shift, 2) + rng.normal(0, noise, (count, 4))
    np.testing.assert_allclose(common_shift(people, boxes), by_the_formula(people, boxes), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shift", [(12.0, 0.0), (0.0, -9.0), (-20.0, 15.0), (31.0, 4.0), (2.0, -3.0)])
@pytest.mark.parametrize("count", [3, 4, 24])
def test_what_all_have_in_common_is_found(count, shift):
    """All of it but for the quarter in the denominator, which costs m / (4 m^2 + 1) pixels."""
    people = apart(np.random.default_rng(count), count)
    found = common_shift(people, people + np.tile(shift, 2))
    for got, true in zip(found.tolist(), shift, strict=True):
        assert got == pytest.approx(true, abs=abs(true) / (4 * true**2 + 1) + 1e-9)
        assert abs(got) <= abs(true) + 1e-9


def test_a_few_who_walk_change_little():
    people = apart(np.random.default_rng(0), 16)
    moved = people + np.array([22.0, 0, 22, 0])
    moved[:5] += np.random.default_rng(1).normal(0, 12, (5, 1)) * [1, 0, 1, 0]
    assert common_shift(people, moved)[0] == pytest.approx(22.0, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_people_who_walk_their_own_ways_are_no_camera(seed):
    rng = np.random.default_rng(seed)
    people = apart(rng, 24)
    steps = rng.permutation(np.linspace(-12, 12, 24))[:, None] * [1.0, 0.5]
    found = common_shift(people, people + np.tile(steps, 2))
    assert np.abs(found).max() < 0.35
    # Without the doubt that disagreement raises, the same median would be believed.
    noisy = people + np.tile(steps + [3.0, 0.0], 2)
    assert common_shift(people, noisy)[0] < 0.5 * 3.0 + 0.35


@settings(max_examples=40, deadline=None)
@given(seed=seeds, noise=st.sampled_from([0.0, 3.0]))
def test_a_mirrored_picture_has_the_mirrored_shift(seed, noise):
    rng = np.random.default_rng(seed)
    people = apart(rng, 9)
    boxes = people + [14.0, -6.0, 14.0, -6.0] + np.tile(rng.normal(0, noise, (9, 2)), 2)

    def mirrored(rows, axis):
        out = rows.copy()
        out[:, axis], out[:, axis + 2] = WIDTH - rows[:, axis + 2], WIDTH - rows[:, axis]
        return out

    found = common_shift(people, boxes)
    for axis in (0, 1):
        expected = found * np.where(np.arange(2) == axis, -1, 1)
        np.testing.assert_allclose(common_shift(mirrored(people, axis), mirrored(boxes, axis)), expected, atol=1e-9)


@given(seed=seeds, x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_where_the_picture_begins_does_not_matter(seed, x, y):
    rng = np.random.default_rng(seed)
    people = apart(rng, 7)
    boxes = people + [8.0, 3.0, 8.0, 3.0]
    origin = np.array([x, y, x, y])
    np.testing.assert_allclose(common_shift(people + origin, boxes + origin), common_shift(people, boxes), atol=1e-9)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_pairs_tell_nothing(count):
    people = apart(np.random.default_rng(1), count)
    assert common_shift(people, people + 5.0).tolist() == [0.0, 0.0]


@settings(max_examples=60, deadline=None)
@given(seed=seeds, shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), share=st.floats(0, 1))
def test_a_pair_is_the_best_of_both_sides(seed, shape, share):
    rng = np.random.default_rng(seed)
    values = rng.random(shape) * (rng.random(shape) < share)
    rows, columns = values.nonzero()
    order = rng.permutation(len(rows))
    rows, columns = rows[order], columns[order]
    expected = [
        pair
        for pair, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True))
        if values[row, column] == values[row].max() == values[:, column].max()
    ]
    assert mutual_best(rows, columns, values[rows, columns], shape).tolist() == expected


def test_of_equal_pairs_nobody_is_in_two():
    rows, columns = (part.ravel() for part in np.indices((4, 5)))
    best = mutual_best(rows, columns, np.full(20, 0.5), (4, 5))
    assert len(set(rows[best].tolist())) == len(set(columns[best].tolist())) == len(best) >= 1


def test_inputs_are_not_changed():
    people = apart(np.random.default_rng(4), 6)
    boxes = people + 7.0
    before = people.copy(), boxes.copy()
    common_shift(people, boxes)
    np.testing.assert_array_equal(people, before[0])
    np.testing.assert_array_equal(boxes, before[1])
