"""OC-SORT: SORT that trusts observations more than its filter's guesses (Cao et al., CVPR 2023).

Three changes to SORT. *Momentum* (OCM): a detection that lies in the direction in which a track was seen to move is
worth more than its overlap. *Recovery* (OCR): what is left over is compared once more, with where tracks were last
seen. *Re-update* (ORU): when a lost track is found again, the guesses of the gap are taken back, and the filter is led
along the straight line between the two observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from nanomot.assignment import assign_pairs
from nanomot.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from nanomot.detections import Detections, Tracks
from nanomot.kalman import KalmanBank, MotionModel, XysrMotion
from nanomot.trackers.base import Array, TableTracker
from nanomot.trackers.parameters import Fraction, Frames, Range
from nanomot.tracks import LOST, TRACKED, Rows, TrackTable
from nanomot.warps import no_motion, warp_boxes, warp_points, warp_scale

_TINY = 1e-6
"""Pixels; keeps the direction of what stands still finite."""


@dataclass(frozen=True)
class ObservationParameters:
    """Parameters of OC-SORT."""

    track_threshold: Fraction
    """Detections from this score on are matched, and start a track when they are left over."""
    low_threshold: Fraction
    """With ``byte``: detections below this score are ignored."""
    iou_threshold: Fraction
    """Pairs must overlap by more than this."""
    inertia: Fraction
    """Weight of momentum: what a detection gains by lying straight ahead, in units of IoU and of half its score."""
    delta_t: Annotated[int, Range(1, 100)]
    """Frames over which a track's direction is measured."""
    min_hits: Frames
    """Detections in a row that continue a track before it is reported, except in the first ``min_hits`` frames."""
    track_buffer: Frames
    """How long a lost track is remembered, in frames of 1/30 second."""
    byte: bool
    """Offer low-score detections to the tracks that the first stage left over."""
    byte_iou_threshold: Fraction
    """With ``byte``: such pairs must overlap by more than this."""
    per_class: bool
    """Never match across classes."""


class ObservationTable(TrackTable):
    """Tracks with what was seen of them; ``estimates`` are the latest observations, as OC-SORT reports them.

    Attributes:
        centres: (N, delta_t, 2) pixels, centres of the observations of 1, 2, … frames ago; nan where there was none.
        directions: (N, 2) unit vectors from an earlier observation to the latest; 0 until there are two.
        frozen: the filters as they were predicted for the first frame without an observation.
    """

    def __init__(self, model: MotionModel, delta_t: int) -> None:
        super().__init__(model)
        self.centres: Array = np.empty((0, delta_t, 2))
        self.directions: Array = np.empty((0, 2))
        self.frozen = KalmanBank(model)

    def birth(self, detections: Detections, rows: Rows, *, state: int, frame: int, time: float) -> None:
        """As the base; a track's birth is its first observation."""
        super().birth(detections, rows, state=state, frame=frame, time=time)
        boxes = detections.boxes[rows]
        self.frozen.append(boxes)
        self.centres = np.concatenate((self.centres, np.full((len(rows), *self.centres.shape[1:]), np.nan)))
        self.directions = np.concatenate((self.directions, np.zeros((len(rows), 2))))

    def hit(self, rows: Rows, detections: Detections, detection_rows: Rows, *, frame: int, time: float) -> None:
        """As the base, after a re-update of what was lost; directions follow the observations."""
        if len(rows) == 0:
            return
        boxes = detections.boxes[detection_rows]
        gaps = frame - self.seen[rows]
        found_again = gaps > 1
        if found_again.any():
            self._re_update(rows[found_again], boxes[found_again], gaps[found_again])
        self.directions[rows] = _directions(self.previous_centres()[rows], _centres(boxes))
        super().hit(rows, detections, detection_rows, frame=frame, time=time)
        self.estimates[rows] = boxes

    def _re_update(self, rows: Rows, boxes: Array, gaps: NDArray[np.int64]) -> None:
        """Lead the filters along straight lines from the last observations to ``boxes``, ``gaps`` frames later (ORU).

        They are left as predicted for the frame of ``boxes``.
        """
        # Longest gaps first: the tracks that are still inside theirs are then a slice.
        order = gaps.argsort(kind="stable")[::-1]
        rows, boxes, gaps = rows[order], boxes[order], gaps[order]
        bank = KalmanBank(self.kalman.model)
        bank.data = self.frozen.data[rows]
        first = xyxy_to_cxcywh(self.estimates[rows])
        pace = (xyxy_to_cxcywh(boxes) - first) / gaps[:, None]
        for step in range(1, int(gaps[0])):
            inside = slice(int((gaps > step).sum()))
            bank.update(inside, cxcywh_to_xyxy(first[inside] + step * pace[inside]))
            bank.predict(inside)
        self.kalman.data[rows] = bank.data

    def previous_centres(self) -> Array:
        """Centres of the oldest observations within the last ``delta_t`` frames, or else of the latest, (N, 2)."""
        centres = _centres(self.estimates)
        for past in range(self.centres.shape[1]):
            then = self.centres[:, past]
            np.copyto(centres, then, where=~np.isnan(then))
        return centres

    def begin_frame(self, warp: Array | None) -> None:
        """Move all tracks one frame ahead, and with the camera by the (2, 3) matrix ``warp``."""
        kalman = self.kalman
        shrinks_away = kalman.positions[:, 2] + kalman.velocities[:, 2] <= 0
        kalman.velocities[shrinks_away, 2] = 0.0
        kalman.predict()
        if warp is None or np.array_equal(warp, no_motion()):
            return
        kalman.warp(warp)
        self.frozen.warp(warp)
        self.estimates = warp_boxes(self.estimates, warp)
        self.centres = warp_points(self.centres, warp)
        self.directions = self.directions @ warp[:, :2].T / max(warp_scale(warp), _TINY)

    def end_frame(self, frame: int) -> None:
        """Freeze the filters that have just lost their object, and let the observations grow a frame older."""
        lost = (self.seen == frame - 1).nonzero()[0]
        self.frozen.data[lost] = self.kalman.data[lost]
        self.centres[:, 1:] = self.centres[:, :-1].copy()
        self.centres[:, 0] = np.where((self.seen == frame)[:, None], _centres(self.estimates), np.nan)

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Forget the rows where the (N,) ``mask`` is False."""
        if mask.all():
            return
        super().keep(mask)
        self.frozen.keep(mask)
        self.centres = self.centres[mask]
        self.directions = self.directions[mask]


def _centres(boxes: Array) -> Array:
    centres: Array = (boxes[:, :2] + boxes[:, 2:]) * 0.5
    return centres


def _directions(origins: Array, targets: Array) -> Array:
    """Unit vectors, (…, 2), from origins to targets of that shape."""
    steps = targets - origins
    lengths = np.sqrt(np.square(steps).sum(axis=-1, keepdims=True))
    directions: Array = steps / (lengths + _TINY)
    return directions


class _Stage:
    """One frame on its way through the stages.

    Attributes:
        free: rows of the tracks that have no detection yet.
        taken_by: (M,) 1 + the row of the track that has the detection, 0 for none.
    """

    def __init__(self, detections: Detections, free: Rows) -> None:
        self.detections, self.free = detections, free
        self.taken_by = np.zeros(len(detections), np.intp)

    def left_over(self, columns: Rows) -> Rows:
        """Those of the detections ``columns`` that nobody has."""
        left: Rows = columns[self.taken_by[columns] == 0]
        return left


class ObservationTracker(TableTracker):
    """OC-SORT with the parameters of :class:`ObservationParameters`; camera motion is the ``warp`` of ``update``."""

    parameter_class = ObservationParameters
    motion: MotionModel = XysrMotion()
    table: ObservationTable

    def _clear(self) -> None:
        self.table = ObservationTable(self.motion, self.parameters.delta_t)

    def _step(self, detections: Detections, frame: NDArray[np.uint8] | None, warp: Array | None) -> Tracks:
        self._forget_stalled()
        table, parameters = self.table, self.parameters
        table.detections[:] = -1
        table.begin_frame(warp)
        stage = _Stage(detections, np.arange(len(table)))
        high = (detections.scores >= parameters.track_threshold).nonzero()[0]
        predicted = table.kalman.boxes()
        self._match(stage, predicted, high, parameters.iou_threshold, momentum=True)
        if parameters.byte:
            weak = (detections.scores >= parameters.low_threshold) & (detections.scores < parameters.track_threshold)
            self._match(stage, predicted, weak.nonzero()[0], parameters.byte_iou_threshold)
        self._match(stage, table.estimates, stage.left_over(high), parameters.iou_threshold)
        taken = stage.taken_by.nonzero()[0]
        table.hit(stage.taken_by[taken] - 1, detections, taken, frame=self.frame, time=self.time)
        return self._end(detections, stage.free, stage.left_over(high))

    def _end(self, detections: Detections, missed: Rows, left_over: Rows) -> Tracks:
        """Deaths, births and what is reported, as in SORT."""
        table, parameters = self.table, self.parameters
        table.states[missed] = LOST
        table.streaks[missed] = 0
        table.keep(self._within_buffer())
        table.birth(detections, left_over, state=TRACKED, frame=self.frame, time=self.time)
        table.end_frame(self.frame)
        shown = table.states == TRACKED
        if self.frame > parameters.min_hits:
            shown &= table.streaks >= parameters.min_hits
        return table.report(shown.nonzero()[0], self.frame)

    def _match(self, stage: _Stage, boxes: Array, columns: Rows, gate: float, *, momentum: bool = False) -> None:
        """Match free tracks, at ``boxes`` (N, 4), with detections that they overlap by more than ``gate``.

        The total value is the greatest possible: of the overlaps, or with ``momentum`` of both together.
        """
        rows, detections = stage.free, stage.detections
        at_row, at_column, values = self._overlap_pairs(
            (boxes, self.table.class_ids, rows), (detections.boxes, detections.class_ids, columns), above=gate
        )
        if momentum:
            values = values + self._momentum(detections, rows[at_row], columns[at_column])
        at_row, at_column = assign_pairs(at_row, at_column, -values, 0.0, (len(rows), len(columns)))
        stage.taken_by[columns[at_column]] = rows[at_row] + 1
        stage.free = np.delete(rows, at_row)

    def _momentum(self, detections: Detections, rows: Rows, columns: Rows) -> Array:
        """How well the detections ``columns`` (K,) lie ahead of the tracks ``rows`` (K,), (K,) (OCM).

        From +1/2, straight ahead, to -1/2, times score and weight.
        """
        table = self.table
        towards = _directions(table.previous_centres()[rows], _centres(detections.boxes[columns]))
        cosines = np.clip((towards * table.directions[rows]).sum(axis=1), -1.0, 1.0)
        weight: float = self.parameters.inertia
        momentum: Array = (0.5 - np.arccos(cosines) / np.pi) * detections.scores[columns] * weight
        return momentum
