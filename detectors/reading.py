"""Reading a network's outputs inside its graph: the session then returns a few boxes instead of a table of cells.

Straight after a network has emptied the caches, a step of NumPy costs many times a node of the running session. Which
nodes stand for a head's layout, the head says; what is common to all is here: the choice of cells, and suppression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from detectors.graph_writer import GraphWriter, below
from detectors.layouts import Candidates, FloatArray

FIT = "read/fit"
"""Input of (3, 4) float32: shift, scale and limit, :attr:`detectors.preprocess.Fit.table`."""
_OUTPUTS = {
    "read/boxes": TensorProto.FLOAT,
    "read/scores": TensorProto.FLOAT,
    "read/kept": TensorProto.INT64,
    "read/total": TensorProto.FLOAT,
}
_OLDEST_OPSET = 11
_ALL = 2**31 - 1


@dataclass(frozen=True)
class Reading:
    """What is to be read.

    Attributes:
        conf: lowest score.
        nms: highest IoU of two boxes of one class.
        wanted: class ids, ascending; None for all.
    """

    conf: float
    nms: float
    wanted: NDArray[np.int64] | None


@dataclass(frozen=True)
class GraphTerms:
    """Names of what a head appends.

    Attributes:
        boxes: (K, 4) ``xyxy`` in pixels of the input, of K cells with a wanted score above the floor.
        scores: (W, K) of the W wanted classes.
        looked_at: all scores that were looked at, in one tensor.
        sound: whether every box is finite and not inside out, or holds what is not a number.
    """

    boxes: str
    scores: str
    looked_at: str
    sound: bool


@runtime_checkable
class GraphHead(Protocol):
    """A head that can be appended to its network."""

    num_classes: int

    def append(
        self,
        writer: GraphWriter,
        names: Sequence[str],
        outputs: Sequence[FloatArray],
        floor: float,
        wanted: NDArray[np.int64],
    ) -> GraphTerms | None:
        """Write nodes that read the outputs called ``names``; None where their layout is not covered.

        ``outputs`` are what :meth:`detectors.layouts.Head.decode` takes: views whose strides tell how the graph's own
        outputs lie in memory.
        """
        ...


def with_reading(
    model: onnx.ModelProto, head: GraphHead, outputs: Sequence[FloatArray], reading: Reading
) -> onnx.ModelProto | None:
    """A copy of ``model`` that returns boxes, scores and which class and cell they are; None where it cannot be.

    ``outputs`` are the restored outputs of a run. The copy takes :data:`FIT` as a second input, since suppression is
    for boxes as they lie in the picture.
    """
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < _OLDEST_OPSET or any(output.dtype != np.float32 for output in outputs):
        return None
    out = onnx.ModelProto()
    out.CopyFrom(model)
    writer = GraphWriter(out.graph)
    wanted = np.arange(head.num_classes) if reading.wanted is None else reading.wanted
    names = [entry.name for entry in out.graph.output]
    terms = head.append(writer, names, outputs, reading.conf, wanted)
    if terms is None:
        return None
    # A sum is not a number as soon as one score is not.
    writer.node("ReduceSum", terms.looked_at, output="read/total", keepdims=0)
    _append_suppression(writer, terms, reading, len(wanted))
    out.graph.input.append(helper.make_tensor_value_info(FIT, TensorProto.FLOAT, [3, 4]))
    del out.graph.output[:]
    out.graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name, kind in _OUTPUTS.items())
    return out


def read_rows(outputs: Sequence[NDArray[Any]], reading: Reading) -> Candidates:
    """Candidates in the outputs of :func:`with_reading`, suppressed already, best score first."""
    boxes, scores, kept, total = outputs
    broken = int(np.isnan(total))
    wanted = reading.wanted
    if wanted is not None and len(wanted) == 1:
        return Candidates(boxes, scores, np.full(len(scores), wanted[0]), broken, suppressed=True)
    # Each class comes by itself; rows of equal score go by cell, then class.
    order = np.lexsort((kept[:, 1], kept[:, 2], -scores))
    class_ids = kept[order, 1]
    class_ids = class_ids if wanted is None else wanted[class_ids]
    return Candidates(boxes[order], scores[order], class_ids, broken, suppressed=True)


def _append_suppression(writer: GraphWriter, terms: GraphTerms, reading: Reading, classes: int) -> None:
    shift, scale, limit = (writer.node("Gather", FIT, writer.constant(row)) for row in range(3))
    boxes = terms.boxes
    if not terms.sound:
        boxes = _no_harm(writer, boxes)
    mapped = writer.node("Mul", writer.node("Sub", boxes, shift), scale)
    mapped = writer.node("Max", mapped, writer.constant(0.0, np.float32))
    mapped = writer.reshape(writer.node("Min", mapped, limit), 1, -1, 4)
    table = writer.reshape(terms.scores, 1, classes, -1)
    kept = writer.node(
        "NonMaxSuppression",
        mapped,
        table,
        writer.constant([_ALL]),
        writer.constant([reading.nms], np.float32),
        writer.constant([below(reading.conf)], np.float32),
        output="read/kept",
    )
    cells = writer.node("Gather", kept, writer.constant(2), axis=1)
    writer.node("Gather", terms.boxes, cells, output="read/boxes")
    writer.node("GatherND", table, kept, output="read/scores")


def _no_harm(writer: GraphWriter, boxes: str) -> str:
    """The boxes, so that none suppresses another that is dropped later.

    What is infinite becomes no number, and what is inside out gets no size: neither overlaps anything.
    """
    boxes = writer.node("Add", boxes, writer.node("Sub", boxes, boxes))
    low = writer.node("Gather", boxes, writer.constant([0, 1]), axis=1)
    high = writer.node("Gather", boxes, writer.constant([2, 3]), axis=1)
    return writer.node("Concat", low, writer.node("Max", low, high), axis=1)
