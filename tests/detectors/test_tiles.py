from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from detectors.tiles import TiledDetector, parse_tiles, tile_edges
from nanomot.detections import Detections
from nanomot.errors import NanomotError
from nanomot.timing import StageClock


class BrightBlocks:
    """A detector for tests: one box around each grey value above zero, as far as it is in the picture."""

    class_names = ("block",)

    def __init__(self, smallest: int = 0) -> None:
        self.clock = StageClock()
        self.seen: list[tuple[int, ...]] = []
        self._smallest = smallest

    def describe(self) -> str:
        return "blocks"

    def detect(self, frame: np.ndarray) -> Detections:
        self.seen.append(frame.shape[:2])
        boxes = []
        for value in np.unique(frame[..., 0]):
            rows, columns = np.nonzero(frame[..., 0] == value)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            if value > 0 and (box[2] - box[0]) * 300 / frame.shape[1] >= self._smallest:
                boxes.append(box)
        return Detections(boxes, np.full(len(boxes), 0.5))


def scene(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    frame = np.zeros((100, 300, 3), np.uint8)
    for value, (x1, y1, x2, y2) in enumerate(boxes, 1):
        frame[y1:y2, x1:x2] = value
    return frame


def test_tiles_cover_the_side_and_share_a_fifth() -> None:
    edges = tile_edges(1920, 3)
    assert edges[0][0] == 0
    assert edges[-1][1] == 1920
    for (first, end), (start, last) in pairwise(edges):
        assert (end - start) / (end - first) == pytest.approx(0.2, abs=0.01)
        assert last - start == pytest.approx(end - first, abs=1)
    assert tile_edges(100, 1) == [(0, 100)]


def test_an_object_across_borders_is_found_once_and_whole() -> None:
    inner = BrightBlocks()
    frame = scene((20, 20, 40, 60), (100, 10, 200, 90), (260, 0, 300, 50))
    found = TiledDetector(inner, "3x1", 0.6).detect(frame)
    assert sorted(found.boxes.tolist()) == [[20, 20, 40, 60], [100, 10, 200, 90], [260, 0, 300, 50]]
    assert len(inner.seen) == 4
    assert inner.seen[0] == (100, 300)


def test_what_only_a_tile_sees_lies_in_the_frame_s_pixels() -> None:
    frame = scene((210, 30, 222, 50), (20, 30, 32, 50))
    inner = BrightBlocks(smallest=20)
    assert len(inner.detect(frame)) == 0
    found = TiledDetector(inner, "3x2", 0.6).detect(frame)
    assert sorted(found.boxes.tolist()) == [[20, 30, 32, 50], [210, 30, 222, 50]]


def test_the_frame_s_own_borders_cut_nothing() -> None:
    found = TiledDetector(BrightBlocks(smallest=20), "3x1", 0.6).detect(scene((0, 0, 12, 100), (288, 0, 300, 100)))
    assert len(found) == 2


def test_it_passes_on_what_its_detector_is() -> None:
    inner = BrightBlocks()
    tiled = TiledDetector(inner, "2x2", 0.6)
    assert tiled.class_names == ("block",)
    assert tiled.clock is inner.clock
    assert tiled.describe() == "blocks, in 2x2 tiles and as a whole"
    assert len(tiled.detect(np.zeros((64, 64, 3), np.uint8))) == 0


@pytest.mark.parametrize("text", ["3", "3x", "axb", "1x1", "0x4", "5x5", ""])
def test_tiles_that_cannot_be_meant(text) -> None:
    with pytest.raises(NanomotError, match="tiles is"):
        parse_tiles(text)


def test_tiles_that_can() -> None:
    assert parse_tiles("3x1") == (3, 1)
    assert parse_tiles(" 2X2 ") == (2, 2)
