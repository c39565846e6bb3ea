"""Reading MOTChallenge files strictly: whatever is wrong with one is named by its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError

_LEAST_COLUMNS = 7
_FRAME, _ID = 0, 1


def read_tracks(path: Path, length: int, *, what: str = "result") -> NDArray[np.float64]:
    """The rows of a result or ground-truth file, (N, 7 or more): frame, id, left, top, width, height, score, ...

    Args:
        path: the file; an empty one has no rows.
        length: frames of the sequence.
        what: how the file is called in messages.

    Raises:
        NanomotError: a line is no row of numbers, has a frame outside of the sequence, or repeats an id of its frame.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise NanomotError(f"{path}: this {what} file is missing.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise NanomotError(f"{path}: this {what} file cannot be read ({error}).") from error
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        return np.empty((0, _LEAST_COLUMNS))
    rows = np.array([_numbers(path, number, line) for number, line in numbered])
    _check_frames(path, numbered, rows, length)
    return rows


def _numbers(path: Path, number: int, line: str) -> list[float]:
    fields = line.replace(",", " ").split()
    try:
        values = [float(value) for value in fields]
    except ValueError as error:
        raise NanomotError(f"{path}, line {number}: is not a row of numbers ({line.strip()[:60]!r}).") from error
    if len(values) < _LEAST_COLUMNS:
        raise NanomotError(
            f"{path}, line {number}: has {len(values)} columns, but at least {_LEAST_COLUMNS} are needed."
        )
    return values[:_LEAST_COLUMNS]


def _check_frames(path: Path, numbered: list[tuple[int, str]], rows: NDArray[np.float64], length: int) -> None:
    def complain(row: int, words: str) -> NanomotError:
        return NanomotError(f"{path}, line {numbered[row][0]}: {words}.")

    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise complain(int(np.argmin(finite)), "holds a value that is not a finite number")
    whole = (rows[:, : _ID + 1] == np.floor(rows[:, : _ID + 1])).all(axis=1)
    if not whole.all():
        raise complain(int(np.argmin(whole)), "frame and id must be whole numbers")
    inside = (rows[:, _FRAME] >= 1) & (rows[:, _FRAME] <= length)
    if not inside.all():
        row = int(np.argmin(inside))
        raise complain(row, f"frame {rows[row, _FRAME]:.0f} lies outside of the sequence's 1 to {length}")
    _, first, counts = np.unique(rows[:, : _ID + 1], axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        pair = rows[first[np.argmax(counts > 1)], : _ID + 1]
        row = int(np.flatnonzero((rows[:, : _ID + 1] == pair).all(axis=1))[1])
        raise complain(row, f"id {pair[_ID]:.0f} occurs twice in frame {pair[_FRAME]:.0f}")
