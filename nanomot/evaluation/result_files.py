"""Reading MOTChallenge files strictly (whatever is wrong with one is named by its line), and writing them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError
from nanomot.video.part_file import PartFile

_LEAST_COLUMNS = 7
FRAME, ID, PLACE, SCORE, CLASS = 0, 1, slice(2, 6), 6, 7
"""Columns; ``PLACE`` are left, top, width and height."""


def read_tracks(path: Path, length: int, *, what: str = "result", columns: int = _LEAST_COLUMNS) -> NDArray[np.float64]:
    """The rows of a result or ground-truth file, (N, columns): frame, id, left, top, width, height, score, class, ...

    Args:
        path: the file; an empty one has no rows.
        length: frames of the sequence.
        what: how the file is called in messages.
        columns: how many to keep, 7 or more; those that a line lacks are -1.

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
        return np.empty((0, columns))
    rows = np.array([_numbers(path, number, line, columns) for number, line in numbered])
    _check_frames(path, numbered, rows, length)
    return rows


def sorted_by_frame(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows in the order of frames, and of ids within a frame."""
    return rows[np.lexsort((rows[:, ID], rows[:, FRAME]))]


def result_text(rows: NDArray[np.float64]) -> str:
    """(N, 7) rows as lines of ten values, the way :class:`nanomot.video.sinks.MotWriter` writes them."""
    line = "%d,%d,%.2f,%.2f,%.2f,%.2f,%.4f,-1,-1,-1\n"
    return line * len(rows) % tuple(rows[:, :_LEAST_COLUMNS].ravel().tolist())


def write_tracks(path: Path, rows: NDArray[np.float64]) -> None:
    """Write (N, 7) rows as a result file, sorted by frame and id; a crash leaves the old file or the new one."""
    file = PartFile(path)
    file.write(result_text(sorted_by_frame(rows)))
    file.close()


def _numbers(path: Path, number: int, line: str, columns: int) -> list[float]:
    fields = line.replace(",", " ").split()
    try:
        values = [float(value) for value in fields]
    except ValueError as error:
        raise NanomotError(f"{path}, line {number}: is not a row of numbers ({line.strip()[:60]!r}).") from error
    if len(values) < _LEAST_COLUMNS:
        raise NanomotError(
            f"{path}, line {number}: has {len(values)} columns, but at least {_LEAST_COLUMNS} are needed."
        )
    return (values + [-1.0] * columns)[:columns]


def _check_frames(path: Path, numbered: list[tuple[int, str]], rows: NDArray[np.float64], length: int) -> None:
    def complain(row: int, words: str) -> NanomotError:
        return NanomotError(f"{path}, line {numbered[row][0]}: {words}.")

    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise complain(int(np.argmin(finite)), "holds a value that is not a finite number")
    whole = (rows[:, : ID + 1] == np.floor(rows[:, : ID + 1])).all(axis=1)
    if not whole.all():
        raise complain(int(np.argmin(whole)), "frame and id must be whole numbers")
    inside = (rows[:, FRAME] >= 1) & (rows[:, FRAME] <= length)
    if not inside.all():
        row = int(np.argmin(inside))
        raise complain(row, f"frame {rows[row, FRAME]:.0f} lies outside of the sequence's 1 to {length}")
    _, first, counts = np.unique(rows[:, : ID + 1], axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        pair = rows[first[np.argmax(counts > 1)], : ID + 1]
        row = int(np.flatnonzero((rows[:, : ID + 1] == pair).all(axis=1))[1])
        raise complain(row, f"id {pair[ID]:.0f} occurs twice in frame {pair[FRAME]:.0f}")
