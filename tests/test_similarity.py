"""The similarity of grown boxes against its formula, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot.similarity import GrownOverlap
from tests.strategies import random_boxes, seeds
from tests.test_suppression import iou


def formula(similarity, track, missed, box):
    """IoU of the two boxes, each grown on every side, x (vertical overlap / vertical union) ^ power."""
    growth = similarity.grow + similarity.grow_per_tick * min(missed, similarity.grow_ticks)

    def grown(b):
        x, y = growth * (b[2] - b[0]), growth * (b[3] - b[1])
        return b[0] - x, b[1] - y, b[2] + x, b[3] + y

    common = max(0.0, min(track[3], box[3]) - max(track[1], box[1]))
    union = max(track[3], box[3]) - min(track[1], box[1])
    if common == 0.0:  # apart: their heights share nothing, which counts only where heights count
        union = track[3] - track[1] + box[3] - box[1]
    return iou(grown(track), grown(box)) * (common / union) ** similarity.height_power


def near(rng, boxes, count, spread):
    """Boxes around some of the given ones, of other sizes."""
    chosen = boxes[rng.integers(0, len(boxes), count)]
    moved = chosen + np.tile(rng.normal(0, spread, (count, 2)), 2)
    return moved + np.hstack((np.zeros((count, 2)), rng.uniform(-10, 40, (count, 2))))


def check(similarity, tracks, missed, boxes, above):
    rows, columns, values = similarity.pairs(tracks, missed, boxes, above=above)
    found = dict(zip(zip(rows.tolist(), columns.tolist(), strict=True), values.tolist(), strict=True))
    assert len(found) == len(rows), "a pair is given twice"
    expected = {
        (row, column): formula(similarity, track, missed[row], box)
        for row, track in enumerate(tracks.tolist())
        for column, box in enumerate(boxes.tolist())
    }
    expected = {pair: value for pair, value in expected.items() if value > above}
    assert found == pytest.approx(expected, rel=1e-9)
    return found


@settings(max_examples=80, deadline=None)
@given(
    seed=seeds,
    sizes=st.tuples(st.integers(1, 12), st.integers(0, 12)),
    grow=st.sampled_from([0.0, 0.05, 0.23, 1.0]),
    per_tick=st.sampled_from([0.0, 0.03]),
    power=st.sampled_from([0.0, 0.5, 1.75, 6.0]),
    above=st.sampled_from([0.0, 0.05, 0.2, 0.64]),
)
def test_all_pairs_above_the_gate_and_no_others(seed, sizes, grow, per_tick, power, above):
    rng = np.random.default_rng(seed)
    tracks = random_boxes(rng, sizes[0])
    boxes = near(rng, tracks, sizes[1], 60.0)
    missed = rng.choice([0.0, 1.0, 7.5, 30.0, 200.0], sizes[0])
    check(GrownOverlap(grow, per_tick, 30.0, power), tracks, missed, boxes, above)


@pytest.mark.parametrize("power", [0.0, 1.75])
@pytest.mark.parametrize("count", [5, 90, 330])
def test_crowds_of_any_size(power, count):
    rng = np.random.default_rng(count)
    tracks = random_boxes(rng, count, width=3000, height=1500)
    boxes = near(rng, tracks, 2 * count, 50.0)
    found = check(GrownOverlap(0.23, 0.03, 30.0, power), tracks, rng.uniform(0, 40, count), boxes, 0.2)
    assert len(found) > count / 2


def test_the_same_box_is_wholly_similar():
    boxes = random_boxes(np.random.default_rng(0), 6) + np.arange(6)[:, None] * 2000
    rows, columns, values = GrownOverlap(0.23, 0.03, 30, 1.75).pairs(boxes, np.arange(6.0), boxes, above=0.2)
    assert rows.tolist() == columns.tolist() == list(range(6))
    np.testing.assert_allclose(values, 1.0)


def test_growing_reaches_who_jumped_and_the_longer_missed_the_farther():
    track, jumped = np.array([[100.0, 100, 160, 250]]), np.array([[170.0, 100, 230, 250]])

    def value(grow, missed):
        values = GrownOverlap(grow, 0.03, 30, 1.75).pairs(track, np.array([missed]), jumped, above=0.0)[2]
        return float(values[0]) if len(values) else 0.0

    assert value(0.0, 0.0) == 0.0
    assert 0.0 < value(0.23, 0.0) < value(0.23, 10.0) < value(0.23, 30.0)
    assert value(0.23, 30.0) == value(0.23, 300.0)


def test_heights_tell_the_row_behind_apart():
    """One box jumped sideways; another is that of somebody behind, who overlaps once grown, but not in height."""
    track, missed = np.array([[100.0, 100, 160, 250]]), np.zeros(1)
    boxes = np.array([[130.0, 100, 190, 250], [105.0, 40, 145, 140]])
    plain, by_height = (
        GrownOverlap(0.23, 0.03, 30, power).pairs(track, missed, boxes, above=0.0)[2] for power in (0, 2)
    )
    assert by_height[0] == pytest.approx(plain[0])  # the same rows of the picture: nothing is taken off
    assert by_height[1] == pytest.approx(plain[1] * (40 / 210) ** 2)
    assert plain[1] > 0.1


@pytest.mark.parametrize(("tracks", "boxes"), [(0, 0), (0, 5), (5, 0)])
def test_nobody_there(tracks, boxes):
    rng = np.random.default_rng(0)
    found = GrownOverlap(0.23, 0.03, 30, 1.75).pairs(
        random_boxes(rng, tracks), np.zeros(tracks), random_boxes(rng, boxes), above=0.2
    )
    assert [len(part) for part in found] == [0, 0, 0]


def test_inputs_are_not_changed():
    rng = np.random.default_rng(3)
    for count in (4, 200):
        tracks, boxes, missed = random_boxes(rng, count), random_boxes(rng, count), rng.uniform(0, 9, count)
        before = tracks.copy(), boxes.copy(), missed.copy()
        GrownOverlap(0.23, 0.03, 30, 1.75).pairs(tracks, missed, boxes, above=0.2)
        for now, then in zip((tracks, boxes, missed), before, strict=True):
            np.testing.assert_array_equal(now, then)
