"""The moments at which a tracker goes most wrong: ID switches, found by matching results with the truth once more.

This is an illustration. Numbers come from TrackEval, whose metrics do not say where a switch happens; its matching of
one frame (CLEAR: continued pairs first, then the greatest overlap) is followed here, but not all of its preprocessing,
so that a few switches more or less may be found.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanomot.assignment import assign
from nanomot.boxes import iou_matrix, tlwh_to_xyxy
from nanomot.evaluation.result_files import CLASS, FRAME, ID, PLACE, SCORE

Rows = NDArray[np.float64]

_MATCH_IOU = 0.5
_CONTINUED = 1000.0
_PERSON = 1


@dataclass(frozen=True)
class IdSwitch:
    """A person of the ground truth whose track changes its id.

    Attributes:
        sequence: where.
        person: id in the ground truth.
        last_frame: the last frame under the old id, from 1.
        frame: the first one under the new id.
        old_id, new_id: of the tracks.
        held: frames that the old id was held before and the new one after, the lesser of the two.
    """

    sequence: str
    person: int
    last_frame: int
    frame: int
    old_id: int
    new_id: int
    held: int


def persons(truth: Rows, *, has_classes: bool = True) -> Rows:
    """Ground-truth rows (N, 8) that are to be tracked: flagged as such, and people where there are classes."""
    wanted = truth[:, SCORE] != 0
    if has_classes:
        wanted &= truth[:, CLASS] == _PERSON
    people: Rows = truth[wanted]
    return people


def find_switches(sequence: str, truth: Rows, result: Rows) -> list[IdSwitch]:
    """All ID switches of one sequence, in the order of persons and frames.

    Args:
        sequence: its name.
        truth: (N, 7 or more) rows of the people to be tracked.
        result: (M, 7) rows of the tracks.
    """
    return [
        switch for person, steps in _followed(truth, result).items() for switch in _changes(sequence, person, steps)
    ]


def worst(switches: Iterable[IdSwitch], most: int) -> list[IdSwitch]:
    """The ``most`` switches that part the longest pieces of a track."""
    return sorted(switches, key=lambda switch: (-switch.held, switch.sequence, switch.frame, switch.person))[:most]


def by_frame(rows: Rows) -> dict[int, Rows]:
    """Frame number -> its rows."""
    ordered = rows[np.argsort(rows[:, FRAME], kind="stable")]
    numbers, starts = np.unique(ordered[:, FRAME].astype(int), return_index=True)
    return dict(zip(numbers.tolist(), np.split(ordered, starts[1:]), strict=True)) if len(rows) else {}


def _followed(truth: Rows, result: Rows) -> dict[int, list[tuple[int, int]]]:
    """Person -> (frame, track id) of every frame in which a track lies on the person."""
    steps: dict[int, list[tuple[int, int]]] = {}
    previous: dict[int, int] = {}
    true_rows, found_rows = by_frame(truth), by_frame(result)
    for frame in sorted(true_rows.keys() & found_rows.keys()):
        people, tracks = true_rows[frame], found_rows[frame]
        overlap = iou_matrix(tlwh_to_xyxy(people[:, PLACE]), tlwh_to_xyxy(tracks[:, PLACE]))
        before = np.array([previous.get(int(person), -1) for person in people[:, ID]])
        gain = overlap + _CONTINUED * (before[:, None] == tracks[None, :, ID])
        rows, columns = assign(np.where(overlap >= _MATCH_IOU, -gain, 1.0), 0.0)
        pairs = zip(people[rows, ID].astype(int).tolist(), tracks[columns, ID].astype(int).tolist(), strict=True)
        previous = dict(pairs)
        for person, track in previous.items():
            steps.setdefault(person, []).append((frame, track))
    return steps


def _changes(sequence: str, person: int, steps: list[tuple[int, int]]) -> Iterable[IdSwitch]:
    held = [list(run) for _, run in itertools.groupby(steps, key=lambda step: step[1])]
    for old, new in itertools.pairwise(held):
        (last_frame, old_id), (frame, new_id) = old[-1], new[0]
        yield IdSwitch(sequence, person, last_frame, frame, old_id, new_id, min(len(old), len(new)))
