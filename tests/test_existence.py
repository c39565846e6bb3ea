"""Evidence for tracks against its formulae, one track at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot.existence import Existence, stand_behind
from tests.strategies import random_boxes, seeds

EXISTENCE = Existence(
    zero=0.46, gain=20.0, least_gain=-4.0, memory=0.95, highest=25.0, lowest=-5.0, miss_loss=3.0, hidden_loss=0.15
)
evidences = st.lists(st.floats(-5, 25), min_size=1, max_size=8)


def after_hit(evidence, score):
    gained = max(-4.0, 20.0 * (score - 0.46))
    return min(25.0, max(-5.0, 0.95 * evidence + gained))


def after_miss(evidence, hidden, ticks):
    left = evidence - 0.15 * ticks if hidden else 0.95**ticks * evidence - 3.0 * ticks
    return max(-5.0, left)


@given(evidence=evidences, score=st.floats(0, 1))
def test_a_box_speaks_by_its_score(evidence, score):
    scores = np.full(len(evidence), score)
    expected = [after_hit(value, score) for value in evidence]
    np.testing.assert_allclose(EXISTENCE.after_hit(np.array(evidence), scores), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(EXISTENCE.of_boxes(scores), max(-4.0, 20.0 * (score - 0.46)), rtol=1e-12, atol=1e-12)


@given(evidence=evidences, ticks=st.sampled_from([0.0, 0.5, 1.0, 2.0, 6.0, 1800.0]), seed=seeds)
def test_a_miss_speaks_against_it(evidence, ticks, seed):
    hidden = np.random.default_rng(seed).random(len(evidence)) < 0.5
    expected = [after_miss(value, behind, ticks) for value, behind in zip(evidence, hidden.tolist(), strict=True)]
    np.testing.assert_allclose(
        EXISTENCE.after_miss(np.array(evidence), hidden, ticks), expected, rtol=1e-12, atol=1e-12
    )


@given(evidence=st.floats(0, 25), ticks=st.floats(0, 100))
def test_an_occlusion_excuses(evidence, ticks):
    seen, hidden = EXISTENCE.after_miss(np.full(2, evidence), np.array([False, True]), ticks)
    assert hidden >= seen


def test_no_time_no_loss():
    evidence = np.array([-5.0, 0.0, 3.5, 25.0])
    for hidden in (False, True):
        np.testing.assert_array_equal(EXISTENCE.after_miss(evidence, np.full(4, hidden), 0.0), evidence)


def test_a_hidden_track_loses_by_the_clock_alone():
    """One step of six ticks takes what six of one take, and none of the past is forgotten."""
    evidence, hidden = np.array([12.0, 20.0]), np.ones(2, bool)
    stepwise = evidence
    for _ in range(6):
        stepwise = EXISTENCE.after_miss(stepwise, hidden, 1.0)
    np.testing.assert_allclose(EXISTENCE.after_miss(evidence, hidden, 6.0), stepwise)
    np.testing.assert_allclose(stepwise, evidence - 0.9)


def test_inputs_are_not_changed():
    evidence, scores, hidden = np.array([3.0, -4.0]), np.array([0.2, 0.9]), np.array([True, False])
    EXISTENCE.after_hit(evidence, scores)
    EXISTENCE.after_miss(evidence, hidden, 2.0)
    assert (evidence.tolist(), scores.tolist(), hidden.tolist()) == ([3.0, -4.0], [0.2, 0.9], [True, False])


def behind(box, others, fraction):
    """Whether somebody whose feet stand lower covers more than ``fraction`` of the box."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    for other in others:
        width = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        height = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        if other[3] > box[3] and width * height > fraction * area:
            return True
    return False


@settings(max_examples=60, deadline=None)
@given(seed=seeds, sizes=st.tuples(st.integers(0, 20), st.integers(0, 20)), fraction=st.sampled_from([0.0, 0.1, 0.6]))
def test_who_stands_behind(seed, sizes, fraction):
    rng = np.random.default_rng(seed)
    boxes, others = (random_boxes(rng, count, width=300, height=200) for count in sizes)
    expected = [behind(box, others.tolist(), fraction) for box in boxes.tolist()]
    assert stand_behind(boxes, others, fraction).tolist() == expected


def test_a_crowd_stands_behind_another():
    rng = np.random.default_rng(5)
    boxes, others = random_boxes(rng, 120, width=1500), random_boxes(rng, 120, width=1500)
    expected = [behind(box, others.tolist(), 0.1) for box in boxes.tolist()]
    assert stand_behind(boxes, others, 0.1).tolist() == expected
    assert 10 < sum(expected) < 110


@pytest.mark.parametrize(
    ("front", "hidden"),
    [
        ([100, 100, 200, 320], True),  # nearer, in front of all of it
        ([100, 100, 200, 300], False),  # feet on the same row: nobody is nearer
        ([100, 100, 200, 280], False),  # farther away
        ([195, 100, 300, 320], False),  # nearer, but over a twentieth of it only
        ([180, 100, 300, 320], True),  # over a fifth of it
        ([200, 100, 300, 320], False),  # beside it
    ],
)
def test_feet_decide_who_is_in_front(front, hidden):
    person = np.array([[100.0, 100, 200, 300]])
    assert stand_behind(person, np.array([front], float), 0.1).tolist() == [hidden]


def test_many_in_front_do_not_add_up():
    """The part that one person covers decides: two twentieths by two persons hide nobody."""
    person = np.array([[100.0, 100, 200, 300]])
    sides = np.array([[195.0, 100, 300, 320], [0, 100, 105, 320]])
    assert stand_behind(person, sides, 0.09).tolist() == [False]
    assert stand_behind(person, sides, 0.04).tolist() == [True]
