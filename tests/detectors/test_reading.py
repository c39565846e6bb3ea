"""Reading inside the graph gives what NumPy gives: same boxes, same scores, same order, same warning."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from detectors.onnx_detector import OnnxDetector
from nanomot.detections import Detections
from tests.detectors.graphs import cell_rows, fixed_model, save

SIZE = (64, 96)
THREE, FOUR = (8, 16, 32), (8, 16, 32, 64)
CLASSES = 3
FRAME = np.zeros((150, 240, 3), np.uint8)
CHOICES = {"all": None, "one": [1], "two": [0, 2]}


def transposed_model(path: Path, outputs: list[np.ndarray], order: Sequence[int] = (0, 2, 1)) -> Path:
    """A graph whose outputs lie in another order of axes until its last nodes; ``order`` undoes itself."""
    weights = {f"table{i}": array.astype(np.float32).transpose(order) for i, array in enumerate(outputs)}
    nodes = [helper.make_node("Identity", [name], [f"{name}/raw"]) for name in weights]
    nodes += [helper.make_node("Transpose", [f"{name}/raw"], [f"{name}/out"], perm=order) for name in weights]
    return save(path, nodes, weights, SIZE, [f"{name}/out" for name in weights])


def gfl_table(seed: int, strides: Sequence[int], bins: int, *, broken: bool = False) -> np.ndarray:
    """(1, N, CLASSES + 4 * bins) with many equal scores."""
    rng = np.random.default_rng(seed)
    cells = cell_rows(SIZE, tuple(strides))[0]
    scores = rng.integers(0, 17, (1, cells, CLASSES)) / 16.0
    sides = rng.normal(0.6, 1.5, (1, cells, 4 * bins))
    if broken:
        scores[rng.random(scores.shape) < 0.02] = np.nan
        sides[rng.random(sides.shape) < 0.01] = np.nan
        sides[rng.random(sides.shape) < 0.01] = np.inf
    return np.concatenate([scores, sides], axis=2).astype(np.float32)


def split(table: np.ndarray, strides: Sequence[int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    starts = cell_rows(SIZE, tuple(strides))
    edges = [starts[stride] for stride in strides] + [starts[0]]
    parts = [table[:, a:b] for a, b in itertools.pairwise(edges)]
    return [part[..., :CLASSES] for part in parts], [part[..., CLASSES:] for part in parts]


def row_table(seed: int, *, anchors: int = 1, pixels: bool = False, broken: bool = False) -> np.ndarray:
    """(1, N, 5 + CLASSES) of YOLOX or YOLOv5."""
    rng = np.random.default_rng(seed)
    cells = anchors * cell_rows(SIZE, THREE)[0]
    boxes = rng.uniform(1, 64, (1, cells, 4)) if pixels else rng.normal(0.0, 1.0, (1, cells, 4))
    scores = rng.integers(0, 9, (1, cells, 1 + CLASSES)) / 8.0
    table = np.concatenate([boxes, scores], axis=2)
    if broken:
        for bad in (np.nan, np.inf, -5.0):
            spots = rng.random(boxes.shape) < 0.01
            table[..., :4][spots] = bad
        table[..., 4:][rng.random(scores.shape) < 0.01] = np.nan
    return table.astype(np.float32)


def in_two_ways(monkeypatch, caplog, path: Path, frame: np.ndarray = FRAME, **options) -> tuple[Detections, Detections]:
    """Detections by the graph and by NumPy, which warn alike; the log holds what the graph's said."""
    options = {"imgsz": "native", "threads": 1, **options}
    by_graph = OnnxDetector(path, **options)
    with monkeypatch.context() as patch:
        patch.setattr("detectors.engine.with_reading", lambda *_: None)
        by_numpy = OnnxDetector(path, **options)
        expected = by_numpy.detect(frame)
    told = [record.getMessage() for record in caplog.records]
    caplog.clear()
    found = by_graph.detect(frame)
    assert by_graph.prepare(frame).engine.reading is not None
    assert by_numpy.prepare(frame).engine.reading is None
    assert [record.getMessage() for record in caplog.records] == told
    return found, expected


def assert_same(found: Detections, expected: Detections) -> None:
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    for name in ("boxes", "scores", "class_ids"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert (ours.dtype, ours.flags.c_contiguous) == (theirs.dtype, theirs.flags.c_contiguous), name


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("classes", CHOICES)
@pytest.mark.parametrize("form", ["joined", "joined, by column", "split", "split, by column", "in place", "integrated"])
def test_gfl_layouts(tmp_path, monkeypatch, caplog, form, classes, broken) -> None:
    bins = 1 if form == "integrated" else 8
    strides = FOUR if "joined" in form else THREE
    table = gfl_table(len(form), strides, bins, broken=broken)
    scores, sides = split(table, strides)
    path = tmp_path / "a.onnx"
    if "joined" in form:
        outputs = [table]
    elif form == "in place":
        grids = [(-(-SIZE[0] // s), -(-SIZE[1] // s)) for s in strides]
        outputs = [t.transpose(0, 2, 1).reshape(1, -1, *g) for t, g in zip(scores + sides, grids * 2, strict=True)]
    else:
        outputs = [part for pair in zip(sides, scores, strict=True) for part in pair]
    make = transposed_model if "by column" in form else lambda p, o: fixed_model(p, o, SIZE)
    manifest = {"classes": CLASSES, "scores": "probabilities"}
    options = {"manifest": manifest, "classes": CHOICES[classes], "conf": 0.3}
    found, expected = in_two_ways(monkeypatch, caplog, make(path, outputs), **options)
    assert len(expected) > 10
    assert_same(found, expected)


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("classes", CHOICES)
@pytest.mark.parametrize("manifest", [{"family": "yolox"}, {"family": "yolox", "decoded": True}, {"family": "yolov5"}])
def test_rows_with_objectness(tmp_path, monkeypatch, caplog, manifest, classes, broken) -> None:
    anchors = 3 if manifest["family"] == "yolov5" else 1
    pixels = anchors == 3 or "decoded" in manifest
    path = fixed_model(tmp_path / "a.onnx", [row_table(5, anchors=anchors, pixels=pixels, broken=broken)], SIZE)
    manifest = {**manifest, "classes": CLASSES, "scores": "probabilities"}
    options = {"manifest": manifest, "classes": CHOICES[classes], "conf": 0.2}
    found, expected = in_two_ways(monkeypatch, caplog, path, **options)
    assert len(expected) > 10
    assert_same(found, expected)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("conf", "iou"), [(0.0, 0.6), (0.5, 0.0), (0.5, 1.0), (0.9375, 0.3), (1.0, 0.5)])
def test_floors_and_overlaps(tmp_path, monkeypatch, caplog, seed, conf, iou) -> None:
    path = fixed_model(tmp_path / "a.onnx", [gfl_table(seed, FOUR, 8)], SIZE)
    options = {"manifest": {"classes": CLASSES}, "conf": conf, "nms": iou, "classes": [[2], [0, 1], None][seed % 3]}
    found, expected = in_two_ways(monkeypatch, caplog, path, **options)
    assert len(expected) > 0
    assert_same(found, expected)


@pytest.mark.parametrize("classes", CHOICES)
def test_no_survivor(tmp_path, monkeypatch, caplog, classes) -> None:
    table = gfl_table(1, FOUR, 8)
    table[..., :CLASSES] *= 0.4
    path = fixed_model(tmp_path / "a.onnx", [table], SIZE)
    options = {"manifest": {"classes": CLASSES}, "conf": 0.5, "classes": CHOICES[classes]}
    found, expected = in_two_ways(monkeypatch, caplog, path, **options)
    assert len(expected) == 0
    assert_same(found, expected)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-topleft"])
@pytest.mark.parametrize("frame", [(64, 96), (1080, 1920), (300, 200)])
def test_boxes_are_suppressed_as_they_lie_in_the_picture(tmp_path, monkeypatch, caplog, frame, resize) -> None:
    path = fixed_model(tmp_path / "a.onnx", [gfl_table(2, FOUR, 8)], SIZE)
    options = {"manifest": {"classes": CLASSES, "resize": resize}, "conf": 0.3, "nms": 0.4}
    found, expected = in_two_ways(monkeypatch, caplog, path, np.zeros((*frame, 3), np.uint8), **options)
    assert len(expected) > 20
    assert_same(found, expected)
    assert not caplog.records


DROPPED = "a.onnx: the network gives scores or boxes that are not numbers, or boxes without size; dropped."


@pytest.mark.parametrize(
    "bad", [[48, 32, np.inf, np.inf], [48, 32, -90, -60], [48, 32, 90, -60], [np.nan, 32, 90, 60], [48, 32, 90, np.nan]]
)
def test_what_is_no_box_suppresses_nothing(tmp_path, monkeypatch, caplog, bad) -> None:
    table = np.zeros((1, cell_rows(SIZE, THREE)[0], 6), np.float32)
    table[0, 3] = [*bad, 1.0, 0.9]
    table[0, 7] = [48, 32, 90, 60, 1.0, 0.5]
    manifest = {"family": "yolox", "decoded": True, "resize": "stretch"}
    path = fixed_model(tmp_path / "a.onnx", [table], SIZE)
    found, expected = in_two_ways(monkeypatch, caplog, path, manifest=manifest)
    assert_same(found, expected)
    assert found.scores.tolist() == [0.5]
    assert caplog.messages == [DROPPED]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("position", range(32))
def test_a_distance_that_is_no_number_is_one_whatever_its_place(tmp_path, monkeypatch, caplog, position, value) -> None:
    table = np.zeros((1, cell_rows(SIZE, FOUR)[0], 33), np.float32)
    # Twice the same box, from the upper left corner of the picture, the better one broken.
    table[0, [0, 1], 0] = [0.9, 0.5]
    table[0, 0, 1:] = np.eye(8)[[0, 0, 3, 2]].ravel() * 40.0
    table[0, 1, 1:] = np.eye(8)[[1, 0, 2, 2]].ravel() * 40.0
    table[0, 0, 1 + position] = value
    path = fixed_model(tmp_path / "a.onnx", [table], SIZE)
    found, expected = in_two_ways(monkeypatch, caplog, path, manifest={"resize": "stretch"})
    assert_same(found, expected)
    assert found.scores.tolist() == [0.5]
    assert caplog.messages == [DROPPED]


def engine_of(path: Path, **options):
    return OnnxDetector(path, imgsz="native", threads=1, **options).prepare(FRAME).engine


def test_old_operators_logits_and_mixed_layouts_are_left_to_numpy(tmp_path, monkeypatch) -> None:
    table, manifest = gfl_table(3, FOUR, 8), {"classes": CLASSES}
    path = fixed_model(tmp_path / "a.onnx", [table], SIZE)
    assert engine_of(path, manifest=manifest).reading is not None
    assert engine_of(path, manifest={**manifest, "scores": "logits"}).reading is None

    model = onnx.load(str(path))
    model.opset_import[0].version = 10
    onnx.save(model, str(tmp_path / "old.onnx"))
    assert engine_of(tmp_path / "old.onnx", manifest=manifest).reading is None

    scores, sides = split(gfl_table(3, THREE, 8), THREE)
    mixed = [scores[0].transpose(0, 2, 1).reshape(1, CLASSES, 8, 12), *scores[1:], *sides]
    path = fixed_model(tmp_path / "mixed.onnx", mixed, SIZE)
    assert engine_of(path, manifest=manifest).reading is None
    assert len(OnnxDetector(path, imgsz="native", manifest=manifest, threads=1).detect(FRAME)) > 0

    # Columns before rows, which no table of cells has.
    grids = [(-(-SIZE[0] // stride), -(-SIZE[1] // stride)) for stride in THREE]
    turned = [t.transpose(0, 2, 1).reshape(1, -1, *g) for t, g in zip(scores + sides, grids * 2, strict=True)]
    path = transposed_model(tmp_path / "turned.onnx", turned, (0, 1, 3, 2))
    assert engine_of(path, manifest=manifest).reading is None

    monkeypatch.setattr("detectors.onnx_detector.providers_for", lambda _: ["CUDAExecutionProvider"])
    assert engine_of(tmp_path / "a.onnx", manifest=manifest).reading is None


def test_the_session_returns_few_rows(tmp_path) -> None:
    path = fixed_model(tmp_path / "a.onnx", [gfl_table(4, FOUR, 8)], SIZE)
    detector = OnnxDetector(path, imgsz="native", manifest={"classes": CLASSES}, classes=[0], threads=1)
    inferred = detector.infer(detector.prepare(FRAME))
    boxes, scores, kept, total = inferred.outputs
    assert boxes.shape == (len(scores), 4)
    assert kept.shape == (len(scores), 3)
    assert total.shape == ()
    assert 0 < len(scores) < cell_rows(SIZE, FOUR)[0]


MODELS = {
    "fastestdet_352": False,
    "nanodet-m-0.5x_320_dist4": True,
    "nanodet-m_320": True,
    "nanodet-m_320_rank2-swapped-names": True,
    "nanodet-m_416": True,
    "nanodet-plus-m-1.5x_416_from-int8": True,
    "nanodet-plus-m_320": True,
    "nanodet-plus-m_416": True,
    "picodet-s_320": True,
    "yolox-nano_416": True,
}


ASKED = ({"conf": 0.02}, {"classes": ["person"], "conf": 0.002}, {"classes": ["car", "bicycle"]}, {"conf": 1.0})


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("imgsz", ["native", "auto"])
@pytest.mark.parametrize("model", MODELS)
def test_shared_models(shared: Path, monkeypatch, model, imgsz) -> None:
    path = shared / "models" / "detectors" / f"{model}.onnx"
    frame = cv2.imread(str(shared / "data" / "images" / "street.png"))
    for asked in ASKED:
        options = {"imgsz": imgsz, "threads": 1, **asked}
        by_graph = OnnxDetector(path, **options)
        with monkeypatch.context() as patch:
            patch.setattr("detectors.engine.with_reading", lambda *_: None)
            expected = OnnxDetector(path, **options).detect(frame)
        assert_same(by_graph.detect(frame), expected)
        assert (by_graph.prepare(frame).engine.reading is not None) == MODELS[model]
