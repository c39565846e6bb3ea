"""Tiles for objects that are small in the picture: overlapping parts are searched one by one, and the whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.nms import nms
from detectors.preprocess import check_frame
from nanomot.detections import Detections, Detector
from nanomot.errors import NanomotError
from nanomot.timing import StageClock

OVERLAP = 0.2
"""Share of a tile that it has in common with its neighbour."""
_MOST_TILES = 16
_CUT_MARGIN = 0.01
"""A box that ends this close to an inner border, as a share of the tile's side, is taken to be cut by it."""


class _Timed(Detector, Protocol):
    clock: StageClock

    def describe(self) -> str: ...


def parse_tiles(text: str) -> tuple[int, int]:
    """(columns, rows) from ``"3x1"``.

    Raises:
        NanomotError: it is not of this form, or asks for fewer than 2 or more than 16 tiles.
    """
    match = re.fullmatch(r"\s*(\d+)[xX](\d+)\s*", str(text))
    if match is None:
        raise NanomotError(f"tiles is {text!r}, but must be COLUMNSxROWS such as 3x1.")
    columns, rows = int(match[1]), int(match[2])
    if not 2 <= columns * rows <= _MOST_TILES:
        raise NanomotError(f"tiles is {text!r}, but must give 2 to {_MOST_TILES} tiles.")
    return columns, rows


def tile_edges(length: int, count: int) -> list[tuple[int, int]]:
    """First and end pixel of ``count`` tiles along a side of ``length`` pixels, neighbours sharing ``OVERLAP``."""
    side = length / (count - (count - 1) * OVERLAP)
    starts = [round(index * side * (1.0 - OVERLAP)) for index in range(count)]
    return [(start, length if index == count - 1 else round(start + side)) for index, start in enumerate(starts)]


class TiledDetector:
    """Runs ``detector`` on the whole frame and on each of ``tiles`` (``"3x1"``: three columns, one row).

    A tile's box that ends at an inner border shows a part of an object and is dropped: the neighbour or the whole frame
    has it all. What several of them found is merged by suppression at an IoU of ``nms``.
    """

    def __init__(self, detector: _Timed, tiles: str, nms: float) -> None:
        self._detector = detector
        self._columns, self._rows = parse_tiles(tiles)
        self._nms = nms
        self.clock = detector.clock
        self.class_names: Sequence[str] = detector.class_names

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find objects in one BGR uint8 picture of shape (H, W, 3); best score first, boxes in its pixels."""
        height, width = check_frame(frame).shape[:2]
        parts = [self._detector.detect(frame)]
        for top, bottom in tile_edges(height, self._rows):
            for left, right in tile_edges(width, self._columns):
                found = self._detector.detect(frame[top:bottom, left:right])
                whole = found[~self._cut(found.boxes, (left, top, right, bottom), (width, height))]
                shift = np.array([left, top, left, top], dtype=np.float64)
                parts.append(Detections(whole.boxes + shift, whole.scores, whole.class_ids))
        everything = Detections.concatenate(parts)
        return everything[nms(everything.boxes, everything.scores, everything.class_ids, self._nms)]

    def describe(self) -> str:
        """One line for logs."""
        return f"{self._detector.describe()}, in {self._columns}x{self._rows} tiles and as a whole"

    @staticmethod
    def _cut(boxes: NDArray[np.float64], tile: tuple[int, int, int, int], frame: tuple[int, int]) -> NDArray[np.bool_]:
        """Which boxes, in the tile's pixels, end at a border that is not the frame's."""
        left, top, right, bottom = tile
        width, height = right - left, bottom - top
        margin_x, margin_y = _CUT_MARGIN * width, _CUT_MARGIN * height
        cut: NDArray[np.bool_] = (
            ((boxes[:, 0] <= margin_x) & (left > 0))
            | ((boxes[:, 1] <= margin_y) & (top > 0))
            | ((boxes[:, 2] >= width - margin_x) & (right < frame[0]))
            | ((boxes[:, 3] >= height - margin_y) & (bottom < frame[1]))
        )
        return cut
