"""BYTE: associate every detection box, the low-score ones in a second stage (Zhang et al., ECCV 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanomot.assignment import Pairs, assign, assign_pairs
from nanomot.boxes import OverlapPairs
from nanomot.detections import Detections, Tracks
from nanomot.duplicates import younger_twins
from nanomot.kalman import MotionModel, XyahMotion
from nanomot.trackers.base import Array, TableTracker
from nanomot.trackers.parameters import Fraction, Frames
from nanomot.tracks import LOST, TENTATIVE, TRACKED, Rows


@dataclass(frozen=True)
class StageParameters:
    """What all methods with BYTE's stages have in common."""

    track_threshold: Fraction
    """Detections from this score on are high-score ones and enter the first stage."""
    low_threshold: Fraction
    """Detections below this score are ignored."""
    match_threshold: Fraction
    """Gate of the first stage: pairs whose cost (1 - IoU x score) reaches it are not matched."""
    second_match_threshold: Fraction
    """Gate of the second stage, whose cost is 1 - IoU."""
    confirm_match_threshold: Fraction
    """Gate between tentative tracks and what the first stage left over."""
    track_buffer: Frames
    """How long a lost track is remembered, in frames of 1/30 second."""
    fuse_score: bool
    """Multiply the IoU with the detection's score in the first stage and in confirming."""
    inclusive_pixels: bool
    """Count pixels as the published programs do: a box is x2 - x1 + 1 wide."""
    per_class: bool
    """Never match across classes."""


@dataclass(frozen=True)
class ByteParameters(StageParameters):
    """Parameters of BYTE."""

    birth_threshold: Fraction
    """A left-over detection starts a track from this score on."""
    duplicate_iou: Fraction
    """Of a tracked and a lost track that overlap by more, the younger is removed."""
    match_predicted: bool
    """Compare detections with predicted boxes; False: with boxes of the latest detections, as ByteTrack-cpp does."""


class Frame:
    """One frame on its way through the stages: what is still free and what has been matched."""

    def __init__(self, detections: Detections, track_boxes: Array) -> None:
        self.detections = detections
        self.track_boxes = track_boxes
        self.free_tracks = np.ones(len(track_boxes), bool)
        self.free_detections = np.ones(len(detections), bool)
        self.matched_tracks = np.full(len(detections), -1, np.intp)
        self.overlaps: OverlapPairs | None = None
        """Tracks and detections that overlap, once a stage has listed them."""

    def match(self, rows: Rows, columns: Rows) -> None:
        """Give the tracks ``rows`` the detections ``columns``."""
        self.free_tracks[rows] = False
        self.free_detections[columns] = False
        self.matched_tracks[columns] = rows

    def between(self, rows: Rows, columns: Rows, pair_rows: Rows, pair_columns: Rows) -> Rows:
        """Which of the pairs join one of the tracks ``rows`` with one of the detections ``columns``."""
        in_rows, in_columns = np.zeros(len(self.track_boxes), bool), np.zeros(len(self.detections), bool)
        in_rows[rows] = True
        in_columns[columns] = True
        joining: Rows = (in_rows[pair_rows] & in_columns[pair_columns]).nonzero()[0]
        return joining

    def pairs(self) -> Pairs:
        """All matches so far: track rows and detection rows."""
        columns = (self.matched_tracks >= 0).nonzero()[0]
        return self.matched_tracks[columns], columns


class StagedTracker(TableTracker):
    """BYTE's stages, with the steps that SparseTrack and NanoTrack do in another way as methods of their own."""

    motion: MotionModel = XyahMotion()

    def _clear(self) -> None:
        super()._clear()
        self.inclusive_pixels = self.parameters.inclusive_pixels

    def _step(self, detections: Detections, frame: NDArray[np.uint8] | None, warp: Array | None) -> Tracks:
        table = self.table
        self._predict(warp)
        stage = Frame(detections, self._track_boxes())
        high, low = self._split(detections)
        self._match(stage, table.rows_not_in(TENTATIVE), high, "first")
        tracked = table.rows_in(TRACKED)
        self._match(stage, tracked[stage.free_tracks[tracked]], self._second_stage(stage, high, low), "second")
        candidates = self._candidates(stage, high, low)
        tentative = table.rows_in(TENTATIVE)
        self._match(stage, tentative, candidates, "confirm")
        rows, columns = stage.pairs()
        table.hit(rows, detections, columns, frame=self.frame, time=self.time)
        newly_lost = tracked[stage.free_tracks[tracked]]
        table.states[newly_lost] = LOST
        table.streaks[newly_lost] = 0
        births = self._births(stage, candidates[stage.free_detections[candidates]])
        dead = np.zeros(len(table), bool)
        dead[tentative] = stage.free_tracks[tentative]
        table.keep(self._within_buffer() & ~dead)
        state = TRACKED if self.frame == 1 else TENTATIVE
        table.birth(detections, births, state=state, frame=self.frame, time=self.time)
        self._remove_twins()
        return table.report(table.rows_in(TRACKED), self.frame)

    def _predict(self, warp: Array | None) -> None:
        """Move confirmed tracks ahead; BYTE leaves tentative ones where they were born."""
        self._forget_stalled()
        table = self.table
        table.detections[:] = -1
        table.kalman.rest_sizes(table.rows_in(LOST))
        confirmed = table.rows_not_in(TENTATIVE)
        table.kalman.predict(confirmed if len(confirmed) < len(table) else slice(None))
        if warp is not None:
            table.kalman.warp(warp)

    def _track_boxes(self) -> Array:
        """Boxes of all tracks that detections are compared with, (N, 4)."""
        return self.table.kalman.boxes()

    def _split(self, detections: Detections) -> tuple[Rows, Rows]:
        """Rows of high-score and of low-score detections."""
        high = detections.scores >= self.parameters.track_threshold
        low = (detections.scores >= self.parameters.low_threshold) & ~high
        return high.nonzero()[0], low.nonzero()[0]

    def _second_stage(self, stage: Frame, high: Rows, low: Rows) -> Rows:
        """Detections that the second stage offers to tracks without one."""
        return low

    def _candidates(self, stage: Frame, high: Rows, low: Rows) -> Rows:
        """Left-over detections that may confirm a tentative track or start one."""
        return high[stage.free_detections[high]]

    def _match(self, stage: Frame, rows: Rows, columns: Rows, name: str) -> None:
        """Match tracks ``rows`` with detections ``columns`` by the costs and the gate of the stage ``name``."""
        if len(rows) and len(columns):
            stage.match(*self._associate(stage, rows, columns, name))

    def _associate(self, stage: Frame, rows: Rows, columns: Rows, name: str) -> Pairs:
        """The tracks and detections to match, from the costs of all pairs; :meth:`_solve` decides."""
        detections = stage.detections
        cost = self._overlaps(
            stage.track_boxes[rows],
            self.table.class_ids[rows],
            detections.boxes[columns],
            detections.class_ids[columns],
        )
        if self._fuses_score(name):
            cost *= detections.scores[columns]
        np.subtract(1.0, cost, out=cost)
        at_row, at_column = self._solve(stage, rows, columns, cost, self._gate(name), name)
        return rows[at_row], columns[at_column]

    def _associate_overlapping(self, stage: Frame, rows: Rows, columns: Rows, name: str) -> Pairs:
        """The same for a stage that is one assignment: no gate exceeds 1, so boxes must overlap to be matched."""
        detections, table = stage.detections, self.table
        if stage.overlaps is None:
            # Listed once for all stages: what costs is the number of calls, not that of boxes.
            offered = (detections.scores >= self.parameters.low_threshold).nonzero()[0]
            at_row, at_column, overlaps = self._overlap_pairs(
                (stage.track_boxes, table.class_ids, np.arange(len(table))),
                (detections.boxes, detections.class_ids, offered),
            )
            stage.overlaps = at_row, offered[at_column], overlaps
        every_row, every_column, every_overlap = stage.overlaps
        here = stage.between(rows, columns, every_row, every_column)
        rows, columns, costs = every_row[here], every_column[here], every_overlap[here]
        if self._fuses_score(name):
            costs *= detections.scores[columns]
        np.subtract(1.0, costs, out=costs)
        return assign_pairs(rows, columns, costs, self._gate(name), (len(table), len(detections)))

    def _fuses_score(self, name: str) -> bool:
        fuses: bool = self.parameters.fuse_score and name != "second"
        return fuses

    def _gate(self, name: str) -> float:
        """Pairs of the stage ``name`` that cost this much are not matched."""
        parameters = self.parameters
        gate: float = {
            "first": parameters.match_threshold,
            "second": parameters.second_match_threshold,
            "confirm": parameters.confirm_match_threshold,
        }[name]
        return gate

    def _solve(self, stage: Frame, rows: Rows, columns: Rows, cost: Array, gate: float, name: str) -> Pairs:
        """Pairs as positions in ``rows`` and ``columns``."""
        return assign(cost, gate)

    def _births(self, stage: Frame, candidates: Rows) -> Rows:
        """Which of the left-over candidates start a track; tracks and their states are already this frame's."""
        threshold: float = self.parameters.birth_threshold
        return candidates[stage.detections.scores[candidates] >= threshold]

    def _remove_twins(self) -> None:
        """Drop one of two tracks on one target; methods without this step do nothing."""


class ByteTracker(StagedTracker):
    """BYTE with the parameters of :class:`ByteParameters`."""

    parameter_class = ByteParameters

    def _track_boxes(self) -> Array:
        return super()._track_boxes() if self.parameters.match_predicted else self.table.estimates

    def _associate(self, stage: Frame, rows: Rows, columns: Rows, name: str) -> Pairs:
        return self._associate_overlapping(stage, rows, columns, name)

    def _remove_twins(self) -> None:
        table = self.table
        lost = table.rows_in(LOST)
        if len(lost) == 0:
            return
        others = table.rows_not_in(LOST)
        boxes, ages = self._track_boxes(), table.seen - table.born
        pairs = self._overlap_pairs(
            (boxes, table.class_ids, others), (boxes, table.class_ids, lost), above=self.parameters.duplicate_iou
        )
        twin_rows, twin_columns = younger_twins(pairs, ages[others], ages[lost])
        if len(twin_rows) == len(twin_columns) == 0:
            return
        keep = np.ones(len(table), bool)
        keep[others[twin_rows]] = False
        keep[lost[twin_columns]] = False
        table.keep(keep)
