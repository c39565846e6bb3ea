"""Small ONNX graphs made for the tests: fixed outputs, and a miniature of NanoDet's way to fix sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 8


def save(
    path: Path, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], size: tuple, outputs: list[str]
) -> Path:
    """Write a graph with one float input ``image`` of (1, 3, *size)."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *size])
    out = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "test", [image], out, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def fixed_model(path: Path, outputs: list[np.ndarray], size: tuple = (64, 64)) -> Path:
    """A graph that gives the same ``outputs`` for every picture."""
    weights = {f"table{index}": array.astype(np.float32) for index, array in enumerate(outputs)}
    nodes = [helper.make_node("Identity", [name], [f"out{index}"]) for index, name in enumerate(weights)]
    return save(path, nodes, weights, size, [f"out{index}" for index in range(len(outputs))])


def nanodet_miniature(
    path: Path, size: tuple[int, int], *, classes: int = 2, bins: int = 8, constant_nodes: bool = False, seed: int = 1
) -> Path:
    """A NanoDet in small: three levels, a channel shuffle whose Reshapes fix the size, one [1, N, C + 4R] output."""
    rng = np.random.default_rng(seed)
    width = classes + 4 * bins
    weights: dict[str, np.ndarray] = {
        "stem": rng.normal(0, 0.05, (CHANNELS, 3, 3, 3)).astype(np.float32),
        "flat": np.array([1, width, -1], dtype=np.int64),
    }
    nodes = [helper.make_node("Conv", ["image", "stem"], ["s2"], strides=[2, 2], pads=[1, 1, 1, 1])]
    previous, parts, shapes = "s2", [], {}
    for stride in (4, 8, 16, 32):
        weights[f"w{stride}"] = rng.normal(0, 0.2, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
        nodes.append(
            helper.make_node("Conv", [previous, f"w{stride}"], [f"c{stride}"], strides=[2, 2], pads=[1, 1, 1, 1])
        )
        previous = f"c{stride}"
        if stride == 4:
            continue
        rows, columns = -(-size[0] // stride), -(-size[1] // stride)
        shapes[f"split{stride}"] = np.array([1, 2, CHANNELS // 2, rows, columns], dtype=np.int64)
        shapes[f"join{stride}"] = np.array([1, -1, rows, columns], dtype=np.int64)
        weights[f"head{stride}"] = rng.normal(0, 0.5, (width, CHANNELS, 1, 1)).astype(np.float32)
        nodes += [
            helper.make_node("Reshape", [previous, f"split{stride}"], [f"a{stride}"]),
            helper.make_node("Transpose", [f"a{stride}"], [f"b{stride}"], perm=[0, 2, 1, 3, 4]),
            helper.make_node("Reshape", [f"b{stride}", f"join{stride}"], [f"j{stride}"]),
            helper.make_node("Conv", [f"j{stride}", f"head{stride}"], [f"h{stride}"]),
            helper.make_node("Reshape", [f"h{stride}", "flat"], [f"f{stride}"]),
        ]
        previous = f"j{stride}"
        parts.append(f"f{stride}")
    nodes += [
        helper.make_node("Concat", parts, ["all"], axis=2),
        helper.make_node("Transpose", ["all"], ["output"], perm=[0, 2, 1]),
    ]
    if constant_nodes:
        nodes = [
            helper.make_node("Constant", [], [n], value=numpy_helper.from_array(a)) for n, a in shapes.items()
        ] + nodes
    else:
        weights |= shapes
    return save(path, nodes, weights, size, ["output"])


def list_weights_as_inputs(path: Path) -> Path:
    """Do what exporters with ``keep_initializers_as_inputs`` do."""
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    onnx.save(model, str(path))
    return path


def cell_rows(size: tuple[int, int], strides: tuple[int, ...]) -> dict[int, int]:
    """First row of every level in a table of all cells."""
    starts, total = {}, 0
    for stride in strides:
        starts[stride] = total
        total += -(-size[0] // stride) * -(-size[1] // stride)
    return starts | {0: total}
