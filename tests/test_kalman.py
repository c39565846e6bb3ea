"""The bank of decoupled filters against filterpy's full eight-state filter."""

from __future__ import annotations

import numpy as np
import pytest
from filterpy.kalman import KalmanFilter
from hypothesis import given, settings

from nanomot.kalman import KalmanBank, LightMotion, XyahMotion, XysrMotion, XywhMotion
from tests.strategies import random_boxes, seeds

LIGHT = LightMotion(process=(0.01, 0.0094), initial=(0.085, 0.125), centre=0.2, centre_by_score=1.2, size=4.5)
MODELS = [XywhMotion(), XyahMotion(), XysrMotion(), LIGHT]


class FullFilter:
    """One track's 8-state filter by filterpy, with the same noise."""

    def __init__(self, model, box):
        self.model = model
        self.kf = KalmanFilter(dim_x=8, dim_z=4)
        self.kf.H = np.eye(4, 8)
        start = model.measure(box[None])
        self.kf.x[:4, 0] = start[0]
        self.kf.P = diagonal(model.initial(start))

    def predict(self, steps=1.0):
        self.kf.F = np.eye(8) + steps * np.eye(8, k=4)
        self.kf.Q = steps * diagonal(self.model.process(self.kf.x[:4].T))
        self.kf.predict()

    def update(self, box, score=None):
        scores = None if score is None else np.array([score])
        self.kf.R = np.diag(self.model.measurement(self.kf.x[:4].T, scores)[0])
        self.kf.update(self.model.measure(box[None])[0])


def diagonal(variances):
    """The (8, 8) covariance of one track from its variances of position and velocity, some of them the same for all."""
    return np.diag(np.concatenate([np.broadcast_to(variance[0], 4) for variance in variances]))


def assert_equal_filters(bank, oracles):
    means = np.concatenate((bank.positions, bank.velocities), axis=1)
    expected = np.array([oracle.kf.x[:, 0] for oracle in oracles])
    np.testing.assert_allclose(means, expected, rtol=1e-9, atol=1e-9)
    for row, oracle in enumerate(oracles):
        p_position, p_cross, p_velocity = bank.data[row, 2:]
        np.testing.assert_allclose(np.diag(oracle.kf.P), np.r_[p_position, p_velocity], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(np.diag(oracle.kf.P[:4, 4:]), p_cross, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("irregular", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_equals_filterpy(model, irregular, seed):
    """Also where frames come at irregular times and boxes have scores; velocities stay those of one step."""
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, 5)
    bank = KalmanBank(model)
    bank.append(boxes)
    oracles = [FullFilter(model, box) for box in boxes]
    for _ in range(12):
        steps = float(rng.choice([0.0, 0.25, 0.5, 1.0, 2.0, 6.0])) if irregular else 1.0
        bank.predict(**({"steps": steps} if irregular else {}))
        for oracle in oracles:
            oracle.predict(steps)
        boxes = boxes + rng.normal(0, 2, boxes.shape) + [3 * steps, steps, 3 * steps, steps]
        rows, scores = np.flatnonzero(rng.random(5) < 0.7), rng.random(5)
        bank.update(rows, boxes[rows], *([scores[rows]] if irregular else []))
        for row in rows:
            oracles[row].update(boxes[row], scores[row] if irregular else None)
    assert_equal_filters(bank, oracles)


def test_the_lower_the_score_the_less_a_box_says():
    """Measured one body to the right: who scores higher goes farther, and sizes hardly follow at all."""
    scores = np.array([1.0, 0.6, 0.2, 0.0])
    bank = KalmanBank(LIGHT)
    bank.append(np.tile([[100.0, 100, 140, 200]], (4, 1)))
    bank.predict()
    bank.update(np.arange(4), np.tile([[135.0, 100, 185, 220]], (4, 1)), scores)
    moved = bank.positions - [120, 150, 40, 100]
    assert (np.diff(moved[:, 0]) < 0).all()
    assert (moved[:, 0] > 0).all()
    assert (moved[:, 2] / 10 < moved[:, 0] / 40).all()
    deviations = 0.2 * 100 * (1 + 1.2 * (1 - scores))
    np.testing.assert_allclose(
        LIGHT.measurement(np.tile([120.0, 150, 40, 100], (4, 1)), scores),
        np.square(deviations)[:, None] * [1, 1, 4.5**2, 4.5**2],
    )
    # Without scores every box counts as sure.
    np.testing.assert_allclose(
        LIGHT.measurement(np.array([[120.0, 150, 40, 100]]))[0], 400 * np.array([1, 1, 20.25, 20.25])
    )


def test_two_steps_of_half_the_time_move_as_far_as_one():
    bank, halves = KalmanBank(LIGHT), KalmanBank(LIGHT)
    boxes = random_boxes(np.random.default_rng(1), 3)
    for each in (bank, halves):
        each.append(boxes)
        each.velocities[:] = [3.0, -1.0, 0.5, 0.25]
    bank.predict(steps=2.0)
    halves.predict(steps=1.0)
    halves.predict(steps=1.0)
    np.testing.assert_allclose(bank.positions, halves.positions)
    np.testing.assert_allclose(bank.velocities, halves.velocities)
    before = bank.data.copy()
    bank.predict(steps=0.0)
    np.testing.assert_array_equal(bank.data, before)


def test_slowing_down_leaves_the_others():
    bank = KalmanBank(LIGHT)
    bank.append(random_boxes(np.random.default_rng(2), 4))
    bank.velocities[:] = [4.0, -2.0, 1.0, 0.5]
    before = bank.data.copy()
    bank.slow_down(np.array([False, True, False, True]), 0.5)
    before[[1, 3], 1] = [2.0, -1.0, 0.0, 0.0]  # sizes rest
    np.testing.assert_array_equal(bank.data, before)
    bank.slow_down(np.zeros(4, bool), 0.0)
    np.testing.assert_array_equal(bank.data, before)


def test_predicting_some_rows_leaves_the_others():
    bank = KalmanBank(XywhMotion())
    bank.append(random_boxes(np.random.default_rng(0), 4))
    before = bank.data.copy()
    bank.predict(np.array([1, 3]))
    np.testing.assert_array_equal(bank.data[[0, 2]], before[[0, 2]])
    assert (bank.data[[1, 3], 2] > before[[1, 3], 2]).all()


def test_lost_sizes_rest():
    for model in MODELS:
        bank = KalmanBank(model)
        bank.append(random_boxes(np.random.default_rng(0), 2))
        bank.velocities[:] = 1.0
        bank.rest_sizes(np.array([0]))
        assert set(np.flatnonzero(bank.velocities[0] == 0)) == set(model.size_columns)
        assert (bank.velocities[1] == 1).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_scaling_and_shifting_warp_is_exact(model):
    """Warping the filter is the same as having filtered in the warped picture from the start."""
    rng = np.random.default_rng(3)
    first, second = random_boxes(rng, 6), None
    second = first + rng.normal(0, 2, first.shape)
    scale, shift = 1.25, np.array([7.0, -3.0])
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])

    def filtered(a, b):
        bank = KalmanBank(model)
        bank.append(a)
        bank.predict()
        bank.update(np.arange(len(a)), b)
        return bank

    def moved(boxes):
        return boxes * scale + np.tile(shift, 2)

    bank = filtered(first, second)
    bank.warp(matrix)
    np.testing.assert_allclose(bank.boxes(), moved(filtered(first, second).boxes()), rtol=1e-9)
    if isinstance(
        model, (XywhMotion, LightMotion)
    ):  # its noise scales with the box, so that the whole filter must agree
        np.testing.assert_allclose(bank.data, filtered(moved(first), moved(second)).data, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("degrees", [0.2, 1.0])
def test_rotating_warp_stays_near_the_full_filter(degrees):
    rng = np.random.default_rng(4)
    boxes = random_boxes(rng, 8)
    model = XywhMotion()
    bank = KalmanBank(model)
    bank.append(boxes)
    bank.predict()
    bank.update(np.arange(8), boxes + rng.normal(0, 2, boxes.shape))
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    before = bank.data.copy()
    bank.warp(np.hstack((rotation, [[2.0], [1.0]])))
    np.testing.assert_allclose(bank.positions[:, :2], before[:, 0, :2] @ rotation.T + [2, 1])
    np.testing.assert_allclose(bank.velocities[:, :2], before[:, 1, :2] @ rotation.T)
    for row in range(8):
        full = rotation @ np.diag(before[row, 2, :2]) @ rotation.T
        error = np.abs(full - np.diag(bank.data[row, 2, :2])).max() / full.max()
        assert error <= np.sin(angle)


def test_boxes_stay_proper():
    bank = KalmanBank(XysrMotion())
    bank.append(np.array([[0.0, 0, 10, 10]]))
    bank.positions[0, 2] = -5.0
    box = bank.boxes()[0]
    assert box[2] > box[0]
    assert box[3] > box[1]
