from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from detectors.graph import load_graph, native_size, with_size
from detectors.outputs import restore, without_last_transposes
from nanomot.errors import NanomotError
from tests.detectors.graphs import fixed_model, list_weights_as_inputs, nanodet_miniature, save


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: image})[0]


def image(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 1, (1, 3, *size)).astype(np.float32)


@pytest.mark.parametrize("constant_nodes", [False, True])
@pytest.mark.parametrize("size", [(64, 96), (96, 32), (160, 160), (64, 64)])
def test_a_resized_graph_equals_the_one_exported_at_that_size(tmp_path: Path, size, constant_nodes) -> None:
    native = load_graph(nanodet_miniature(tmp_path / "a.onnx", (64, 64), constant_nodes=constant_nodes))
    exported = load_graph(nanodet_miniature(tmp_path / "b.onnx", size))
    np.testing.assert_allclose(run(with_size(native, size), image(size)), run(exported, image(size)), atol=1e-5)


def test_an_odd_native_size_is_rewritten_with_rounded_up_grids(tmp_path: Path) -> None:
    native = load_graph(nanodet_miniature(tmp_path / "a.onnx", (96, 160)))
    assert native_size(native) == (96, 160)
    size = (160, 96)
    exported = load_graph(nanodet_miniature(tmp_path / "b.onnx", size))
    np.testing.assert_allclose(run(with_size(native, size), image(size)), run(exported, image(size)), atol=1e-5)


def test_the_callers_graph_is_left_alone(tmp_path: Path) -> None:
    model = load_graph(nanodet_miniature(tmp_path / "a.onnx", (64, 64)))
    before = model.SerializeToString()
    with_size(model, (96, 96))
    without_last_transposes(model)
    assert model.SerializeToString() == before


def test_products_of_rows_and_columns_and_resize_sizes_are_rewritten(tmp_path: Path) -> None:
    weights = {
        "product": np.array([3, 1, 64 * 64], dtype=np.int64),
        "back": np.array([1, 3, 64, 64], dtype=np.int64),
        "sizes": np.array([1, 3, 32, 32], dtype=np.int64),
        "none": np.array([], dtype=np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["image", "product"], ["p"]),
        helper.make_node("Reshape", ["p", "back"], ["q"]),
        helper.make_node("Resize", ["q", "none", "none", "sizes"], ["out"], mode="nearest"),
    ]
    model = load_graph(save(tmp_path / "a.onnx", nodes, weights, (64, 64), ["out"]))
    assert run(with_size(model, (96, 32)), image((96, 32))).shape == (1, 3, 48, 16)


def test_a_table_made_for_one_size_is_not_run_at_another(tmp_path: Path) -> None:
    path = fixed_model(tmp_path / "a.onnx", [np.zeros((1, 84, 84))])
    model = onnx.load(str(path))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 2, 84), np.float32), "anchors"))
    model.graph.node.append(helper.make_node("Add", ["anchors", "anchors"], ["unused"]))
    with pytest.raises(ValueError, match="'anchors'"):
        with_size(model, (128, 32))
    with_size(model, (64, 64))


def test_an_open_size_is_filled_in(tmp_path: Path) -> None:
    path = nanodet_miniature(tmp_path / "a.onnx", (64, 64))
    model = onnx.load(str(path))
    for position, name in ((0, "batch"), (2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[position].dim_param = name
    onnx.save(model, str(path))
    loaded = load_graph(path)
    assert native_size(loaded) is None
    assert native_size(with_size(loaded, (64, 64))) == (64, 64)


def test_weights_listed_as_inputs_are_taken_off(tmp_path: Path) -> None:
    plain = load_graph(nanodet_miniature(tmp_path / "a.onnx", (64, 64)))
    listed = list_weights_as_inputs(nanodet_miniature(tmp_path / "b.onnx", (64, 64)))
    assert len(onnx.load(str(listed)).graph.input) > 1
    loaded = load_graph(listed)
    assert [entry.name for entry in loaded.graph.input] == ["image"]
    np.testing.assert_array_equal(run(loaded, image((64, 64))), run(plain, image((64, 64))))


def test_last_transposes_come_back_as_views(tmp_path: Path) -> None:
    model = load_graph(nanodet_miniature(tmp_path / "a.onnx", (64, 64)))
    shorter, orders = without_last_transposes(model)
    assert orders == ((0, 2, 1),)
    assert len(shorter.graph.node) == len(model.graph.node) - 1
    raw = run(shorter, image((64, 64)))
    (restored,) = restore([raw], orders)
    assert restored.base is not None
    np.testing.assert_array_equal(restored, run(model, image((64, 64))))


def test_a_transpose_that_others_read_stays(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["image"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Relu", ["t"], ["u"]),
    ]
    model = load_graph(save(tmp_path / "a.onnx", nodes, {}, (64, 64), ["t", "u"]))
    assert without_last_transposes(model)[1] == (None, None)


def test_two_outputs_of_one_tensor_keep_their_transposes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["image"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Transpose", ["r"], ["u"], perm=[0, 3, 2, 1]),
    ]
    model = load_graph(save(tmp_path / "a.onnx", nodes, {}, (64, 64), ["t", "u"]))
    assert without_last_transposes(model)[1] == (None, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such model file"),
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "is not an ONNX model"),
        (b"hello, this is text", "is not an ONNX model"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, content, message) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NanomotError, match=message) as error:
        load_graph(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_file_is_refused(tmp_path: Path, share) -> None:
    path = nanodet_miniature(tmp_path / "a.onnx", (64, 64))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(NanomotError, match="cut off"):
        load_graph(path)


def changed_input(path: Path, shape: list[int], kind: int = TensorProto.FLOAT) -> Path:
    model = onnx.load(str(fixed_model(path, [np.zeros((1, 5))])))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", kind, shape))
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ([1, 10], TensorProto.FLOAT, r"\[1, 3, height, width\]"),
        ([1, 64, 64, 3], TensorProto.FLOAT, r"\[1, 3, height, width\]"),
        ([1, 3, 64, 64], TensorProto.INT32, "INT32"),
    ],
)
def test_inputs_that_are_no_picture_are_refused(tmp_path: Path, shape, kind, message) -> None:
    with pytest.raises(NanomotError, match=message):
        load_graph(changed_input(tmp_path / "a.onnx", shape, kind))


def test_a_network_with_two_inputs_is_no_detector(tmp_path: Path) -> None:
    path = fixed_model(tmp_path / "a.onnx", [np.zeros((1, 5))])
    model = onnx.load(str(path))
    model.graph.input.append(helper.make_tensor_value_info("template", TensorProto.FLOAT, [1, 3, 8, 8]))
    onnx.save(model, str(path))
    with pytest.raises(NanomotError, match=r"2 inputs \(image, template\)"):
        load_graph(path)
