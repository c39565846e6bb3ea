"""Reading MOTChallenge files strictly (whatever is wrong with one is named by its line), and writing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError

_LEAST_COLUMNS = 7
_LEAST_TRUTH_COLUMNS = 8
_FARTHEST = 1e9
_MOST_ID = 2**53
"""Beyond, not every whole number is a float."""
_CLASSES = 13
FRAME, ID, PLACE, SCORE, CLASS = 0, 1, slice(2, 6), 6, 7
"""Columns; ``PLACE`` are left, top, width and height."""


@dataclass(frozen=True)
class _Table:
    """The rows of a file, (N, columns), and the number of the line of each."""

    path: Path
    rows: NDArray[np.float64]
    lines: list[int]

    def require(self, good: NDArray[np.bool_] | np.bool_, words: Callable[[NDArray[np.float64]], str]) -> None:
        """Complain in ``words`` about the first row that is not ``good``."""
        if not good.all():
            row = int(np.argmin(good))
            raise NanomotError(f"{self.path}, line {self.lines[row]}: {words(self.rows[row])}.")

    def columns(self, count: int) -> NDArray[np.float64]:
        """The first ``count`` columns; those that the file lacks are -1."""
        missing = max(count - self.rows.shape[1], 0)
        return np.pad(self.rows[:, :count], ((0, 0), (0, missing)), constant_values=-1.0)


def read_tracks(path: Path, length: int, *, columns: int = _LEAST_COLUMNS) -> NDArray[np.float64]:
    """The rows of a result file, (N, columns): frame, id, left, top, width, height, score, class, ...

    Args:
        path: the file, values separated by commas or blanks; an empty one has no rows.
        length: frames of the sequence.
        columns: how many to keep, 7 or more; those that the file lacks are -1.

    Raises:
        NanomotError: a line is no row of numbers or has another number of them than the first, has a frame outside of
            the sequence, an id below 1, an empty box or a class other than persons, or repeats an id of its frame.
    """
    table = _read(path, "result", _LEAST_COLUMNS)
    _check(table, length, columns, least_id=1)
    table.require((table.rows[:, PLACE][:, 2:] > 0).all(axis=1), lambda row: "width and height must be above 0")
    if table.rows.shape[1] > CLASS:
        table.require(
            ~(table.rows[:, CLASS] > 1), lambda row: f"class {row[CLASS]:.15g}, but only persons (1 or -1) are judged"
        )
    return table.columns(columns)


def read_truth(
    path: Path, length: int, *, columns: int = _LEAST_TRUTH_COLUMNS, has_classes: bool = True
) -> NDArray[np.float64]:
    """The rows of a ground-truth file, (N, columns): as those of a result, but column 7 says whether a row counts.

    Args:
        path: the file; an empty one has no rows.
        length: frames of the sequence.
        columns: how many to keep, 8 or more; those that the file lacks are -1.
        has_classes: column 8 is one of MOTChallenge's classes 1 to 13; MOT15 has a coordinate there.

    Raises:
        NanomotError: as :func:`read_tracks`, but ids may be 0 and boxes empty; or a class is none.
    """
    table = _read(path, "ground-truth", _LEAST_TRUTH_COLUMNS)
    _check(table, length, columns, least_id=0)
    table.require((table.rows[:, PLACE][:, 2:] >= 0).all(axis=1), lambda row: "width and height must not be negative")
    if has_classes:
        known = np.isin(table.rows[:, CLASS], np.arange(1, _CLASSES + 1))
        table.require(
            known,
            lambda row: (
                f"class {row[CLASS]:.15g} is none of MOTChallenge's 1 to {_CLASSES}; "
                "MOT15's truth, which has no classes, is measured with --benchmark MOT15"
            ),
        )
    return table.columns(columns)


def sorted_by_frame(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows in the order of frames, and of ids within a frame."""
    return rows[np.lexsort((rows[:, ID], rows[:, FRAME]))]


def result_text(rows: NDArray[np.float64]) -> str:
    """(N, 7) rows as lines of ten values, the way :class:`nanomot.video.sinks.MotWriter` writes them."""
    line = "%d,%d,%.2f,%.2f,%.2f,%.2f,%.4f,-1,-1,-1\n"
    return line * len(rows) % tuple(rows[:, :_LEAST_COLUMNS].ravel().tolist())


def _read(path: Path, what: str, least: int) -> _Table:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NanomotError(f"{path}: this {what} file is missing.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise NanomotError(f"{path}: this {what} file cannot be read ({error}).") from error
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not numbered:
        return _Table(path, np.empty((0, least)), [])
    lines = [number for number, _ in numbered]
    try:
        rows = np.loadtxt([line for _, line in numbered], delimiter=",", comments=None, ndmin=2)
        if rows.shape[1] >= least:
            return _Table(path, rows, lines)
    except ValueError:
        pass  # read more slowly below, which takes blanks for commas and can tell what is wrong
    return _Table(path, np.array(_read_line_by_line(path, numbered, least)), lines)


def _read_line_by_line(path: Path, numbered: list[tuple[int, str]], least: int) -> list[list[float]]:
    rows: list[list[float]] = []
    for number, line in numbered:
        try:
            values = _numbers(line)
            if len(values) < least:
                raise ValueError(f"has {len(values)} columns, but at least {least} are needed")
            if rows and len(values) != len(rows[0]):
                raise ValueError(f"has {len(values)} columns, but line {numbered[0][0]} has {len(rows[0])}")
        except ValueError as error:
            raise NanomotError(f"{path}, line {number}: {error}.") from error
        rows.append(values)
    return rows


def _numbers(line: str) -> list[float]:
    """The values of a line; a :class:`ValueError` says what is wrong with it."""
    fields = [field.strip() for field in line.split(",")] if "," in line else line.split()
    if not fields[-1]:
        fields.pop()  # one comma at the end of a line is as good as none
    if "" in fields:
        raise ValueError(f"has an empty field ({line.strip()[:60]!r})")
    try:
        # Python's float() also takes 1_0 and other scripts' digits, which are numbers in no other program.
        if not line.isascii() or "_" in line:
            raise ValueError
        return [float(field) for field in fields]
    except ValueError as error:
        raise ValueError(f"is not a row of numbers ({line.strip()[:60]!r})") from error


def _check(table: _Table, length: int, columns: int, *, least_id: int) -> None:
    """What holds for results and ground truth alike."""
    rows, pairs = table.rows, table.rows[:, : ID + 1]
    table.require(np.isfinite(rows[:, :columns]).all(axis=1), lambda row: "holds a value that is not a finite number")
    table.require((pairs == np.floor(pairs)).all(axis=1), lambda row: "frame and id must be whole numbers")
    table.require(
        (rows[:, FRAME] >= 1) & (rows[:, FRAME] <= length),
        lambda row: f"frame {row[FRAME]:.15g} lies outside of the sequence's 1 to {length}",
    )
    table.require(
        (rows[:, ID] >= least_id) & (rows[:, ID] <= _MOST_ID),
        lambda row: f"id {row[ID]:.15g}, but ids must be {least_id} or more and below {_MOST_ID:.0e}",
    )
    table.require(
        (np.abs(rows[:, PLACE.start : SCORE + 1]) <= _FARTHEST).all(axis=1),
        lambda row: f"holds a value beyond {_FARTHEST:.0e}",
    )
    first = np.unique(pairs, axis=0, return_index=True)[1]
    if len(first) < len(rows):
        unique = np.zeros(len(rows), bool)
        unique[first] = True
        table.require(unique, lambda row: f"id {row[ID]:.15g} occurs twice in frame {row[FRAME]:.15g}")
