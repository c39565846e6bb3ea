"""The one matching primitive: minimum-cost assignment in which staying alone has a price.

``assign(cost, limit)`` minimises the sum of the costs of matched pairs plus ``limit`` for every pair that could have
been formed and was not: what ``lap.lapjv(extend_cost=True, cost_limit=limit)`` computes. "Solve, then threshold" is
another problem with other answers. The clamp that makes any solver do it: with costs ``min(cost - limit, 0)`` a
pair that is worse than staying alone counts exactly as much as staying alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError

try:
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
except ImportError:  # the edge has NumPy alone
    linear_sum_assignment = None

Array = NDArray[np.float64]
Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]

_COMPONENTS_FROM = 150_000
"""Matrix size from which solving connected components apart beats one dense call (scripts/bench_assignment.py)."""


def assign(cost: Array, limit: float, *, backend: str = "auto") -> Pairs:
    """Match rows with columns at minimum total cost, where an unmatched row and column together cost ``limit``.

    Args:
        cost: (N, M) finite costs.
        limit: pairs that cost this much or more are never formed.
        backend: ``"scipy"``, ``"lap"``, ``"numpy"`` (no compiled solver, for the edge) or ``"auto"``: SciPy where it
            is installed, on connected components when the matrix is large.

    Returns:
        Row and column indices of the matched pairs, each of shape (K,), sorted by row.

    Raises:
        NanomotError: the backend has no such name.
    """
    solver = _SOLVERS.get(backend)
    if solver is None:
        raise NanomotError(f"assign: there is no backend {backend!r}; choose one of {', '.join(_SOLVERS)}.")
    gated = cost < limit
    pairs = unrivalled(gated)
    return solver(cost, limit, gated) if pairs is None else pairs


def unrivalled(gated: NDArray[np.bool_]) -> Pairs | None:
    """The pairs that pass the gate, if no two of them share a row or a column: then there is nothing to solve."""
    rows, columns = np.nonzero(gated)
    if _all_distinct(rows, gated.shape[0]) and _all_distinct(columns, gated.shape[1]):
        return rows, columns
    return None


def _all_distinct(indices: NDArray[np.intp], size: int) -> bool:
    return len(indices) <= 1 or (len(indices) <= size and int(np.bincount(indices).max()) <= 1)


def _clamped(cost: Array, limit: float) -> Array:
    return np.minimum(np.asarray(cost, dtype=np.float64) - limit, 0.0)


def _gated_pairs(rows: NDArray[Any], columns: NDArray[Any], gated: NDArray[np.bool_]) -> Pairs:
    kept = gated[rows, columns]
    return rows[kept], columns[kept]


def _solve_scipy(cost: Array, limit: float, gated: NDArray[np.bool_]) -> Pairs:
    rows, columns = linear_sum_assignment(_clamped(cost, limit))
    return _gated_pairs(rows, columns, gated)


def _solve_lap(cost: Array, limit: float, gated: NDArray[np.bool_]) -> Pairs:
    import lap

    _, columns_of_rows, _ = lap.lapjv(np.ascontiguousarray(cost), extend_cost=True, cost_limit=limit)
    columns_of_rows = np.asarray(columns_of_rows)
    rows = np.flatnonzero(columns_of_rows >= 0)
    return _gated_pairs(rows, columns_of_rows[rows], gated)


def _solve_numpy(cost: Array, limit: float, gated: NDArray[np.bool_]) -> Pairs:
    clamped = _clamped(cost, limit)
    if clamped.shape[0] <= clamped.shape[1]:
        columns = _shortest_augmenting_paths(clamped)
        return _gated_pairs(np.arange(len(columns)), columns, gated)
    rows = _shortest_augmenting_paths(clamped.T)
    order = np.argsort(rows)
    return _gated_pairs(rows[order], order, gated)


def _shortest_augmenting_paths(cost: Array) -> NDArray[np.intp]:
    """The column of every row in a minimum-cost assignment; ``cost`` is (N, M) with N <= M.

    Successive shortest augmenting paths with dual variables (Crouse 2016, "On implementing 2D rectangular assignment
    algorithms"), one row at a time, each scan over the columns as array operations.
    """
    row_count, column_count = cost.shape
    row_dual, column_dual = np.zeros(row_count), np.zeros(column_count)
    column_of_row = np.full(row_count, -1, dtype=np.intp)
    row_of_column = np.full(column_count, -1, dtype=np.intp)
    for start in range(row_count):
        distance = np.full(column_count, np.inf)
        came_from = np.full(column_count, -1, dtype=np.intp)
        open_columns = np.ones(column_count, dtype=bool)
        visited_rows = [start]
        row, reached = start, 0.0
        while True:
            through_row = reached + cost[row] - row_dual[row] - column_dual
            shorter = open_columns & (through_row < distance)
            distance[shorter] = through_row[shorter]
            came_from[shorter] = row
            column = int(np.argmin(np.where(open_columns, distance, np.inf)))
            reached = float(distance[column])
            open_columns[column] = False
            if row_of_column[column] < 0:
                break
            row = int(row_of_column[column])
            visited_rows.append(row)
        closed = ~open_columns
        row_dual[start] += reached
        others = np.array(visited_rows[1:], dtype=np.intp)
        row_dual[others] += reached - distance[column_of_row[others]]
        column_dual[closed] -= reached - distance[closed]
        while True:
            row = int(came_from[column])
            row_of_column[column] = row
            column_of_row[row], column = column, int(column_of_row[row])
            if row == start:
                break
    return column_of_row


def _solve_components(cost: Array, limit: float, gated: NDArray[np.bool_]) -> Pairs:
    """Solve each connected component of the graph of gated pairs on its own; the union is the optimum of the whole."""
    rows, columns = np.nonzero(gated)
    row_count, column_count = cost.shape
    nodes = row_count + column_count
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns + row_count)), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    labels = labels[rows]
    sizes = np.bincount(labels)
    alone = sizes[labels] == 1
    found_rows, found_columns = [rows[alone]], [columns[alone]]
    order = np.argsort(labels[~alone], kind="stable")
    rows, columns, labels = rows[~alone][order], columns[~alone][order], labels[~alone][order]
    bounds = np.flatnonzero(np.diff(labels)) + 1
    for part_rows, part_columns in zip(np.split(rows, bounds), np.split(columns, bounds), strict=True):
        members = np.ix_(np.unique(part_rows), np.unique(part_columns))
        local_rows, local_columns = _solve_scipy(cost[members], limit, gated[members])
        found_rows.append(members[0].ravel()[local_rows])
        found_columns.append(members[1].ravel()[local_columns])
    all_rows, all_columns = np.concatenate(found_rows), np.concatenate(found_columns)
    order = np.argsort(all_rows)
    return all_rows[order], all_columns[order]


def _solve_auto(cost: Array, limit: float, gated: NDArray[np.bool_]) -> Pairs:
    if linear_sum_assignment is None:
        return _solve_numpy(cost, limit, gated)
    return (_solve_components if cost.size > _COMPONENTS_FROM else _solve_scipy)(cost, limit, gated)


_SOLVERS: dict[str, Callable[[Array, float, NDArray[np.bool_]], Pairs]] = {
    "auto": _solve_auto,
    "scipy": _solve_scipy,
    "components": _solve_components,
    "lap": _solve_lap,
    "numpy": _solve_numpy,
}
