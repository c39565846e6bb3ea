"""YOLOv5 and YOLOv8 exports: boxes in pixels as centre and size, then scores; one output without suppression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.graph_writer import GraphTable, GraphWriter
from detectors.layouts import Candidates, FloatArray, Shape, Size, find_strides, select, sigmoid
from detectors.manifest import Manifest
from detectors.reading import GraphTerms
from nanomot.boxes import cxcywh_to_xyxy

ANCHORS_PER_CELL = 3


def recognise_yolov5(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> YoloV5Head | None:
    """One [1, N, 5 + C] output, three anchors per cell; YOLOv7 exports the same."""
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 1:
        return None
    rows, width = shapes[0][1:]
    if width < 6 or manifest.num_classes not in (None, width - 5):
        return None
    if find_strides(rows, size, manifest, ANCHORS_PER_CELL) is None:
        return None
    return YoloV5Head(width - 5)


def recognise_yolov8(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> YoloV8Head | None:
    """One [1, 4 + C, N] output, one column per cell; YOLO11 and others export the same."""
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 1:
        return None
    width, cells = shapes[0][1:]
    if width < 5 or manifest.num_classes not in (None, width - 4):
        return None
    return None if find_strides(cells, size, manifest) is None else YoloV8Head(width - 4)


class RowHead:
    """Rows of four box columns, objectness and class scores; the score is objectness times the class's."""

    family: str

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def score_range(self, outputs: Sequence[FloatArray]) -> tuple[float, float]:
        """Lowest and highest of objectness and class scores as the network gives them."""
        scores = outputs[0][0][:, 4:]
        return float(scores.min()), float(scores.max())

    def candidates(
        self, table: FloatArray, conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, int]:
        """Rows, class ids, scores and the count of broken scores in ``table``, (N, 5 + C)."""
        # No product exceeds its objectness: cells below the floor are left before classes are read.
        rows, _, objectness, broken = select(table[:, 4:5], conf, None, logits)
        classes = table[rows, 5:]
        if logits:
            classes = sigmoid(classes)
        picked, class_ids, scores, bad = select(classes * objectness[:, None], conf, wanted)
        return rows[picked], class_ids, scores, broken + bad

    def append(
        self,
        writer: GraphWriter,
        names: Sequence[str],
        outputs: Sequence[FloatArray],
        floor: float,
        wanted: NDArray[np.int64],
    ) -> GraphTerms | None:
        """The same inside the graph, see :class:`detectors.reading.GraphHead`."""
        table = GraphTable.of(writer, names, [outputs[0][0]])
        if table is None:
            return None
        objectness = table.columns(np.array([4]))
        cells = writer.cells(objectness, 1, floor)
        classes = writer.node("Transpose", table.rows(cells, 5 + wanted), perm=[1, 0])
        scores = writer.node("Mul", classes, writer.node("Gather", objectness, cells, axis=1))
        looked_at = writer.node("Concat", *(writer.reshape(name, -1) for name in (objectness, scores)), axis=0)
        centres, sizes = (table.rows(cells, np.array(columns)) for columns in ((0, 1), (2, 3)))
        centres, sizes = self.append_pixels(writer, cells, centres, sizes)
        half = writer.node("Mul", sizes, writer.constant(0.5, np.float32))
        corners = (writer.node(operator, centres, half) for operator in ("Sub", "Add"))
        return GraphTerms(writer.node("Concat", *corners, axis=1), scores, looked_at, sound=False)

    def append_pixels(self, writer: GraphWriter, cells: str, centres: str, sizes: str) -> tuple[str, str]:
        """Centres and sizes in pixels of K cells, from their (K, 2) columns."""
        return centres, sizes


class YoloV5Head(RowHead):
    """Decodes YOLOv5's rows."""

    family = "yolov5"

    def decode(
        self, outputs: Sequence[FloatArray], conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> Candidates:
        """Every (anchor, class) whose objectness times class score is at least ``conf``."""
        rows, class_ids, scores, broken = self.candidates(outputs[0][0], conf, wanted, logits)
        return Candidates(cxcywh_to_xyxy(outputs[0][0][rows, :4]), scores, class_ids, broken)


class YoloV8Head:
    """Decodes YOLOv8's columns."""

    family = "yolov8"

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def score_range(self, outputs: Sequence[FloatArray]) -> tuple[float, float]:
        """Lowest and highest class score as the network gives them."""
        scores = outputs[0][0][4:]
        return float(scores.min()), float(scores.max())

    def decode(
        self, outputs: Sequence[FloatArray], conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> Candidates:
        """Every (cell, class) that scores at least ``conf``."""
        table = outputs[0][0]
        columns = table[4:] if wanted is None else table[4 + wanted]
        picked, rows, scores, broken = select(columns, conf, None, logits)
        class_ids = picked if wanted is None else wanted[picked]
        return Candidates(cxcywh_to_xyxy(table[:4, rows].T), scores, class_ids, broken)
