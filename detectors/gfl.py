"""Generalised focal loss heads (Li et al. 2020): the boxes of NanoDet, NanoDet-Plus and PicoDet.

A cell holds one score per class and, for each of a box's four sides, a distribution over ``reg_max + 1`` distances in
units of the stride. The box's side lies at the distribution's mean (eq. 4 of the paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.graph_writer import GraphTable, GraphWriter
from detectors.layouts import (
    AmbiguousError,
    Candidates,
    FloatArray,
    Shape,
    Size,
    cell_table,
    find_strides,
    grid_size,
    level_cells,
    select,
)
from detectors.manifest import Manifest
from detectors.reading import GraphTerms

STOCK_BINS = 8
COCO_CLASSES = 80
PUBLISHED_BINS = (1, 8, 11)
"""reg_max 7 in most of NanoDet's table, 10 in nanodet-g, EfficientLite1, EfficientLite2 and RepVGG-A0; 1 where the
exported graph takes the mean itself."""


@dataclass(frozen=True)
class Tensor:
    """One output as a table: which, how many rows and columns, and whether it lies channels first."""

    index: int
    rows: int
    columns: int
    channels_first: bool = False

    def table(self, outputs: Sequence[FloatArray]) -> FloatArray:
        """The output as (rows, columns)."""
        array = outputs[self.index]
        shape = (self.columns, self.rows) if self.channels_first else (self.rows, self.columns)
        table: FloatArray = array.reshape(shape)
        return table.T if self.channels_first else table


@dataclass(frozen=True)
class GflLayout:
    """Where scores and distances lie.

    Attributes:
        strides: pixels per cell of each level.
        classes: class columns per cell.
        bins: distances per side; 1 where the model has taken the mean already.
        scores: one tensor per level, or the only one; its first ``classes`` columns.
        distances: as many tensors; their last ``4 * bins`` columns.
    """

    strides: tuple[int, ...]
    classes: int
    bins: int
    scores: tuple[Tensor, ...]
    distances: tuple[Tensor, ...]

    @property
    def joined(self) -> bool:
        """Whether one tensor holds everything."""
        return self.scores == self.distances

    @property
    def spatial(self) -> bool:
        """Whether the outputs were left as (channels, rows, columns), as exports for other runtimes do."""
        return any(tensor.channels_first for tensor in self.scores)


class GflHead:
    """Decodes a :class:`GflLayout` at one input size."""

    def __init__(self, family: str, layout: GflLayout, size: Size, cell_offset: float) -> None:
        self.family = family
        self.num_classes = layout.classes
        self._layout = layout
        self._cells = cell_table(size, layout.strides, cell_offset)
        self._starts = np.cumsum([0, *(tensor.rows for tensor in layout.scores)])
        self._bins = np.arange(layout.bins, dtype=np.float32)

    def score_range(self, outputs: Sequence[FloatArray]) -> tuple[float, float]:
        """Lowest and highest class score as the network gives them."""
        tables = [tensor.table(outputs)[:, : self.num_classes] for tensor in self._layout.scores]
        return min(float(table.min()) for table in tables), max(float(table.max()) for table in tables)

    def decode(
        self, outputs: Sequence[FloatArray], conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> Candidates:
        """Every (cell, class) that scores at least ``conf``; distances are read for those cells alone."""
        layout = self._layout
        rows, class_ids, scores, distances, broken = [], [], [], [], 0
        for level, tensor in enumerate(layout.scores):
            table = tensor.table(outputs)
            found, ids, values, bad = select(table[:, : layout.classes], conf, wanted, logits)
            sides = layout.distances[level]
            source = table if layout.joined else sides.table(outputs)
            rows.append(found + self._starts[level])
            class_ids.append(ids)
            scores.append(values)
            distances.append(source[found, sides.columns - 4 * layout.bins :])
            broken += bad
        boxes = self._boxes(np.concatenate(rows), np.concatenate(distances))
        return Candidates(boxes, np.concatenate(scores), np.concatenate(class_ids), broken)

    def append(
        self,
        writer: GraphWriter,
        names: Sequence[str],
        outputs: Sequence[FloatArray],
        floor: float,
        wanted: NDArray[np.int64],
    ) -> GraphTerms | None:
        """The same inside the graph, see :class:`detectors.reading.GraphHead`."""
        layout = self._layout
        tables = [_graph_table(writer, part, names, outputs) for part in (layout.scores, layout.distances)]
        if tables[0] is None or tables[1] is None:
            return None
        scores = tables[0].columns(wanted)
        cells = writer.cells(scores, len(wanted), floor)
        width = layout.distances[0].columns
        sides = tables[1].rows(cells, np.arange(width - 4 * layout.bins, width))
        if layout.bins > 1:
            sides = self._append_means(writer, sides)
        anchors = writer.constant(np.tile(self._cells[:, :2], 2), np.float32)
        steps = writer.constant(self._cells[:, 2:] * np.array([-1, -1, 1, 1]), np.float32)
        shifts = writer.node("Mul", sides, writer.node("Gather", steps, cells))
        boxes = writer.node("Add", writer.node("Gather", anchors, cells), shifts)
        passed = writer.node("Gather", scores, cells, axis=1)
        return GraphTerms(boxes, passed, looked_at=scores, sound=layout.bins > 1)

    def _append_means(self, writer: GraphWriter, sides: str) -> str:
        """(K, 4) means of the distributions in (K, 4 * bins) ``sides``."""
        rows = writer.reshape(sides, -1, self._layout.bins)
        weights = writer.node("Softmax", rows, axis=1)
        means = writer.node("MatMul", weights, writer.constant(self._bins[:, None], np.float32))
        return writer.reshape(means, -1, 4)

    def _boxes(self, cells: NDArray[np.int64], sides: FloatArray) -> FloatArray:
        """(N, 4) ``xyxy`` of N cells, from their (N, 4 * bins) columns."""
        if self._layout.bins > 1:
            # Boxes lie along the last axis, so that every step over the few bins is one over all boxes.
            weights = np.ascontiguousarray(sides.T).reshape(4, self._layout.bins, -1)
            weights = np.exp(weights - weights.max(axis=1, keepdims=True))
            distances = np.einsum("sbn,b->sn", weights, self._bins) / weights.sum(axis=1)
        else:
            distances = sides.T
        anchor_x, anchor_y, stride = self._cells[cells].T
        boxes = np.empty((len(cells), 4), dtype=np.float32)
        distances = distances * stride
        np.subtract(anchor_x, distances[0], out=boxes[:, 0])
        np.subtract(anchor_y, distances[1], out=boxes[:, 1])
        np.add(anchor_x, distances[2], out=boxes[:, 2])
        np.add(anchor_y, distances[3], out=boxes[:, 3])
        return boxes


def _graph_table(
    writer: GraphWriter, tensors: Sequence[Tensor], names: Sequence[str], outputs: Sequence[FloatArray]
) -> GraphTable | None:
    tables = [tensor.table(outputs) for tensor in tensors]
    # A table that had to be copied tells nothing of how the output lies.
    if not all(np.may_share_memory(table, outputs[part.index]) for table, part in zip(tables, tensors, strict=True)):
        return None
    return GraphTable.of(writer, [names[tensor.index] for tensor in tensors], tables)


def find_layout(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> GflLayout | None:
    """The layout of ``shapes``, or None where they are not a GFL head's at this input size."""
    if len(shapes) == 1:
        return _joined_layout(shapes[0], size, manifest)
    return _split_layout(shapes, size, manifest)


def _joined_layout(shape: Shape, size: Size, manifest: Manifest) -> GflLayout | None:
    """One [1, N, C + 4R] tensor: the official exporter since NanoDet 1.0."""
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] != 1):
        return None
    rows, width = shape[-2:]
    strides = find_strides(rows, size, manifest)
    if strides is None:
        return None
    pairs = [(width - 4 * bins, bins) for bins in range(2, 65) if width - 4 * bins >= 1]
    split = _choose(pairs, manifest)
    if split is None:
        return None
    tensor = Tensor(0, rows, width)
    return GflLayout(strides, split[0], split[1], (tensor,), (tensor,))


def _split_layout(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> GflLayout | None:
    """Two tensors per level, in any order: scores and distances are paired by their number of rows."""
    known = (4, 8, 16, 32, 64, 128) if manifest.strides is None else manifest.strides
    levels: dict[int, list[Tensor]] = {}
    for index, shape in enumerate(shapes):
        found = _level_of(index, shape, size, known)
        if found is None:
            return None
        levels.setdefault(found[0], []).append(found[1])
    if any(len(tensors) != 2 for tensors in levels.values()):
        return None
    strides = tuple(sorted(levels))
    # Sorted by width: the same order at each level, so that one decision serves all.
    ordered = {stride: sorted(levels[stride], key=lambda t: (t.columns, t.channels_first)) for stride in strides}
    widths = {tuple(tensor.columns for tensor in tensors) for tensors in ordered.values()}
    if len(widths) != 1:
        return None
    narrow, wide = widths.pop()
    options = {(narrow, wide): (0, 1), (wide, narrow): (1, 0)}
    pairs = [(c, d // 4) for c, d in options if d % 4 == 0]
    first = next(iter(ordered.values()))
    if narrow == wide and first[0].channels_first == first[1].channels_first:
        if not pairs:
            return None
        raise AmbiguousError(
            "scores and distances are equally wide, which no manifest can settle; export the model again."
        )
    split = _choose(pairs, manifest)
    if split is None:
        return None
    score_at, side_at = options[split[0], 4 * split[1]]
    if narrow == wide:
        score_at, side_at = (0, 1) if first[0].channels_first else (1, 0)
    scores = tuple(ordered[stride][score_at] for stride in strides)
    sides = tuple(ordered[stride][side_at] for stride in strides)
    return GflLayout(strides, split[0], split[1], scores, sides)


def _level_of(index: int, shape: Shape, size: Size, strides: Sequence[int]) -> tuple[int, Tensor] | None:
    """The level of one output: (rows, K) for a flattened one, (K, h, w) or (h, w, K) for one left in place."""
    for stride in strides:
        cells, grid = level_cells(size, stride), grid_size(size, stride)
        for dims in (shape[1:], shape) if shape[:1] == (1,) else (shape,):
            if len(dims) == 2 and dims[0] == cells:
                return stride, Tensor(index, cells, dims[1])
            if len(dims) == 3 and dims[1:] == grid:
                return stride, Tensor(index, cells, dims[0], channels_first=True)
            if len(dims) == 3 and dims[:2] == grid:
                return stride, Tensor(index, cells, dims[2])
    return None


def _choose(pairs: Sequence[tuple[int, int]], manifest: Manifest) -> tuple[int, int] | None:
    """Pick (classes, bins): what the manifest says, else reg_max 7 or COCO's classes, else the only possibility.

    Raises:
        AmbiguousError: several remain.
    """
    if manifest.num_classes is not None:
        pairs = [pair for pair in pairs if pair[0] == manifest.num_classes]
    if manifest.reg_max is not None:
        pairs = [pair for pair in pairs if pair[1] in (manifest.reg_max + 1, 1)]
    if len(pairs) <= 1:
        return pairs[0] if pairs else None
    for preferred in (
        [pair for pair in pairs if pair[0] == COCO_CLASSES and pair[1] in PUBLISHED_BINS],
        [pair for pair in pairs if pair[1] in (1, STOCK_BINS)],
    ):
        if len(preferred) == 1:
            return preferred[0]
    told = ", ".join(f"{classes} classes with reg_max {bins - 1}" for classes, bins in pairs[:6])
    raise AmbiguousError(
        f"it could be {told}{' ...' if len(pairs) > 6 else ''}: give `classes` (a number or the names) or `reg_max` "
        "in a manifest."
    )
