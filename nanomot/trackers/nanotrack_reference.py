"""NanoTrack as published: recycled low-score boxes (RHD), checked births (DTC), pseudo-depth by groups (IDCM)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanomot.assignment import Pairs, assign, unrivalled
from nanomot.depth import cascade, depth_levels, pseudo_depths, touch_groups
from nanomot.detections import Detections
from nanomot.duplicates import overlaps_any
from nanomot.kalman import MotionModel, XywhMotion
from nanomot.recycling import LowScoreRecycler
from nanomot.trackers.base import Array
from nanomot.trackers.bytetrack import Frame, StagedTracker, StageParameters
from nanomot.trackers.parameters import Fraction, Levels
from nanomot.tracks import Rows


@dataclass(frozen=True)
class PublishedNanoParameters(StageParameters):
    """Parameters of NanoTrack as published."""

    depth_levels: Levels
    """Levels of pseudo-depth in the first stage; 1 switches the cascade off."""
    depth_levels_low: Levels
    """Levels of pseudo-depth in the second stage."""
    rhd: bool
    """Promote and recycle low-score detections that repeat a box of the last frame."""
    promote_iou: Fraction
    """A low-score box is promoted above this IoU with a high-score box of the last frame."""
    recycle_iou: Fraction
    """A low-score box is recycled above this IoU with a low-score box of the last frame."""
    fallback: bool
    """Promoted boxes that the first stage left over join the second."""
    dtc: bool
    """Drop births that overlap a track."""
    duplicate_iou: Fraction
    """A birth that overlaps any track by more is a duplicate."""
    open_thresholds: bool
    """Split scores as the published code does: a score equal to a threshold belongs to no stage."""


class PublishedNanoTracker(StagedTracker):
    """NanoTrack by its published formulae, ``nanotrack`` in the mode ``reference``: to be compared with.

    ``fallback`` lets promoted boxes that found no track in the first stage try the second, which otherwise starves them
    (the first needs IoU x score, the second IoU alone).
    """

    parameter_class = PublishedNanoParameters
    motion: MotionModel = XywhMotion()

    def _clear(self) -> None:
        super()._clear()
        self._recycler = LowScoreRecycler(self.parameters.promote_iou, self.parameters.recycle_iou)
        self._promoted = self._recycled = np.empty(0, np.intp)

    def _split(self, detections: Detections) -> tuple[Rows, Rows]:
        high, low = self._split_by_score(detections)
        self._promoted = self._recycled = low[:0]
        if self.parameters.rhd:
            promoted, recycled = self._recycler.find(detections.boxes[low], detections.class_ids[low], self._overlaps)
            self._promoted, self._recycled = low[promoted], low[recycled]
            high, low = np.concatenate((high, low[promoted])), low[~promoted]
            self._recycler.remember(detections.boxes, detections.class_ids, high, low)
        return high, low

    def _split_by_score(self, detections: Detections) -> tuple[Rows, Rows]:
        if not self.parameters.open_thresholds:
            return super()._split(detections)
        scores, parameters = detections.scores, self.parameters
        low = (scores > parameters.low_threshold) & (scores < parameters.track_threshold)
        return (scores > parameters.track_threshold).nonzero()[0], low.nonzero()[0]

    def _second_stage(self, stage: Frame, high: Rows, low: Rows) -> Rows:
        if not self.parameters.fallback:
            return low
        return np.concatenate((low, self._promoted[stage.free_detections[self._promoted]]))

    def _candidates(self, stage: Frame, high: Rows, low: Rows) -> Rows:
        candidates = np.concatenate((high, self._recycled))
        return candidates[stage.free_detections[candidates]]

    def _solve(self, stage: Frame, rows: Rows, columns: Rows, cost: Array, gate: float, name: str) -> Pairs:
        parameters = self.parameters
        count = {"first": parameters.depth_levels, "second": parameters.depth_levels_low, "confirm": 1}[name]
        # Every level is tried in the end, so that the order matters only where pairs compete.
        pairs = unrivalled(cost < gate) if count > 1 else None
        if pairs is not None:
            return pairs
        if count == 1:
            return assign(cost, gate)
        return cascade(
            self._group_levels(stage.track_boxes[rows], count),
            self._group_levels(stage.detections.boxes[columns], count),
            count,
            lambda at_row, at_column: assign(cost[at_row[:, None], at_column], gate),
        )

    @staticmethod
    def _group_levels(boxes: Array, count: int) -> NDArray[np.int64]:
        return depth_levels(pseudo_depths(boxes), count, touch_groups(boxes))

    def _births(self, stage: Frame, candidates: Rows) -> Rows:
        if not self.parameters.dtc or len(candidates) == 0 or len(self.table) == 0:
            return candidates
        table, detections = self.table, stage.detections
        boxes = np.where((table.detections >= 0)[:, None], table.estimates, stage.track_boxes)
        overlaps = self._overlaps(
            detections.boxes[candidates], detections.class_ids[candidates], boxes, table.class_ids
        )
        return candidates[~overlaps_any(overlaps, self.parameters.duplicate_iou)]
