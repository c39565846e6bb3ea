"""What files contain: models whose weights lie elsewhere, folders, lists of pictures."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nanomot.digests import content_hash, external_weights, files_hash
from nanomot.errors import NanomotError


def branch(tensor):
    """A subgraph that gives a tensor of its own."""
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node("Identity", [tensor.name], ["out"])], "branch", [], [out], [tensor])


def model_with_weights(path, places):
    """A model with one tensor in each of the files ``places``, the last one in a subgraph."""
    tensors = []
    for name, place in zip("ab", places, strict=True):
        tensor = numpy_helper.from_array(np.ones(8, np.float32), name)
        content = bytes(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)
        tensors.append(tensor)
        target = path.parent / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    choose = helper.make_node("If", ["yes"], ["y"], then_branch=branch(tensors[1]), else_branch=branch(tensors[1]))
    yes = helper.make_tensor_value_info("yes", TensorProto.BOOL, [])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([choose], "test", [yes], [out], tensors[:1])
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_weights_in_other_files_belong_to_a_model(tmp_path):
    model = model_with_weights(tmp_path / "m.onnx", ["w.bin", "more/v.bin"])
    assert external_weights(model) == ["more/v.bin", "w.bin"]
    digests = [content_hash(model)]
    for place in ("w.bin", "more/v.bin"):
        (tmp_path / place).write_bytes(bytes(32))
        digests.append(content_hash(model))
    (tmp_path / "w.bin").unlink()
    digests.append(content_hash(model))
    assert len(set(digests)) == 4


def test_files_outside_of_the_models_folder_are_not_looked_at(tmp_path):
    (tmp_path / "models").mkdir()
    model = model_with_weights(tmp_path / "models" / "m.onnx", ["../w.bin", "v.bin"])
    assert external_weights(model) == ["v.bin"]


def test_a_model_in_one_file_has_the_digest_of_the_file(tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"])
    onnx.save(helper.make_model(helper.make_graph([node], "relu", [], [])), str(tmp_path / "m.onnx"))
    for name in ("m.onnx", "no model.onnx", "text"):
        if not (tmp_path / name).exists():
            (tmp_path / name).write_bytes(b"\xff nonsense")
        assert content_hash(tmp_path / name) == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_folders_are_told_by_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    whole = content_hash(tmp_path)
    assert whole == files_hash([tmp_path / "a", tmp_path / "b"])
    assert len({whole, files_hash([tmp_path / "b", tmp_path / "a"]), files_hash([tmp_path / "a", None])}) == 3
    (tmp_path / "b").rename(tmp_path / "c")
    assert content_hash(tmp_path) != whole


def test_what_is_not_there_is_named(tmp_path):
    for find in (content_hash, lambda path: files_hash([path])):
        with pytest.raises(NanomotError, match=r"none\.onnx: cannot be read \(No such file"):
            find(tmp_path / "none.onnx")
