"""A detector without weights: whatever moves in front of a static camera, by background subtraction.

The background model is OpenCV's MOG2 (Zivkovic 2004, "Improved adaptive Gaussian mixture model for background
subtraction"), which also marks cast shadows. The camera must not move, and who stands still for long becomes
background. It cannot tell a person from a dog or a car: **everything that moves is reported as class 0, "person"**,
since counting people is what such cameras are put up for.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from detectors.classes import wanted_ids
from nanomot.boxes import clip_boxes
from nanomot.detections import Detections
from nanomot.errors import NanomotError
from nanomot.timing import StageClock

FloatRows = NDArray[np.float64]

_SHADOW = 127
"""What MOG2 writes where it sees a shadow; foreground is above it."""
_MOST_REGIONS = 300
"""Only so many regions, the largest, are looked at in a frame: merging compares them in pairs."""
_TALLEST = 5.0
"""Height over width of the slimmest group of fragments that is still taken for one person."""
_SLIM_ENOUGH = 3.4
"""Regions of a larger height over width are not searched for several heads."""
_HEAD_PROMINENCE = 0.06
"""How far a head rises above the outline beside it, as a fraction of the region's height."""
_LOWEST_HEAD = 0.4
_NARROWEST = 0.1


class MotionDetector:
    """Find moving, person-shaped regions in the pictures of a static camera.

    Args:
        conf: boxes with a lower score are dropped; 0 to 1.
        classes: None, or a choice of classes by number or name; there is only 0, "person".
        history: frames over which the background is learnt; the longer, the later a standing person dissolves.
        variance_threshold: squared distance, in variances, from which a pixel is foreground.
        work_size: longest side in pixels of the shrunk picture on which all work is done.
        min_height: lowest box that is reported, as a fraction of the picture's height.
        min_area: smallest region that counts, as a fraction of the picture's area.
        max_area: a larger foreground is a change of light or a moved camera, not an object; same unit.
        split: whether a region with several heads side by side is cut between them.
        clock: adds up the seconds of each stage; a new one when left out.

    Attributes:
        class_names: what class ids mean; one name.
        clock: seconds spent in "preprocess", "inference" (MOG2) and "postprocess".

    The first picture defines the background. A picture of another size starts afresh.
    """

    class_names: Sequence[str] = ("person",)

    def __init__(
        self,
        conf: float = 0.1,
        classes: Sequence[int | str] | None = None,
        *,
        history: int = 500,
        variance_threshold: float = 20.0,
        work_size: int = 480,
        min_height: float = 0.05,
        min_area: float = 0.0006,
        max_area: float = 0.5,
        split: bool = True,
        clock: StageClock | None = None,
    ) -> None:
        _check_range("conf", conf, 0.0, 1.0)
        _check_range("history", history, 2, 100_000)
        _check_range("variance_threshold", variance_threshold, 1.0, 1000.0)
        _check_range("work_size", work_size, 64, 4096)
        _check_range("min_height", min_height, 0.0, 1.0)
        _check_range("min_area", min_area, 0.0, 1.0)
        _check_range("max_area", max_area, min_area, 1.0)
        wanted_ids(classes, self.class_names, 1, "motion detector")
        self.conf = conf
        self.history, self.variance_threshold, self.work_size = history, variance_threshold, work_size
        self.min_height, self.min_area, self.max_area, self.split = min_height, min_area, max_area, split
        self.clock = clock or StageClock()
        self.reset()

    def reset(self) -> None:
        """Forget the background; the next picture defines it."""
        self._size: tuple[int, int] | None = None
        self._model = cv2.createBackgroundSubtractorMOG2(self.history, self.variance_threshold, True)
        self._model.setBackgroundRatio(0.6)
        self._model.setShadowThreshold(0.55)

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find what moves in one BGR uint8 picture of shape (H, W, 3); boxes are in its pixels."""
        size = frame.shape[1], frame.shape[0]
        if size != self._size:
            self.reset()
            self._size = size
        with self.clock("preprocess"):
            small = self._shrink(frame)
        with self.clock("inference"):
            mask = self._model.apply(small)
        with self.clock("postprocess"):
            boxes, scores = self._read_mask(np.asarray(mask, np.uint8))
            scale = np.array([size[0] / small.shape[1], size[1] / small.shape[0]] * 2)
            keep = scores >= self.conf
            return Detections(clip_boxes(boxes[keep] * scale, *size), scores[keep])

    def _shrink(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = frame.shape[:2]
        ratio = self.work_size / max(height, width)
        if ratio < 1.0:
            size = max(1, round(width * ratio)), max(1, round(height * ratio))
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        return np.asarray(cv2.GaussianBlur(frame, (3, 3), 0), np.uint8)

    def _read_mask(self, mask: NDArray[np.uint8]) -> tuple[FloatRows, FloatRows]:
        """Boxes (N, 4) ``xyxy`` in pixels of the mask, and scores (N,), of the foreground in ``mask``."""
        solid = _solidify(mask)
        area = float(solid.size)
        if np.count_nonzero(solid) > self.max_area * area:
            return np.empty((0, 4)), np.empty(0)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
        large = _largest_regions(stats[:, cv2.CC_STAT_AREA], 0.25 * self.min_area * area)
        boxes, areas, groups = _merge_fragments(stats[large].astype(np.float64))
        if self.split and len(boxes):
            group_of_label = np.full(len(stats), -1)
            group_of_label[large] = groups
            boxes, areas = _split_groups(np.asarray(labels, np.int32), group_of_label, boxes, areas)
        keep = (areas >= self.min_area * area) & (boxes[:, 3] - boxes[:, 1] >= self.min_height * mask.shape[0])
        boxes, areas = boxes[keep], areas[keep]
        return boxes, _person_scores(boxes, areas)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise NanomotError(f"motion detector: {name} must lie between {low} and {high}, not be {value}.")


def _solidify(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Foreground without shadows and specks, with small gaps closed; 0 or 255."""
    _, solid = cv2.threshold(mask, _SHADOW, 255, cv2.THRESH_BINARY)
    solid = cv2.medianBlur(solid, 3)
    tall = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 7))
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, tall)
    return np.asarray(solid, np.uint8)


def _largest_regions(areas: NDArray[Any], smallest: float) -> NDArray[np.int64]:
    """Labels of the regions of at least ``smallest`` pixels, without the background (label 0)."""
    labels = np.flatnonzero(areas >= smallest)
    labels = labels[labels > 0]
    if len(labels) > _MOST_REGIONS:
        labels = labels[np.argsort(-areas[labels], kind="stable")[:_MOST_REGIONS]]
    return labels


def _merge_fragments(stats: FloatRows) -> tuple[FloatRows, FloatRows, NDArray[np.int32]]:
    """Join regions that stack up to one person: a head above a torso above legs.

    ``stats`` is (N, 5): left, top, width, height, area. Two regions belong together when one covers most of the other's
    width, little space lies between them, and both together are not too slim for a person. Returns boxes (M, 4)
    ``xyxy``, areas (M,) and the row of the result that each region went into (N,).
    """
    boxes = stats[:, :4].copy()
    boxes[:, 2:] += boxes[:, :2]
    if len(boxes) < 2:
        return boxes, stats[:, 4], np.zeros(len(boxes), np.int32)
    low, high = boxes[:, None, :], boxes[None, :, :]
    shared = np.minimum(low[..., 2], high[..., 2]) - np.maximum(low[..., 0], high[..., 0])
    gap = np.maximum(low[..., 1], high[..., 1]) - np.minimum(low[..., 3], high[..., 3])
    width = stats[:, 2]
    narrower = np.minimum(width[:, None], width[None, :])
    wider = np.maximum(width[:, None], width[None, :])
    union = np.maximum(low[..., 3], high[..., 3]) - np.minimum(low[..., 1], high[..., 1])
    together = (shared >= 0.6 * narrower) & (gap <= 0.15 * union) & (union <= _TALLEST * wider)
    count, group = connected_components(csr_matrix(together), directed=False)
    merged = np.empty((count, 4))
    for side, reduce in enumerate((np.minimum, np.minimum, np.maximum, np.maximum)):
        merged[:, side] = -np.inf if side > 1 else np.inf
        reduce.at(merged[:, side], group, boxes[:, side])
    return merged, np.asarray(np.bincount(group, stats[:, 4], count), np.float64), group.astype(np.int32)


def _split_groups(
    labels: NDArray[np.int32], group_of_label: NDArray[np.int64], boxes: FloatRows, areas: FloatRows
) -> tuple[FloatRows, FloatRows]:
    """Cut regions that are too wide for one person between the heads that their outline shows.

    Only few regions are so wide, and each is looked at in its own crop. Returns boxes (M, 4) and areas (M,).
    """
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    wide = height < _SLIM_ENOUGH * width
    parts, part_areas = [boxes[~wide]], [areas[~wide]]
    for group in np.flatnonzero(wide):
        left, top, right, bottom = boxes[group].astype(int)
        inside = group_of_label[labels[top:bottom, left:right]] == group
        cuts = _cuts_between_heads(inside)
        if not len(cuts):
            parts.append(boxes[group][None])
            part_areas.append(areas[group][None])
        for begin, end in itertools.pairwise((0, *cuts, right - left) if len(cuts) else ()):
            rows = np.flatnonzero(inside[:, begin:end].any(axis=1))
            parts.append(np.array([[left + begin, top + rows[0], left + end, top + rows[-1] + 1]], np.float64))
            part_areas.append(np.array([np.count_nonzero(inside[:, begin:end])], np.float64))
    return np.concatenate(parts), np.concatenate(part_areas)


def _cuts_between_heads(inside: NDArray[np.bool_]) -> list[int]:
    """Columns at which the region ``inside`` (H, W) should be cut: the lowest outline between two heads."""
    height, width = inside.shape
    outline = np.where(inside.any(axis=0), height - inside.argmax(axis=0), 0).astype(np.float64)
    heads = _peaks(outline, _HEAD_PROMINENCE * height)
    heads = heads[outline[heads] >= _LOWEST_HEAD * height]
    cuts = [int(a + np.argmin(outline[a:b])) for a, b in itertools.pairwise(heads)]
    edges = np.array([0, *cuts, width])
    return cuts if np.all(np.diff(edges) >= _NARROWEST * height) else []


def _peaks(outline: FloatRows, rise: float) -> NDArray[np.int64]:
    """Columns of the maxima of ``outline`` (W,) that stand at least ``rise`` above the lowest point to either side."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(outline, prepend=0.0, append=0.0))))
    peaks: list[int] = []
    best, valley = -1, 0.0
    for column in (*turns.tolist(), len(outline) - 1):
        value = outline[column]
        if best < 0:
            valley = min(valley, value)
            best = column if value >= valley + rise else -1
        elif value > outline[best]:
            best = column
        elif value <= outline[best] - rise:
            peaks.append(best)
            best, valley = -1, value
    return np.array(peaks if best < 0 else [*peaks, best], np.int64)


def _person_scores(boxes: FloatRows, areas: FloatRows) -> FloatRows:
    """Scores (N,) in (0, 1]: high for upright regions that fill their box as a person does."""
    width = boxes[:, 2] - boxes[:, 0]
    height = boxes[:, 3] - boxes[:, 1]
    fill = areas / (width * height)
    shape = np.exp(-0.5 * (np.log(height / width / 2.7) / 0.75) ** 2)
    solidity = np.clip(fill / 0.45, 0.05, 1.0)
    return np.clip(shape * solidity, 0.01, 1.0)
