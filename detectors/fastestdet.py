"""FastestDet (dog-qiuqiu, 2022): one level of stride 16, [1, 5 + C, rows, columns], one class per cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import Candidates, FloatArray, Shape, Size, grid_size, select
from detectors.manifest import Manifest
from nanomot.boxes import cxcywh_to_xyxy

STRIDE = 16
COCO_CLASSES = 80


def recognise_fastestdet(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> FastestDetHead | None:
    """One [1, 5 + C, rows, columns] output whose rows and columns are the cells of stride 16.

    Any backbone has outputs of this form, so that a number of classes other than COCO's needs the manifest's word.
    """
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0] != 1 or shapes[0][2:] != grid_size(size, STRIDE):
        return None
    num_classes = shapes[0][1] - 5
    expected = manifest.num_classes or (num_classes if manifest.family == "fastestdet" else COCO_CLASSES)
    if num_classes < 1 or num_classes != expected:
        return None
    return FastestDetHead(num_classes, size, manifest.imgsz or size)


class FastestDetHead:
    """Decodes FastestDet's grid: score = objectness^0.6 * class^0.4 for the cell's best class alone."""

    family = "fastestdet"

    def __init__(self, num_classes: int, size: Size, trained_size: Size) -> None:
        self.num_classes = num_classes
        # Extents are shares of the input's size in training: at another size the same object keeps its pixels.
        self._trained_size = trained_size
        self._grid = grid_size(size, STRIDE)

    def score_range(self, outputs: Sequence[FloatArray]) -> tuple[float, float]:
        """Lowest and highest objectness and class score; the boxes' columns are not scores."""
        table = outputs[0][0]
        return min(float(table[0].min()), float(table[5:].min())), max(float(table[0].max()), float(table[5:].max()))

    def decode(
        self, outputs: Sequence[FloatArray], conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> Candidates:
        """Every cell whose best class is a ``wanted`` one and whose score is at least ``conf``.

        ``logits`` is of no meaning here: the network's own softmax and sigmoid are part of every export.
        """
        table = outputs[0][0].reshape(5 + self.num_classes, -1)
        best = table[5:].argmax(axis=0)
        top = np.take_along_axis(table[5:], best[None], axis=0)[0]
        scores = np.maximum(table[0], 0.0) ** 0.6 * np.maximum(top, 0.0) ** 0.4
        cells, _, kept, broken = select(scores[:, None], conf, None)
        if wanted is not None:
            keep = np.isin(best[cells], wanted)
            cells, kept = cells[keep], kept[keep]
        rows, columns = np.divmod(cells, self._grid[1])
        shift, extent = np.tanh(table[1:3, cells]), 1.0 / (1.0 + np.exp(-table[3:5, cells]))
        height, width = self._trained_size
        centre_x, centre_y = (columns + shift[0]) * STRIDE, (rows + shift[1]) * STRIDE
        boxes = np.stack([centre_x, centre_y, extent[0] * width, extent[1] * height], axis=1)
        return Candidates(cxcywh_to_xyxy(boxes), kept, best[cells].astype(np.int64), broken)
