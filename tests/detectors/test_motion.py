"""Hand-made silhouettes for each rule, and the synthetic scene's truth for the whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from detectors.motion import MotionDetector
from nanomot.boxes import iou_matrix
from nanomot.errors import NanomotError
from nanomot.synthetic import Scene

WIDTH, HEIGHT = 480, 270
Part = tuple[int, int, int, int]


def wall(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    noise = np.random.default_rng(0).integers(100, 140, (height, width, 3))
    return cv2.blur(noise.astype(np.uint8), (3, 3))


def found(parts: list[Part], colour: tuple[int, int, int] = (20, 230, 30), **options: float) -> np.ndarray:
    """Boxes found in a picture with these filled rectangles after twenty pictures of the empty wall."""
    detector = MotionDetector(**options)  # type: ignore[arg-type]
    for _ in range(20):
        assert len(detector.detect(wall())) == 0
    picture = wall()
    for x1, y1, x2, y2 in parts:
        cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), colour, cv2.FILLED)
    detections = detector.detect(picture)
    assert np.all((detections.scores > 0) & (detections.scores <= 1))
    return detections.boxes[np.argsort(detections.boxes[:, 0])]


def test_one_person_is_one_box() -> None:
    np.testing.assert_allclose(found([(200, 100, 240, 200)]), [[200, 100, 240, 200]], atol=3)


def test_fragments_of_one_person_are_joined() -> None:
    fragments = [(210, 80, 230, 95), (200, 103, 240, 160), (205, 168, 235, 210)]
    np.testing.assert_allclose(found(fragments), [[200, 80, 240, 210]], atol=3)


def test_neighbours_are_not_joined() -> None:
    boxes = found([(100, 100, 135, 200), (150, 105, 185, 205)])
    np.testing.assert_allclose(boxes, [[100, 100, 135, 200], [150, 105, 185, 205]], atol=3)


def test_who_stands_far_above_is_somebody_else() -> None:
    assert len(found([(200, 20, 230, 90), (200, 150, 230, 240)])) == 2


def test_group_is_cut_between_its_heads() -> None:
    group = [(100, 120, 180, 220), (110, 100, 128, 125), (152, 95, 170, 125)]
    boxes = found(group)
    assert len(boxes) == 2
    assert 128 <= boxes[0, 2] == boxes[1, 0] <= 152
    np.testing.assert_allclose(boxes[:, 1], [100, 95], atol=3)
    np.testing.assert_allclose(found(group, split=False), [[100, 95, 180, 220]], atol=3)


def test_wide_person_with_one_head_stays_whole() -> None:
    assert len(found([(100, 130, 170, 220), (125, 105, 145, 135)])) == 1


def test_upright_shapes_score_higher_than_flat_ones() -> None:
    detector = MotionDetector(conf=0.0)
    for _ in range(20):
        detector.detect(wall())
    picture = wall()
    cv2.rectangle(picture, (50, 100), (89, 199), (20, 230, 30), cv2.FILLED)
    cv2.rectangle(picture, (200, 100), (399, 129), (20, 230, 30), cv2.FILLED)
    detections = detector.detect(picture)
    upright, flat = detections.scores[np.argsort(detections.boxes[:, 0])]
    assert upright > 0.8
    assert flat < 0.1
    assert len(found([(200, 100, 400, 130)], conf=0.1)) == 0


def test_shadows_are_not_people() -> None:
    detector = MotionDetector()
    for _ in range(20):
        detector.detect(wall())
    picture = wall()
    picture[100:200, 200:240] = (picture[100:200, 200:240] * 0.7).astype(np.uint8)
    assert len(detector.detect(picture)) == 0


def test_specks_and_sudden_light_are_not_people() -> None:
    assert len(found([(10, 10, 13, 13), (300, 50, 304, 56)])) == 0
    assert len(found([(0, 0, WIDTH, HEIGHT)])) == 0


def test_many_specks_stay_cheap_and_right() -> None:
    dots = [(x, y, x + 4, y + 7) for x in range(4, 460, 14) for y in range(4, 250, 22)]
    assert len(found([*dots, (200, 100, 240, 200)], min_area=0.0008)) == 1


def test_boxes_come_back_in_the_pictures_pixels() -> None:
    detector = MotionDetector()
    big = cv2.resize(wall(), (1920, 1080))
    for _ in range(20):
        detector.detect(big)
    picture = big.copy()
    cv2.rectangle(picture, (800, 400), (959, 799), (20, 230, 30), cv2.FILLED)
    np.testing.assert_allclose(detector.detect(picture).boxes, [[800, 400, 960, 800]], atol=12)


def test_another_picture_size_starts_afresh() -> None:
    detector = MotionDetector()
    detector.detect(wall())
    assert len(detector.detect(np.full((90, 160, 3), 250, np.uint8))) == 0
    assert len(detector.detect(np.full((90, 160, 3), 250, np.uint8))) == 0


def test_classes_and_names() -> None:
    assert MotionDetector(classes=["person"]).class_names == ("person",)
    assert MotionDetector(classes=[0]).conf == 0.1
    with pytest.raises(NanomotError, match="car"):
        MotionDetector(classes=["car"])


@pytest.mark.parametrize("option", [{"conf": 2.0}, {"history": 0}, {"work_size": 1}, {"min_area": 0.6}])
def test_options_out_of_range_are_named(option: dict[str, float]) -> None:
    with pytest.raises(NanomotError, match=r"motion detector: \w+ must lie between"):
        MotionDetector(**option)  # type: ignore[arg-type]


def test_clock_knows_the_stages() -> None:
    detector = MotionDetector()
    detector.detect(wall())
    assert set(detector.clock.wall) == {"preprocess", "inference", "postprocess"}


@pytest.mark.parametrize(("seed", "width", "height"), [(0, 640, 360), (2, 480, 270)])
def test_finds_the_people_of_the_synthetic_scene(seed: int, width: int, height: int) -> None:
    scene = Scene(seed=seed, frames=250, width=width, height=height)
    detector = MotionDetector()
    people = hits = boxes = right = 0
    for index in range(len(scene)):
        detections, truth = detector.detect(scene.render(index)), scene.truth(index)
        overlap = iou_matrix(truth.boxes, detections.boxes)
        rows, columns = linear_sum_assignment(-overlap)
        good = overlap[rows, columns] >= 0.5
        visible = truth.visibility > 0.5
        people += int(visible.sum())
        hits += int(visible[rows[good]].sum())
        boxes += len(detections)
        right += int(good.sum())
    assert hits / people > 0.8
    assert right / boxes > 0.88
