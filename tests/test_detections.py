from __future__ import annotations

import numpy as np
import pytest

from nanomot import Detections, Detector, NanomotError, Source, Tracks


def test_plain_lists_become_arrays():
    found = Detections([[1, 2, 3, 4]], [0.5], [7])
    assert found.boxes.dtype == np.float64
    assert found.class_ids.dtype == np.int64
    assert len(found) == 1


def test_class_ids_default_to_zero():
    np.testing.assert_array_equal(Detections([[1, 2, 3, 4]], [0.5]).class_ids, [0])


@pytest.mark.parametrize(
    ("boxes", "scores", "classes", "words"),
    [
        ([[1, 2, 3]], [0.5], [0], "shape (N, 4)"),
        ([[1, 2, 3, 4]], [0.5, 0.6], [0], "scores"),
        ([[1, 2, 3, 4]], [0.5], [0, 1], "class_ids"),
        ([[1, 2, 3, 4], [3, 2, 1, 4]], [0.5, 0.5], [0, 0], "row 1"),
        ([[1, 2, np.nan, 4]], [0.5], [0], "row 0"),
        ([[1, 2, np.inf, 4]], [0.5], [0], "row 0"),
        ([[1, 2, 3, 4]], [np.nan], [0], "row 0"),
        ([[1, 2, 1, 4]], [0.5], [0], "x2 > x1"),
        ([[1, 2, 1 + 1e-200, 4]], [0.5], [0], "x2 > x1"),
        ([[1, 2, 1e160, 4]], [0.5], [0], "row 0"),
        ([[1, 2, 3, 4]], [0.5], [1.7], "whole numbers"),
        ([[1, 2, 3, 4]], [0.5], [float("nan")], "whole numbers"),
        ([[1, 2, 3, 4], [1, 2]], [0.5], [0], "rows of one length"),
        ([["a", 2, 3, 4]], [0.5], [0], "must be numbers"),
    ],
)
def test_bad_rows_are_named(boxes, scores, classes, words):
    with pytest.raises(NanomotError) as caught:
        Detections(boxes, scores, classes)
    assert words in str(caught.value)


def test_embeddings_go_along():
    found = Detections([[1, 2, 3, 4], [5, 6, 7, 8]], [0.5, 0.6], [0, 1], np.eye(2))
    part = found[np.array([False, True])]
    np.testing.assert_array_equal(part.embeddings, [[0, 1]])
    np.testing.assert_array_equal(part.scores, [0.6])
    with pytest.raises(NanomotError, match="embeddings"):
        Detections([[1, 2, 3, 4]], [0.5], [0], np.eye(2))


def test_empty_and_concatenate():
    assert len(Detections.empty()) == 0
    assert len(Detections([], [])) == 0
    one = Detections([[1, 2, 3, 4]], [0.5])
    both = Detections.concatenate([one, Detections.empty(), one])
    assert len(both) == 2
    assert both.embeddings is None
    assert len(Detections.concatenate([])) == 0


def test_tracks_select_and_iterate():
    tracks = Tracks(
        boxes=np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]),
        ids=np.array([3, 9]),
        scores=np.array([0.5, 0.6]),
        class_ids=np.array([0, 2]),
        detection_indices=np.array([0, -1]),
        sources=np.array([Source.DETECTED, Source.PREDICTED], np.int8),
        ages=np.array([1, 2]),
    )
    box, track_id, score, class_id = next(iter(tracks[1:]))
    assert (box.tolist(), track_id, score, class_id) == ([5, 6, 7, 8], 9, 0.6, 2)
    assert len(Tracks.empty()) == 0


def test_a_detector_is_whatever_detects():
    class Mine:
        class_names = ()

        def detect(self, frame):
            return Detections.empty()

    assert isinstance(Mine(), Detector)
    assert not isinstance(object(), Detector)
