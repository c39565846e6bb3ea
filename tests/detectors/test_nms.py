from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detectors.nms import nms
from detectors.nms_numpy import nms_numpy
from nanomot.boxes import iou_matrix


def greedy(boxes: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, threshold: float) -> list[int]:
    """The definition, box by box."""
    overlaps = iou_matrix(boxes, boxes)
    kept: list[int] = []
    for row in sorted(range(len(boxes)), key=lambda row: (-scores[row], row)):
        if all(class_ids[row] != class_ids[other] or overlaps[row, other] <= threshold for other in kept):
            kept.append(row)
    return kept


@st.composite
def scenes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    count = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corners = rng.uniform(0, draw(st.sampled_from([20.0, 200.0, 1900.0])), (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 120, (count, 2))], axis=1).astype(np.float32)
    scores = rng.choice(np.linspace(0.05, 1.0, draw(st.sampled_from([3, 1000]))), count).astype(np.float32)
    class_ids = rng.integers(0, draw(st.sampled_from([1, 3, 80])), count)
    return boxes.astype(np.float64), scores, class_ids, draw(st.sampled_from([0.1, 0.45, 0.6, 0.9]))


@settings(max_examples=150, deadline=None)
@given(scenes())
def test_library_numpy_and_definition_agree(scene) -> None:
    boxes, scores, class_ids, threshold = scene
    overlaps = iou_matrix(boxes, boxes)
    assume(not (np.abs(overlaps - threshold) < 1e-5).any())
    expected = greedy(boxes, scores, class_ids, threshold)
    assert nms_numpy(boxes, scores, class_ids, threshold).tolist() == expected
    assert nms(boxes, scores, class_ids, threshold).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(scenes())
def test_opencv_agrees(scene) -> None:
    boxes, scores, class_ids, threshold = scene
    overlaps = iou_matrix(boxes, boxes)
    assume(len(boxes) > 0 and not (np.abs(overlaps - threshold) < 1e-5).any())
    tlwh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(tlwh.tolist(), scores.tolist(), class_ids.tolist(), 0.0, threshold)
    assert sorted(np.asarray(kept).ravel().tolist()) == sorted(nms(boxes, scores, class_ids, threshold).tolist())


@pytest.mark.parametrize("suppress", [nms, nms_numpy])
def test_sub_pixel_boxes_are_not_rounded(suppress) -> None:
    boxes = np.array([[0.0, 0.0, 0.9, 0.9], [0.5, 0.0, 1.4, 0.9], [0.05, 0.0, 0.95, 0.9]])
    kept = suppress(boxes, np.array([0.5, 0.6, 0.4]), np.zeros(3, dtype=np.int64), 0.6)
    assert kept.tolist() == [1, 0]


@pytest.mark.parametrize("suppress", [nms, nms_numpy])
def test_a_suppressed_box_suppresses_nothing(suppress) -> None:
    boxes = np.array([[0.0, 0, 10, 10], [3.0, 0, 13, 10], [6.0, 0, 16, 10]])
    kept = suppress(boxes, np.array([0.9, 0.8, 0.7]), np.zeros(3, dtype=np.int64), 0.5)
    assert kept.tolist() == [0, 2]


@pytest.mark.parametrize("suppress", [nms, nms_numpy])
@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_are_kept(suppress, count) -> None:
    kept = suppress(np.ones((count, 4)), np.ones(count), np.zeros(count, dtype=np.int64), 0.5)
    assert kept.tolist() == list(range(count))
    assert kept.dtype == np.int64
