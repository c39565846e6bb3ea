"""Let a network take bytes: mean, deviation and colour order become part of its graph.

Deviation and colour order fold into the first convolution's weights, which is exact also where it pads with zeros. The
mean cannot fold there (zero after subtraction is not zero before), so it stays as one subtraction.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from detectors.graph import constants_of, only_input


def take_bytes(model: onnx.ModelProto, mean: tuple[float, ...], std: tuple[float, ...], color: str) -> onnx.ModelProto:
    """A copy of ``model`` whose input is uint8 (1, 3, height, width) in BGR, normalised inside.

    ``mean`` and ``std`` are per channel in the order of ``color``, ``"bgr"`` or ``"rgb"``.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    entry = only_input(graph)
    kind = entry.type.tensor_type.elem_type
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    reverse = color == "rgb"
    folded = _fold_into_convolution(graph, entry.name, np.array(std), reverse)
    shift = np.array(mean)[::-1] if reverse else np.array(mean)
    scale = np.array(std)[::-1] if reverse else np.array(std)

    nodes = [helper.make_node("Cast", [entry.name], [f"{entry.name}/float"], to=kind)]
    if shift.any():
        nodes.append(_elementwise(graph, "Sub", nodes[-1].output[0], f"{entry.name}/mean", shift.astype(dtype)))
    if not folded and (scale != 1.0).any():
        nodes.append(_elementwise(graph, "Div", nodes[-1].output[0], f"{entry.name}/std", scale.astype(dtype)))
    if not folded and reverse:
        order = numpy_helper.from_array(np.array([2, 1, 0], dtype=np.int64), f"{entry.name}/order")
        graph.initializer.append(order)
        nodes.append(helper.make_node("Gather", [nodes[-1].output[0], order.name], [f"{entry.name}/swapped"], axis=1))

    for node in graph.node:
        for position, name in enumerate(node.input):
            if name == entry.name:
                node.input[position] = nodes[-1].output[0]
    for node in reversed(nodes):
        graph.node.insert(0, node)
    entry.type.tensor_type.elem_type = TensorProto.UINT8
    return out


def _fold_into_convolution(graph: onnx.GraphProto, entry: str, std: NDArray[np.float64], reverse: bool) -> bool:
    """Fold deviation and colour order into the convolution that alone reads ``entry``; False where there is none."""
    readers = [node for node in graph.node if entry in node.input]
    if len(readers) != 1 or readers[0].op_type != "Conv":
        return False
    weights = constants_of(graph).get(readers[0].input[1])
    if weights is None or weights.ndim != 4 or weights.shape[1] != 3:
        return False
    scaled = weights / std[None, :, None, None]
    if reverse:
        scaled = scaled[:, ::-1]
    name = f"{readers[0].input[1]}/bytes"
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(scaled, dtype=weights.dtype), name))
    readers[0].input[1] = name
    return True


def _elementwise(
    graph: onnx.GraphProto, operator: str, source: str, name: str, values: NDArray[np.floating]
) -> onnx.NodeProto:
    graph.initializer.append(numpy_helper.from_array(values.reshape(1, 3, 1, 1), name))
    return helper.make_node(operator, [source, name], [f"{name}/done"])
