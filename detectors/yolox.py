"""YOLOX (Ge et al. 2021): one row per cell of centre, log size, objectness and class scores, [1, N, 5 + C]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.graph_writer import GraphWriter
from detectors.layouts import Candidates, FloatArray, Shape, Size, cell_table, find_strides
from detectors.manifest import Manifest
from detectors.yolo import RowHead
from nanomot.boxes import cxcywh_to_xyxy

STRIDES = (8, 16, 32)
_COCO_WIDTH = 85
_NANODET_WIDTHS = (33, 112, 124)
_NARROWEST_NANODET = 33


def may_be_yolox(width: int, manifest: Manifest) -> Literal["surely", "maybe", "no"]:
    """How well rows of this ``width`` on three levels fit YOLOX, which shares its cell counts with NanoDet.

    85 columns are COCO's, and fewer than 33 cannot hold NanoDet's usual 32 distances with a class; 33, 112 and 124 are
    NanoDet with one class or COCO's. Any other width needs the manifest's word.
    """
    if width < 6 or manifest.reg_max is not None:
        return "no"
    if manifest.num_classes is not None:
        return "surely" if width == manifest.num_classes + 5 else "no"
    if width in _NANODET_WIDTHS:
        return "no"
    return "surely" if width == _COCO_WIDTH or width < _NARROWEST_NANODET else "maybe"


def recognise_yolox(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> YoloxHead | None:
    """One [1, N, 5 + C] output with one row per cell of strides 8, 16 and 32."""
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 1:
        return None
    rows, width = shapes[0][1:]
    strides = find_strides(rows, size, manifest)
    if strides is None or width < 6 or manifest.num_classes not in (None, width - 5):
        return None
    if manifest.family is None and (strides != STRIDES or may_be_yolox(width, manifest) == "no"):
        return None
    return YoloxHead(width - 5, size, strides, bool(manifest.decoded))


class YoloxHead(RowHead):
    """Decodes YOLOX's rows at one input size; ``decoded`` rows hold pixels already."""

    family = "yolox"

    def __init__(self, num_classes: int, size: Size, strides: Sequence[int], decoded: bool) -> None:
        super().__init__(num_classes)
        self._cells = None if decoded else cell_table(size, strides, 0.0)

    def decode(
        self, outputs: Sequence[FloatArray], conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> Candidates:
        """Every (cell, class) whose objectness times class score is at least ``conf``."""
        rows, class_ids, scores, broken = self.candidates(outputs[0][0], conf, wanted, logits)
        boxes = outputs[0][0][rows, :4]
        if self._cells is not None:
            anchors = self._cells[rows]
            stride = anchors[:, 2:]
            with np.errstate(over="ignore"):
                boxes = np.concatenate([boxes[:, :2] * stride + anchors[:, :2], np.exp(boxes[:, 2:]) * stride], axis=1)
        return Candidates(cxcywh_to_xyxy(boxes), scores, class_ids, broken)

    def append_pixels(self, writer: GraphWriter, cells: str, centres: str, sizes: str) -> tuple[str, str]:
        """Centres and sizes in pixels of K cells, from their (K, 2) columns."""
        if self._cells is None:
            return centres, sizes
        anchors = writer.node("Gather", writer.constant(self._cells[:, :2], np.float32), cells)
        strides = writer.node("Gather", writer.constant(self._cells[:, 2:], np.float32), cells)
        centres = writer.node("Add", writer.node("Mul", centres, strides), anchors)
        return centres, writer.node("Mul", writer.node("Exp", sizes), strides)
