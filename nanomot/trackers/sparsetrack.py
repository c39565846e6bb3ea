"""SparseTrack: BYTE's stages, each matched from near to far by pseudo-depth (Liu et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass

from nanomot.assignment import Pairs, assign
from nanomot.depth import cascade, depth_levels, level_count, pseudo_depths
from nanomot.kalman import MotionModel, XywhMotion
from nanomot.trackers.base import Array
from nanomot.trackers.bytetrack import Frame, StagedTracker, StageParameters
from nanomot.trackers.parameters import Fraction, Levels
from nanomot.tracks import Rows


@dataclass(frozen=True)
class SparseParameters(StageParameters):
    """Parameters of SparseTrack."""

    birth_threshold: Fraction
    """A left-over detection starts a track from this score on."""
    depth_levels: Levels
    """Levels of pseudo-depth in the first stage; 1 switches the cascade off."""
    depth_levels_low: Levels
    """Levels of pseudo-depth in the second stage."""


class SparseTracker(StagedTracker):
    """SparseTrack with the parameters of :class:`SparseParameters`; camera motion is the ``warp`` of ``update``."""

    parameter_class = SparseParameters
    motion: MotionModel = XywhMotion()

    def _associate(self, stage: Frame, rows: Rows, columns: Rows, name: str) -> Pairs:
        if self._level_count(name) == 1:
            return self._associate_overlapping(stage, rows, columns, name)
        return super()._associate(stage, rows, columns, name)

    def _solve(self, stage: Frame, rows: Rows, columns: Rows, cost: Array, gate: float, name: str) -> Pairs:
        count = self._level_count(name)
        tracks, found = pseudo_depths(stage.track_boxes[rows]), pseudo_depths(stage.detections.boxes[columns])
        tried = min(level_count(tracks, count), level_count(found, count))
        return cascade(
            depth_levels(tracks, count),
            depth_levels(found, count),
            tried,
            lambda at_row, at_column: assign(cost[at_row[:, None], at_column], gate),
        )

    def _level_count(self, name: str) -> int:
        parameters = self.parameters
        counts = {"first": parameters.depth_levels, "second": parameters.depth_levels_low, "confirm": 1}
        return int(counts[name])
