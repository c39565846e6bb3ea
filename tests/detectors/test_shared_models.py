"""Real exports on real pictures: the figures of the reference table, stored boxes, and other input shapes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.onnx_detector import OnnxDetector
from nanomot.boxes import iou_matrix

pytestmark = pytest.mark.shared

PICTURES = ("bus.jpg", "person.jpg", "street.png")
TWO_CLASSES = {"classes": 2, "reg_max": 2}

# Best person score and people at a floor of 0.35 and an IoU of 0.6, from the reference's table.
TABLE = {
    "nanodet-m_320": ("nanodet", (0.75, 4), (0.76, 1), (0.73, 8)),
    "nanodet-m_416": ("nanodet", (0.64, 3), (0.77, 1), (0.69, 12)),
    "nanodet-m-0.5x_320_dist4": ("nanodet", (0.75, 4), (0.77, 1), (0.75, 8)),
    "nanodet-m_320_rank2-swapped-names": ("nanodet", (0.77, 4), (0.81, 1), (0.74, 6)),
    "nanodet-plus-m_320": ("nanodet-plus", (0.82, 3), (0.78, 1), (0.70, 14)),
    "nanodet-plus-m_416": ("nanodet-plus", (0.77, 3), (0.81, 1), (0.69, 13)),
    "nanodet-plus-m-1.5x_416_from-int8": ("nanodet-plus", (0.73, 4), (0.83, 1), (0.70, 14)),
    "picodet-s_320": ("picodet", (0.93, 4), (0.90, 1), (0.75, 17)),
    "yolox-nano_416": ("yolox", (0.86, 3), (0.88, 1), (0.79, 7)),
    "fastestdet_352": ("fastestdet", (0.88, None), (0.90, 1), (0.82, None)),
}


@pytest.mark.parametrize("model", sorted(TABLE))
def test_native_figures_of_the_table(shared: Path, model) -> None:
    family, *expected = TABLE[model]
    path = shared / "models" / "detectors" / f"{model}.onnx"
    detector = OnnxDetector(path, imgsz="native", conf=0.35, classes=["person"], threads=1)
    assert detector.family == family
    for picture, (score, count) in zip(PICTURES, expected, strict=True):
        found = detector.detect(cv2.imread(str(shared / "data" / "images" / picture)))
        assert found.scores.max() == pytest.approx(score, abs=0.011), picture
        assert count in (None, len(found)), picture


@pytest.mark.parametrize("model", sorted(TABLE))
def test_people_are_found_at_the_picture_s_own_shape(shared: Path, model, caplog) -> None:
    path = shared / "models" / "detectors" / f"{model}.onnx"
    detector = OnnxDetector(path, conf=0.35, classes=["person"], threads=1)
    native = OnnxDetector(path, imgsz="native", conf=0.5, classes=["person"], threads=1)
    for picture in PICTURES:
        frame = cv2.imread(str(shared / "data" / "images" / picture))
        sure, found = native.detect(frame), detector.detect(frame)
        height, width = detector.input_shape
        assert height != width
        # Most of what the file's own shape is sure of is found again, at the same place.
        assert np.median(iou_matrix(sure.boxes, found.boxes).max(axis=1)) > 0.55, picture
    assert "cannot be given" not in caplog.text


@pytest.mark.parametrize(
    ("name", "manifest", "classes", "native"),
    [
        ("custom-1class_nanodet-m_320", None, 1, (320, 320)),
        ("custom-2class_plus-0.5x_w256h320_14ch", TWO_CLASSES, 2, (320, 256)),
    ],
)
def test_custom_exports(shared: Path, name, manifest, classes, native) -> None:
    path = shared / "models" / "detectors" / "layout_samples" / f"{name}.onnx"
    frame = cv2.imread(str(shared / "data" / "images" / "person.jpg"))
    found = {}
    for imgsz in ("native", "auto"):
        detector = OnnxDetector(path, imgsz=imgsz, manifest=manifest, conf=0.3, threads=1)
        found[imgsz] = detector.detect(frame)
        assert detector.num_classes == classes
        assert len(found[imgsz]) > 0
    assert OnnxDetector(path, imgsz="native", manifest=manifest).input_shape == native
    assert iou_matrix(found["native"].boxes, found["auto"].boxes).max() > 0.5


FRAMES = {"MOT17/train/MOT17-09-FRCNN": (1, 180, 400), "MOT15/train/TUD-Stadtmitte": (1, 60, 150)}


@pytest.mark.parametrize("sequence", sorted(FRAMES))
def test_native_boxes_equal_the_stored_ones(shared: Path, sequence) -> None:
    folder = shared / "data" / "mot" / sequence
    stored = np.load(shared / "data" / "detections" / "nanodet-plus-m_416" / f"{folder.name}.npz", allow_pickle=False)
    path = shared / "models" / "detectors" / "nanodet-plus-m_416.onnx"
    detector = OnnxDetector(path, imgsz="native", conf=0.05, nms=0.6, classes=[0], threads=1)
    overlaps, differences, extra = [], [], 0
    for number in FRAMES[sequence]:
        found = detector.detect(cv2.imread(str(folder / "img1" / f"{number:06d}.jpg")))
        rows = (stored["frame"] == number) & (stored["scores"] > 0.3)
        matrix = iou_matrix(stored["boxes_xyxy"][rows].astype(float), found.boxes)
        overlaps += matrix.max(axis=1).tolist()
        differences += np.abs(stored["scores"][rows] - found.scores[matrix.argmax(axis=1)]).tolist()
        extra += int((found.scores > 0.3).sum() - rows.sum())
    assert len(overlaps) > 20
    assert np.mean(np.array(overlaps) > 0.95) > 0.99
    assert max(differences) < 0.01
    assert abs(extra) <= 1
