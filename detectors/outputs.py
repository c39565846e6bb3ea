"""A graph's last transposes, left to NumPy, where they are a matter of strides and cost nothing.

Exporters end with them so that a cell's numbers lie side by side. A detector that asks for one class reads a column,
which lies together in memory only without them: both the network and the reading get faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

Order = tuple[int, ...]


def without_last_transposes(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[Order | None, ...]]:
    """A copy of ``model`` that gives what its last transposes took, and the order of axes of each; None for none."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    producers = {name: node for node in graph.node for name in node.output}
    orders: list[Order | None] = []
    for entry in graph.output:
        node = producers[entry.name]
        shared = any(entry.name in other.input for other in graph.node)
        if node.op_type != "Transpose" or not node.attribute or shared or node.input[0] not in producers:
            orders.append(None)
            continue
        orders.append(tuple(node.attribute[0].ints))
        graph.node.remove(node)
        entry.name = node.input[0]
        entry.type.tensor_type.ClearField("shape")
    names = [entry.name for entry in graph.output]
    if len(set(names)) < len(names):
        return model, (None,) * len(names)
    return out, tuple(orders)


def restore(outputs: Sequence[NDArray[Any]], orders: Sequence[Order | None]) -> list[NDArray[Any]]:
    """The outputs as the unchanged graph would give them, as views."""
    return [
        output if order is None else np.transpose(output, order) for output, order in zip(outputs, orders, strict=True)
    ]
