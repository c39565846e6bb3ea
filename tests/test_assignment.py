from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanomot import NanomotError
from nanomot.assignment import assign, assign_pairs
from tests.strategies import seeds

BACKENDS = ["auto", "scipy", "pairs", "lap", "numpy"]


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


@pytest.fixture
def no_small_problems(monkeypatch):
    """Everything takes the way of large problems."""
    for name, value in (("_PAIRS_FROM", 0), ("_FEW_PAIRS", 0), ("_PROGRESS", 1.0)):
        monkeypatch.setattr(f"nanomot.assignment.{name}", value)


def random_pairs(rng, sizes, *, ties):
    """A sparse problem as (rows, columns, costs) in random order, and the matrix in which others cost too much."""
    possible = rng.random(sizes) < rng.choice([0.05, 0.3, 0.8])
    costs = rng.integers(0, 5, sizes) / 4 if ties else rng.random(sizes)
    rows, columns = (side for side in rng.permutation(np.argwhere(possible)).T)
    return (rows, columns, costs[rows, columns]), np.where(possible, costs, 9.0)


@pytest.mark.parametrize("components_from", [0, 10, 10**9])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=seeds,
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    limit=st.sampled_from([0.3, 0.5, 2.0]),
    ties=st.booleans(),
)
def test_pairs_reach_the_optimum(no_small_problems, monkeypatch, components_from, seed, sizes, limit, ties):
    monkeypatch.setattr("nanomot.assignment._COMPONENTS_FROM", components_from)
    pairs, matrix = random_pairs(np.random.default_rng(seed), sizes, ties=ties)
    rows, columns = assign_pairs(*pairs, limit, sizes)
    assert gain(matrix, limit, (rows, columns)) == pytest.approx(best_by_trying_all(matrix, limit), abs=1e-9)
    assert (matrix[rows, columns] < limit).all()
    assert (np.diff(rows) > 0).all()
    assert len(set(columns.tolist())) == len(columns)


@pytest.mark.slow
def test_pairs_agree_with_lap_and_scipy_on_ten_thousand_problems(no_small_problems, monkeypatch):
    rng = np.random.default_rng(8)
    for turn in range(10_000):
        monkeypatch.setattr("nanomot.assignment._COMPONENTS_FROM", int(rng.choice([0, 200, 10**9])))
        sizes, limit = tuple(rng.integers(1, 60, 2).tolist()), float(rng.uniform(0.1, 1.5))
        pairs, matrix = random_pairs(rng, sizes, ties=turn % 3 == 0)
        found = [assign_pairs(*pairs, limit, sizes), *(assign(matrix, limit, backend=way) for way in ("lap", "scipy"))]
        gains = [gain(matrix, limit, one) for one in found]
        np.testing.assert_allclose(gains, gains[0], atol=1e-9)
        if turn % 3:  # without ties there is one optimum
            np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("limit", [0.01, 0.3])
def test_large_matrices_go_by_pairs(limit):
    cost = np.random.default_rng(1).random((450, 460))
    dense = gain(cost, limit, assign(cost, limit, backend="scipy"))
    assert gain(cost, limit, assign(cost, limit)) == pytest.approx(dense, abs=1e-9)


def test_no_pair_passes():
    none = np.empty(0, np.intp)
    for pairs in ((none, none, np.empty(0)), (np.array([0]), np.array([1]), np.array([0.5]))):
        rows, columns = assign_pairs(*pairs, 0.5, (2, 3))
        assert len(rows) == len(columns) == 0


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


@given(seed=seeds, sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)), ties=st.booleans())
def test_works_without_compiled_solver(seed, sizes, ties):
    pairs, matrix = random_pairs(np.random.default_rng(seed), sizes, ties=ties)
    expected = gain(matrix, 0.8, assign(matrix, 0.8, backend="scipy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nanomot.assignment.linear_sum_assignment", None)
        found = assign_pairs(*pairs, 0.8, sizes), assign(matrix, 0.8)
    assert [gain(matrix, 0.8, one) for one in found] == pytest.approx([expected, expected], abs=1e-9)
