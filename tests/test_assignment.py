from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanomot import NanomotError
from nanomot.assignment import assign
from tests.strategies import seeds

BACKENDS = ["auto", "scipy", "components", "lap", "numpy"]


def gain(cost, limit, pairs):
    rows, columns = pairs
    return float((cost[rows, columns] - limit).sum())


def best_by_trying_all(cost, limit):
    """Least total gain over every assignment of a tiny problem."""
    clamped = np.minimum(cost - limit, 0)
    if clamped.shape[0] > clamped.shape[1]:
        clamped = clamped.T
    rows = np.arange(clamped.shape[0])
    return min(clamped[rows, list(order)].sum() for order in permutations(range(clamped.shape[1]), len(rows)))


@pytest.mark.parametrize("backend", BACKENDS)
@given(seed=seeds, n=st.integers(1, 5), m=st.integers(1, 5), limit=st.sampled_from([0.2, 0.5, 0.9]))
def test_reaches_the_optimum(backend, seed, n, m, limit):
    cost = np.random.default_rng(seed).random((n, m))
    rows, columns = assign(cost, limit, backend=backend)
    assert gain(cost, limit, (rows, columns)) == pytest.approx(best_by_trying_all(cost, limit), abs=1e-9)
    assert (cost[rows, columns] < limit).all()
    assert (np.diff(rows) > 0).all()
    assert len(set(columns.tolist())) == len(columns)


@pytest.mark.slow
def test_all_backends_agree_on_ten_thousand_problems():
    rng = np.random.default_rng(7)
    for _ in range(10_000):
        n, m = rng.integers(1, 25, 2)
        cost, limit = rng.random((n, m)), float(rng.uniform(0.1, 1.0))
        gains = [gain(cost, limit, assign(cost, limit, backend=backend)) for backend in BACKENDS]
        np.testing.assert_allclose(gains, gains[0], atol=1e-9)


def test_large_problems_go_by_components():
    rng = np.random.default_rng(1)
    cost = rng.random((450, 460))
    dense = gain(cost, 0.01, assign(cost, 0.01, backend="scipy"))
    assert gain(cost, 0.01, assign(cost, 0.01)) == pytest.approx(dense, abs=1e-9)


def test_is_not_solve_then_threshold():
    # Solving first prefers the pairs (0, 1) and (1, 0), of which the threshold leaves one; alone, (0, 0) is better.
    cost = np.array([[0.10, 0.30], [0.30, 0.55]])
    rows, columns = assign(cost, 0.25)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 0)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_empty(shape, backend):
    rows, columns = assign(np.empty(shape), 0.5, backend=backend)
    assert len(rows) == len(columns) == 0


def test_nothing_at_the_limit():
    assert len(assign(np.array([[0.5]]), 0.5)[0]) == 0


def test_unknown_backend():
    with pytest.raises(NanomotError, match="gurobi"):
        assign(np.zeros((1, 1)), 0.5, backend="gurobi")


def test_works_without_compiled_solver(monkeypatch):
    monkeypatch.setattr("nanomot.assignment.linear_sum_assignment", None)
    cost = np.array([[0.1, 0.2], [0.15, 0.4]])
    rows, columns = assign(cost, 0.5)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]
