from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from detectors.graph import load_graph
from detectors.normalise import take_bytes
from detectors.preprocess import Fit, check_frame
from nanomot.errors import NanomotError
from tests.detectors.graphs import save

MEAN, STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (None, "None instead of a frame"),
        ([[1]], "list"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
    ],
)
def test_what_is_no_frame_is_refused(frame, message) -> None:
    with pytest.raises(NanomotError, match=message):
        check_frame(frame)


def test_stretching_equals_a_plain_resize() -> None:
    frame = picture(90, 170)
    planes = Fit((90, 170), (64, 96), "stretch", 0).planes(frame)
    np.testing.assert_array_equal(planes[0].transpose(1, 2, 0), cv2.resize(frame, (96, 64)))


@pytest.mark.parametrize(("resize", "corner"), [("letterbox", (16, 0)), ("letterbox-topleft", (0, 0))])
def test_letterboxing_puts_the_picture_on_a_border(resize, corner) -> None:
    frame = picture(90, 180)
    planes = Fit((90, 180), (96, 128), resize, 114).planes(frame)[0].transpose(1, 2, 0)
    top, left = corner
    inside = planes[top : top + 64, left : left + 128]
    np.testing.assert_array_equal(inside, cv2.resize(frame, (128, 64)))
    border = np.ones((96, 128), dtype=bool)
    border[top : top + 64, left : left + 128] = False
    assert (planes[border] == 114).all()


def test_the_next_picture_leaves_the_last_and_the_border_alone() -> None:
    fit = Fit((90, 180), (96, 128), "letterbox", 7)
    first = fit.planes(picture(90, 180))
    copy = first.copy()
    fit.planes(np.zeros((90, 180, 3), np.uint8))
    np.testing.assert_array_equal(first, copy)
    np.testing.assert_array_equal(fit.planes(picture(90, 180)), first)


def test_views_of_frames_are_read_as_they_are() -> None:
    frame = picture(128, 200)
    fit = Fit((90, 170), (64, 96), "stretch", 0)
    for view in (frame[10:100, 20:190], frame[10:100, 20:190][::-1, ::-1]):
        expected = fit.planes(np.ascontiguousarray(view)).copy()
        np.testing.assert_array_equal(fit.planes(view), expected)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-topleft"])
@pytest.mark.parametrize("frame", [(1080, 1920), (576, 768), (500, 333)])
def test_a_mark_in_the_picture_comes_back_to_its_place(resize, frame) -> None:
    height, width = frame
    image = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = width // 4, height // 3, width // 2, height // 2
    image[y1:y2, x1:x2] = 255
    fit = Fit(frame, (320, 416), resize, 0)
    rows, columns = np.nonzero(fit.planes(image)[0, 0] > 127)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=np.float32)
    # Half a pixel of the input, in pixels of the picture.
    np.testing.assert_allclose(fit.to_frame(box), [[x1, y1, x2, y2]], atol=0.6 * max(height / 320, width / 416))


def test_boxes_are_clipped_to_the_picture_and_the_input_is_not_changed() -> None:
    boxes = np.array([[-5.0, -5.0, 700.0, 700.0]], dtype=np.float32)
    fit = Fit((100, 200), (320, 320), "letterbox", 0)
    np.testing.assert_allclose(fit.to_frame(boxes), [[0, 0, 200, 100]])
    np.testing.assert_array_equal(boxes, [[-5.0, -5.0, 700.0, 700.0]])


def conv_model(path: Path, *, foldable: bool) -> Path:
    weights = {"w": np.random.default_rng(0).normal(0, 1, (4, 3, 3, 3)).astype(np.float32)}
    nodes = [helper.make_node("Conv", ["image", "w"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1])]
    outputs = ["c"]
    if not foldable:
        nodes.append(helper.make_node("Abs", ["image"], ["copy"]))
        outputs.append("copy")
    return save(path, nodes, weights, (32, 32), outputs)


def outputs_of(model, tensor: np.ndarray) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": tensor})


@pytest.mark.parametrize("foldable", [True, False])
@pytest.mark.parametrize("color", ["bgr", "rgb"])
@pytest.mark.parametrize(("mean", "std"), [(MEAN, STD), ((0.0, 0.0, 0.0), (255.0,) * 3), ((0.0,) * 3, (1.0,) * 3)])
def test_bytes_in_give_what_normalised_floats_gave(tmp_path: Path, foldable, color, mean, std) -> None:
    model = load_graph(conv_model(tmp_path / "a.onnx", foldable=foldable))
    before = model.SerializeToString()
    image = picture(32, 32)
    ordered = image if color == "bgr" else image[:, :, ::-1]
    plain = ((ordered.astype(np.float32) - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None]
    expected = outputs_of(model, np.ascontiguousarray(plain))
    changed = take_bytes(model, mean, std, color)
    found = outputs_of(changed, np.ascontiguousarray(image.transpose(2, 0, 1)[None]))
    scale = max(1.0, *(float(np.abs(e).max()) for e in expected))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * scale)
    assert ("Div" in {node.op_type for node in changed.graph.node}) == (not foldable and std != (1.0,) * 3)
    assert model.SerializeToString() == before


def test_a_half_precision_network_takes_bytes_too(tmp_path: Path) -> None:
    import onnx

    path = conv_model(tmp_path / "a.onnx", foldable=True)
    model = onnx.load(str(path))
    weights = model.graph.initializer[0]
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights).astype(np.float16), "w"))
    for entry in (*model.graph.input, *model.graph.output):
        entry.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(model, str(path))
    image = picture(32, 32)
    plain = ((image - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)[None].astype(np.float16)
    expected = outputs_of(load_graph(path), np.ascontiguousarray(plain))[0]
    found = outputs_of(
        take_bytes(load_graph(path), MEAN, STD, "bgr"), np.ascontiguousarray(image.transpose(2, 0, 1)[None])
    )[0]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=0.05)
