from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nanomot import interop
from nanomot.detections import Detections, Tracks
from nanomot.errors import NanomotError

ROWS = np.array([[1.0, 2.0, 11.0, 22.0, 0.9, 0.0], [3.5, 4.5, 13.5, 24.5, 0.4, 2.0]])


@dataclass
class FakeDetections:
    """The fields of ``supervision.Detections`` that are used here."""

    xyxy: np.ndarray
    confidence: np.ndarray | None = None
    class_id: np.ndarray | None = None
    tracker_id: np.ndarray | None = None


@pytest.fixture(params=["fake", "real"])
def supervision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "real":
        return pytest.importorskip("supervision")
    module = types.ModuleType("supervision")
    module.Detections = FakeDetections  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "supervision", module)
    return module


def some_tracks() -> Tracks:
    return Tracks(
        ROWS[:, :4],
        np.array([7, 9]),
        ROWS[:, 4],
        np.array([0, 2]),
        np.array([1, -1]),
        np.array([0, 2], np.int8),
        np.array([5, 1]),
    )


def test_arrays_there_and_back():
    detections = interop.detections_from_array(ROWS)
    assert detections.class_ids.tolist() == [0, 2]
    assert np.array_equal(interop.detections_to_array(detections), ROWS)
    assert interop.detections_to_array(Detections.empty()).shape == (0, 6)
    assert len(interop.detections_from_array([])) == 0
    assert len(interop.detections_from_array(np.empty((0, 6)))) == 0


def test_five_columns_mean_class_zero():
    assert interop.detections_from_array(ROWS[:, :5]).class_ids.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (ROWS[:, :4], r"\(2, 4\)"),
        (ROWS[0], r"\(6,\)"),
        (ROWS * [1, 1, 1, 1, 1, 1.25], "row 1 has the class 2.5"),
        (ROWS * [1, 1, 1, 1, 1, np.nan], "row 0 has the class nan"),
        (ROWS * [1, 1, -1, 1, 1, 1], "row 0 is not a box"),
    ],
)
def test_bad_arrays_are_named(rows, reason):
    with pytest.raises(NanomotError, match=reason):
        interop.detections_from_array(rows)


def test_tracks_to_array():
    expected = [[1, 2, 11, 22, 7, 0.9, 0, 1], [3.5, 4.5, 13.5, 24.5, 9, 0.4, 2, -1]]
    assert interop.tracks_to_array(some_tracks()).tolist() == expected
    assert interop.tracks_to_array(Tracks.empty()).shape == (0, 8)


def test_supervision_there_and_back(supervision):
    converted = interop.detections_to_supervision(interop.detections_from_array(ROWS))
    assert isinstance(converted, supervision.Detections)
    assert converted.tracker_id is None
    back = interop.detections_from_supervision(converted)
    assert np.array_equal(interop.detections_to_array(back), ROWS)


def test_supervision_without_confidence_and_class(supervision):
    detections = interop.detections_from_supervision(supervision.Detections(xyxy=ROWS[:, :4]))
    assert detections.scores.tolist() == [1, 1]
    assert detections.class_ids.tolist() == [0, 0]


def test_tracks_to_supervision(supervision):
    tracks = some_tracks()
    converted = interop.tracks_to_supervision(tracks)
    assert converted.tracker_id.tolist() == [7, 9]
    assert converted.class_id.tolist() == [0, 2]
    assert converted.confidence.tolist() == [0.9, 0.4]
    converted.xyxy[:] = 0
    assert tracks.boxes[0, 2] == 11, "the tracks keep their own arrays"


def test_no_tracks_and_no_detections(supervision):
    assert len(interop.tracks_to_supervision(Tracks.empty()).xyxy) == 0
    assert len(interop.detections_from_supervision(interop.detections_to_supervision(Detections.empty()))) == 0


def test_supervision_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(NanomotError, match="pip install supervision"):
        interop.tracks_to_supervision(some_tracks())
