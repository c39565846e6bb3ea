"""Large frames go other ways through the code than small ones; the tracks must not show it."""

from __future__ import annotations

import numpy as np
import pytest

from nanomot import Detections, create_tracker
from nanomot import assignment as assignment_module
from nanomot import boxes as boxes_module
from nanomot.crowd import crowd
from nanomot.trackers.bytetrack import ByteTracker, StagedTracker

METHODS = ["sort", "bytetrack", "sparsetrack", "nanotrack"]


class MatrixByteTracker(ByteTracker):
    """BYTE from whole matrices, as the paper's program does it."""

    _associate = StagedTracker._associate


def force(monkeypatch, *, sparse):
    size = 1 if sparse else 10**9
    for name in ("_SWEEP_FROM", "_SCATTER_FROM"):
        monkeypatch.setattr(boxes_module, name, size)
    monkeypatch.setattr(assignment_module, "_PAIRS_FROM", size)
    monkeypatch.setattr(assignment_module, "_FEW_PAIRS", 0 if sparse else 10**9)


def two_classes(found):
    """The same boxes, every other one of another class."""
    return Detections(found.boxes, found.scores, np.arange(len(found)) % 2)


def assert_same_tracks(first, second, frames):
    reported = 0
    for found in frames:
        one, other = first(found), second(found)
        for column in ("boxes", "ids", "scores", "class_ids", "detection_indices"):
            np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
        reported += len(one)
    assert reported > 0


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("objects", "frames"), [(6, 60), (150, 25)])
def test_small_and_large_frames_give_the_same_tracks(monkeypatch, name, objects, frames, per_class):
    trackers = [create_tracker(name, per_class=per_class) for _ in range(2)]

    def updates(tracker, sparse):
        def update(found):
            with monkeypatch.context() as patch:
                force(patch, sparse=sparse)
                return tracker.update(found)

        return update

    scene = [two_classes(found) for found in crowd(objects, frames, seed=4)]
    assert_same_tracks(updates(trackers[0], True), updates(trackers[1], False), scene)


@pytest.mark.parametrize("options", [{}, {"per_class": True}, {"mode": "bytetrack-cpp"}, {"match_threshold": 1.0}])
def test_overlapping_pairs_are_enough(options):
    default = create_tracker("bytetrack", **options)
    matrix = MatrixByteTracker(default.parameters)
    scene = [two_classes(found) for found in crowd(40, 60, seed=2)]
    assert_same_tracks(default.update, matrix.update, scene)
