"""SORT: a Kalman filter and the Hungarian method on IoU (Bewley et al., ICIP 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanomot.assignment import assign_pairs
from nanomot.detections import Detections, Tracks
from nanomot.kalman import MotionModel, XysrMotion
from nanomot.trackers.base import Array, TableTracker
from nanomot.trackers.parameters import Fraction, Frames
from nanomot.tracks import LOST, TRACKED


@dataclass(frozen=True)
class SortParameters:
    """Parameters of SORT."""

    track_threshold: Fraction
    """Detections below this score are ignored."""
    iou_threshold: Fraction
    """Pairs that overlap by less are not matched."""
    min_hits: Frames
    """Detections in a row that continue a track before it is reported, except in the first ``min_hits`` frames."""
    track_buffer: Frames
    """How long a lost track is remembered, in frames of 1/30 second."""
    per_class: bool
    """Never match across classes."""


class SortTracker(TableTracker):
    """SORT with the parameters of :class:`SortParameters`."""

    parameter_class = SortParameters
    motion: MotionModel = XysrMotion()

    def _step(self, detections: Detections, frame: NDArray[np.uint8] | None, warp: Array | None) -> Tracks:
        self._forget_stalled()
        table, parameters = self.table, self.parameters
        table.detections[:] = -1
        kalman = table.kalman
        shrinks_away = kalman.positions[:, 2] + kalman.velocities[:, 2] <= 0
        kalman.velocities[shrinks_away, 2] = 0.0
        kalman.predict()
        if warp is not None:
            kalman.warp(warp)
        eligible = (detections.scores >= parameters.track_threshold).nonzero()[0]
        rows, columns, overlaps = self._overlap_pairs(
            (kalman.boxes(), table.class_ids, np.arange(len(table))),
            (detections.boxes, detections.class_ids, eligible),
        )
        # As published: the greatest total overlap first, and only then are pairs that overlap too little undone.
        shape = len(table), len(eligible)
        places, order = rows * shape[1] + columns, np.argsort(rows * shape[1] + columns)
        rows, columns = assign_pairs(rows, columns, 1.0 - overlaps, 1.0, shape)
        matched = order[places.searchsorted(rows * shape[1] + columns, sorter=order)]
        enough = overlaps[matched] >= parameters.iou_threshold
        rows, columns = rows[enough], columns[enough]
        table.hit(rows, detections, eligible[columns], frame=self.frame, time=self.time)
        missed = np.ones(len(table), bool)
        missed[rows] = False
        table.states[missed] = LOST
        table.streaks[missed] = 0
        table.keep(self._within_buffer())
        born = np.delete(eligible, columns)
        table.birth(detections, born, state=TRACKED, frame=self.frame, time=self.time)
        shown = table.states == TRACKED
        if self.frame > parameters.min_hits:
            shown &= table.streaks >= parameters.min_hits
        return table.report(shown.nonzero()[0], self.frame)
