from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from detectors.onnx_detector import OnnxDetector
from detectors.session import providers_for
from nanomot.errors import NanomotError
from nanomot.timing import StageClock
from tests.detectors.graphs import cell_rows, fixed_model, nanodet_miniature

STRIDES = (8, 16, 32)
FRAME = np.random.default_rng(9).integers(0, 256, (128, 128, 3)).astype(np.uint8)
PIXELS = {"decoded": True, "family": "yolox"}


def rows_model(path: Path, rows: list[list[float]], size: tuple[int, int] = (64, 64), classes: int = 80) -> Path:
    """A network that gives these YOLOX rows (cx, cy, w, h, objectness, class 0, ...) whatever it sees."""
    table = np.zeros((1, cell_rows(size, STRIDES)[0], 5 + classes), dtype=np.float32)
    for index, row in enumerate(rows):
        table[0, index, : len(row)] = row
    return fixed_model(path, [table], size)


def test_a_box_comes_out_in_the_frame_s_pixels(tmp_path: Path) -> None:
    path = rows_model(tmp_path / "a.onnx", [[32, 32, 20, 10, 1.0, 0.9], [32, 32, 21, 10, 1.0, 0.8]])
    clock = StageClock()
    detector = OnnxDetector(path, imgsz="native", manifest=PIXELS, clock=clock, threads=1)
    found = detector.detect(FRAME)
    np.testing.assert_allclose(found.boxes, [[44, 54, 84, 74]], rtol=1e-5)
    assert found.scores.tolist() == pytest.approx([0.9])
    assert (detector.class_names[0], detector.num_classes, detector.input_shape) == ("person", 80, (64, 64))
    assert clock.counts == {"preprocess": 1, "inference": 1, "postprocess": 1}
    for word in ("a.onnx", "yolox", "80 class", "64x64", "cpu", "1 thread"):
        assert word in detector.describe()


def test_classes_suppress_apart_and_can_be_chosen(tmp_path: Path) -> None:
    path = rows_model(tmp_path / "a.onnx", [[32, 32, 20, 10, 1.0, 0.9, 0.7], [32, 32, 21, 10, 1.0, 0.3, 0.5]])
    options = {"imgsz": "native", "manifest": PIXELS, "threads": 1}
    assert OnnxDetector(path, **options).detect(FRAME).class_ids.tolist() == [0, 1]
    assert OnnxDetector(path, nms=1.0, **options).detect(FRAME).class_ids.tolist() == [0, 1, 1, 0]
    assert OnnxDetector(path, classes=["bicycle"], **options).detect(FRAME).scores.tolist() == pytest.approx([0.7])
    assert OnnxDetector(path, conf=0.8, **options).detect(FRAME).class_ids.tolist() == [0]


def test_low_scores_are_kept_by_default(tmp_path: Path) -> None:
    path = rows_model(tmp_path / "a.onnx", [[10, 10, 9, 9, 1.0, 0.11], [40, 40, 9, 9, 1.0, 0.09]])
    found = OnnxDetector(path, imgsz="native", manifest=PIXELS, threads=1).detect(FRAME)
    assert found.scores.tolist() == pytest.approx([0.11])


NAN = float("nan")


@pytest.mark.parametrize(
    "bad",
    [
        [NAN, 32, 20, 10, 1.0, 0.9],
        [32, 32, -20, 10, 1.0, 0.9],
        [32, 32, 20, 0, 1.0, 0.9],
        [32, 32, float("inf"), 10, 1.0, 0.9],
        [32, 32, 20, 10, NAN, 0.9],
        [32, 32, 20, 10, 1.0, NAN],
    ],
)
def test_what_is_no_box_is_dropped_with_one_warning(tmp_path: Path, caplog, bad) -> None:
    path = rows_model(tmp_path / "a.onnx", [[10, 10, 9, 9, 1.0, 0.5], bad])
    manifest = {**PIXELS, "scores": "probabilities"}
    detector = OnnxDetector(path, imgsz="native", manifest=manifest, classes=[0], threads=1)
    for _ in range(3):
        assert detector.detect(FRAME).scores.tolist() == pytest.approx([0.5])
    assert [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()] == [
        "a.onnx: the network gives scores or boxes that are not numbers, or boxes without size; dropped."
    ]


def test_boxes_in_the_border_are_dropped_silently(tmp_path: Path, caplog) -> None:
    path = rows_model(tmp_path / "a.onnx", [[32, 5, 9, 9, 1.0, 0.5], [32, 32, 9, 9, 1.0, 0.4]])
    manifest = {**PIXELS, "resize": "letterbox"}
    found = OnnxDetector(path, imgsz="native", manifest=manifest, threads=1).detect(FRAME[:64])
    assert found.scores.tolist() == pytest.approx([0.4])
    assert not caplog.records


def test_an_empty_result_is_no_error(tmp_path: Path) -> None:
    path = rows_model(tmp_path / "a.onnx", [])
    assert len(OnnxDetector(path, imgsz="native", manifest=PIXELS, threads=1).detect(FRAME)) == 0


def test_frames_are_checked(tmp_path: Path) -> None:
    detector = OnnxDetector(rows_model(tmp_path / "a.onnx", []), imgsz="native", manifest=PIXELS, threads=1)
    with pytest.raises(NanomotError, match="None instead of a frame"):
        detector.detect(None)


def test_auto_follows_the_picture_and_remembers_its_sizes(tmp_path: Path) -> None:
    path = nanodet_miniature(tmp_path / "a.onnx", (128, 128))
    detector = OnnxDetector(path, threads=1, manifest={"classes": 2})
    assert detector.input_shape is None
    assert "as the picture" in detector.describe()
    shapes = []
    for frame in ((90, 160), (128, 128), (180, 320), (160, 90)):
        detector.detect(np.zeros((*frame, 3), np.uint8))
        shapes.append(detector.input_shape)
    assert shapes == [(96, 160), (128, 128), (96, 160), (160, 96)]
    for width in range(100, 700, 40):
        detector.detect(np.zeros((100, width, 3), np.uint8))
    assert len(detector._engines) <= 4
    assert len(detector._fits) <= 8


def test_auto_falls_back_to_the_file_s_size_with_one_warning(tmp_path: Path, caplog) -> None:
    path = rows_model(tmp_path / "a.onnx", [[32, 32, 16, 16, 1.0, 0.9]])
    detector = OnnxDetector(path, manifest=PIXELS, threads=1)
    wide = np.zeros((64, 128, 3), np.uint8)
    for _ in range(2):
        found = detector.detect(wide)
    assert detector.input_shape == (64, 64)
    # YOLOX's letterbox lies in the top left corner, at half the frame's size.
    np.testing.assert_allclose(found.boxes, [[48, 48, 80, 64]], rtol=1e-5)
    detector.detect(wide[:60])
    assert caplog.text.count("cannot be given another input size") == 1


def test_an_explicit_size_that_cannot_be_met_is_an_error(tmp_path: Path) -> None:
    path = rows_model(tmp_path / "a.onnx", [])
    with pytest.raises(NanomotError, match=r"a\.onnx: does not run with an input of 64x96 .*imgsz native"):
        OnnxDetector(path, imgsz="64x96", manifest=PIXELS)


@pytest.mark.parametrize(
    ("manifest", "imgsz", "frame", "box"),
    [
        # NanoDet letterboxes where the aspect is off, and stretches where it is met or the manifest says so.
        ({}, "64x64", (64, 128), [56, 8, 120, 64]),
        ({}, "native", (64, 128), [56, 8, 120, 64]),
        ({"resize": "stretch"}, "64x64", (64, 128), [56, 20, 120, 52]),
        ({}, "64x64", (64, 68), [29.75, 20, 63.75, 52]),
        ({"family": "nanodet-plus", "cell_offset": 0.5}, "64x64", (64, 128), [56, 20, 120, 52]),
    ],
)
def test_stretching_and_letterboxing(tmp_path: Path, manifest, imgsz, frame, box) -> None:
    table = np.zeros((1, 84, 33), dtype=np.float32)
    row = 4 * 8 + 5
    table[0, row, 0] = 0.9
    table[0, row, 1:] = np.tile(np.eye(8, dtype=np.float32)[2] * 40, 4)
    path = fixed_model(tmp_path / "a.onnx", [table])
    found = OnnxDetector(path, imgsz=imgsz, manifest=manifest, threads=1).detect(np.zeros((*frame, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [box], atol=0.02)


def test_a_file_that_leaves_its_size_open_uses_the_manifest_s(tmp_path: Path) -> None:
    path = nanodet_miniature(tmp_path / "a.onnx", (96, 64))
    model = onnx.load(str(path))
    for position in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[position].dim_param = f"d{position}"
    onnx.save(model, str(path))
    detector = OnnxDetector(path, imgsz="native", manifest={"classes": 2, "imgsz": [96, 64]}, threads=1)
    assert detector.input_shape == (96, 64)


def test_scores_can_be_declared_logits(tmp_path: Path) -> None:
    table = np.zeros((1, 84, 33), dtype=np.float32)
    path = fixed_model(tmp_path / "a.onnx", [table])
    assert len(OnnxDetector(path, imgsz="native", threads=1).detect(FRAME)) == 0
    found = OnnxDetector(path, imgsz="native", threads=1, manifest={"scores": "logits"}).detect(FRAME)
    assert (found.scores == 0.5).all()
    assert len(found) > 0


@pytest.mark.parametrize("option", [{"conf": 1.5}, {"nms": -0.1}, {"conf": "high"}, {"threads": 0}])
def test_options_out_of_range_are_refused(tmp_path: Path, option) -> None:
    with pytest.raises(NanomotError, match=next(iter(option))):
        OnnxDetector(rows_model(tmp_path / "a.onnx", []), manifest=PIXELS, **option)


def test_a_graph_that_cannot_run_is_refused(tmp_path: Path) -> None:
    path = fixed_model(tmp_path / "a.onnx", [np.zeros((1, 84, 33))])
    model = onnx.load(str(path))
    model.graph.node.append(helper.make_node("NoSuchOperator", ["table0"], ["x"]))
    onnx.save(model, str(path))
    with pytest.raises(NanomotError, match=r"a\.onnx: onnxruntime cannot run it"):
        OnnxDetector(path)


def test_a_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NanomotError, match="not a detector with a known output layout"):
        OnnxDetector(fixed_model(tmp_path / "a.onnx", [np.zeros((1, 1000))]))


def test_devices(monkeypatch) -> None:
    assert providers_for("cpu") == providers_for("CPU") == ["CPUExecutionProvider"]
    with pytest.raises(NanomotError, match="must be cpu, cuda"):
        providers_for("tpu")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    for device in ("cuda", "cuda:1", "0"):
        with pytest.raises(NanomotError, match="onnxruntime-gpu"):
            providers_for(device)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert providers_for("cuda:1")[0] == ("CUDAExecutionProvider", {"device_id": 1})
    assert providers_for(2)[0] == ("CUDAExecutionProvider", {"device_id": 2})
    assert providers_for("cuda")[0] == ("CUDAExecutionProvider", {"device_id": 0})
