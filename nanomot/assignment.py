"""The one matching primitive: minimum-cost assignment in which staying alone has a price.

``assign(cost, limit)`` minimises the sum of the costs of matched pairs plus ``limit`` for every pair that could have
been formed and was not: what ``lap.lapjv(extend_cost=True, cost_limit=limit)`` computes. "Solve, then threshold" is
another problem with other answers. The clamp that makes any solver do it: with costs ``min(cost - limit, 0)`` a
pair that is worse than staying alone counts exactly as much as staying alone.

In a crowd few pairs pass the limit and fewer compete. ``assign_pairs`` takes those alone, settles what is settled by
comparing neighbours, and leaves the rest to a solver.
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
Indices = NDArray[np.intp]
Pairs = tuple[Indices, Indices]

_PAIRS_FROM = 15_000
"""Size of a matrix from which listing the pairs below the limit beats solving the whole of it."""
_FEW_PAIRS = 60
"""So many pairs make a matrix that is solved in the time of one look at neighbours."""
_PROGRESS = 0.75
"""Neighbours are looked at again while at most so much of the pairs is left."""
_COMPONENTS_FROM = 150_000
"""Matrix size from which solving connected components apart beats one dense call."""


def assign(cost: Array, limit: float, *, backend: str = "auto") -> Pairs:
    """Match rows with columns at minimum total cost, where an unmatched row and column together cost ``limit``.

    Args:
        cost: (N, M) finite costs.
        limit: pairs that cost this much or more are never formed.
        backend: ``"scipy"``, ``"lap"``, ``"numpy"`` (no compiled solver, for the edge) or ``"auto"``: SciPy where it
            is installed, on the pairs that pass the limit when the matrix is large.

    Returns:
        Row and column indices of the matched pairs, each of shape (K,), sorted by row.

    Raises:
        NanomotError: the backend has no such name.
    """
    solver = _SOLVERS.get(backend)
    if solver is None:
        raise NanomotError(f"assign: there is no backend {backend!r}; choose one of {', '.join(_SOLVERS)}.")
    if cost.size == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return solver(cost, limit, cost < limit)


def assign_pairs(rows: Indices, columns: Indices, costs: Array, limit: float, shape: tuple[int, int]) -> Pairs:
    """:func:`assign` for a matrix of which only some entries can be matched; the total cost is the same.

    Args:
        rows: (K,) row indices of these entries, none of which is named twice.
        columns: (K,) their column indices.
        costs: (K,) their finite costs; all other entries cost ``limit`` or more.
        limit: pairs that cost this much or more are never formed.
        shape: of the matrix.

    Returns:
        Row and column indices of the matched pairs, sorted by row.
    """
    passed = (costs < limit).nonzero()[0]
    rows, columns, gains = rows[passed], columns[passed], limit - costs[passed]
    rivalled = (np.bincount(rows, minlength=1)[rows] > 1) | (np.bincount(columns, minlength=1)[columns] > 1)
    found = [(rows[~rivalled], columns[~rivalled])]
    rivals = rivalled.nonzero()[0]
    if len(rivals):
        rows, columns, gains = rows[rivals], columns[rivals], gains[rivals]
        few = _FEW_PAIRS if linear_sum_assignment is not None else 0
        before: float = np.inf
        while few < len(rows) < _PROGRESS * before:
            before = len(rows)
            certain = _certain(rows, columns, gains, shape)
            found.append((rows[certain], columns[certain]))
            free_rows, free_columns = np.ones(shape[0], bool), np.ones(shape[1], bool)
            free_rows[rows[certain]] = False
            free_columns[columns[certain]] = False
            left = (free_rows[rows] & free_columns[columns]).nonzero()[0]
            rows, columns, gains = rows[left], columns[left], gains[left]
        found.append(_solve_rest(rows, columns, gains, shape))
    all_rows, all_columns = _joined(found)
    order = all_rows.argsort()
    return all_rows[order], all_columns[order]


def _certain(rows: Indices, columns: Indices, gains: Array, shape: tuple[int, int]) -> Indices:
    """Positions of pairs that every optimum contains: those that gain more than both sides' next best together.

    Exchange: put such a pair into an assignment without it, and what its row and its column lose is less.
    """
    best_of_rows, best_of_columns = _greatest(gains, rows, shape[0]), _greatest(gains, columns, shape[1])
    best = ((gains == best_of_rows[rows]) & (gains == best_of_columns[columns])).nonzero()[0]
    others = gains.copy()
    others[best] = 0.0
    next_of_rows, next_of_columns = _greatest(others, rows, shape[0]), _greatest(others, columns, shape[1])
    rows, columns = rows[best], columns[best]
    certain: NDArray[np.bool_] = gains[best] > next_of_rows[rows] + next_of_columns[columns]
    if not (_all_distinct(rows, shape[0]) and _all_distinct(columns, shape[1])):
        # Equally good pairs in one row or column are rivals, too.
        certain &= (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    pairs: Indices = best[certain]
    return pairs


def _greatest(values: Array, index: Indices, size: int) -> Array:
    """The greatest of the positive values at each index, 0 where there is none, shape (size,)."""
    greatest = np.zeros(size)
    np.maximum.at(greatest, index, values)
    return greatest


def _solve_rest(rows: Indices, columns: Indices, gains: Array, shape: tuple[int, int]) -> Pairs:
    """Solve what is left of a sparse problem: one small matrix, or one for each connected component of a large one."""
    row_names, rows = _renumbered(rows, shape[0])
    column_names, columns = _renumbered(columns, shape[1])
    shape = len(row_names), len(column_names)
    if shape[0] * shape[1] <= _COMPONENTS_FROM or linear_sum_assignment is None:
        at_row, at_column = _solve_gains(rows, columns, gains, shape)
        return row_names[at_row], column_names[at_column]
    parts = _components(rows, columns, shape)
    if len(parts) > 1:
        solved = [_solve_rest(rows[part], columns[part], gains[part], shape) for part in parts]
    else:
        solved = [_solve_gains(rows, columns, gains, shape)]
    at_row, at_column = _joined(solved)
    return row_names[at_row], column_names[at_column]


def _solve_gains(rows: Indices, columns: Indices, gains: Array, shape: tuple[int, int]) -> Pairs:
    matrix = np.zeros(shape)
    matrix[rows, columns] = gains
    if linear_sum_assignment is None:
        return _solve_numpy(-matrix, 0.0, matrix > 0.0)
    at_row, at_column = linear_sum_assignment(matrix, True)
    matched = matrix[at_row, at_column] > 0.0
    return at_row[matched], at_column[matched]


def _renumbered(indices: Indices, size: int) -> tuple[Indices, Indices]:
    """The distinct indices, sorted, and where among them each index is."""
    used = np.zeros(size, bool)
    used[indices] = True
    names = used.nonzero()[0]
    places = np.empty(size, np.intp)
    places[names] = np.arange(len(names))
    return names, places[indices]


def _joined(parts: list[Pairs]) -> Pairs:
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([columns for _, columns in parts])


def _components(rows: Indices, columns: Indices, shape: tuple[int, int]) -> list[Indices]:
    """Positions of the pairs of each connected component of the graph between rows and columns."""
    nodes = shape[0] + shape[1]
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns + shape[0])), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    labels = labels[rows]
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def unrivalled(gated: NDArray[np.bool_]) -> Pairs | None:
    """The pairs that pass the gate, if no two of them share a row or a column: then there is nothing to solve."""
    rows, columns = np.nonzero(gated)
    if _all_distinct(rows, gated.shape[0]) and _all_distinct(columns, gated.shape[1]):
        return rows, columns
    return None


def _all_distinct(indices: Indices, size: int) -> bool:
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


def _shortest_augmenting_paths(cost: Array) -> Indices:
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


def _solve_pairs(cost: Array, limit: float, gated: NDArray[np.bool_]) -> Pairs:
    rows, columns = gated.nonzero()
    return assign_pairs(rows, columns, cost[rows, columns], limit, (cost.shape[0], cost.shape[1]))


def _solve_auto(cost: Array, limit: float, gated: NDArray[np.bool_]) -> Pairs:
    if linear_sum_assignment is None or cost.size >= _PAIRS_FROM:
        return _solve_pairs(cost, limit, gated)
    return _solve_scipy(cost, limit, gated)


_SOLVERS: dict[str, Callable[[Array, float, NDArray[np.bool_]], Pairs]] = {
    "auto": _solve_auto,
    "scipy": _solve_scipy,
    "pairs": _solve_pairs,
    "lap": _solve_lap,
    "numpy": _solve_numpy,
}
