"""NanoTrack for light detectors: low-score boxes continue tracks, births are checked, occlusion explains misses.

The method's three ideas, each in the form in which it pays on a light detector's boxes: recycled low-score boxes (RHD)
continue confirmed tracks, duplicate checks (DTC) guard births, and pseudo-depth tells which misses an occlusion
explains. Around them: part boxes are suppressed, the filter knows how noisy light boxes are, boxes are compared by a
similarity that forgives jumps, and a track lives by the evidence for it rather than by a number of frames.

All durations are in ticks of 1/30 second, so that one set of parameters serves every frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from nanomot.assignment import assign_pairs
from nanomot.boxes import box_areas
from nanomot.camera_shift import common_shift, mutual_best
from nanomot.detections import Detections, Tracks
from nanomot.existence import Existence, stand_behind
from nanomot.kalman import LightMotion
from nanomot.similarity import GrownOverlap
from nanomot.suppression import suppress
from nanomot.sweep import meeting_pairs, shares_within
from nanomot.trackers.base import BUFFER_RATE, Array, TableTracker
from nanomot.trackers.parameters import Fraction, Range, Search
from nanomot.tracks import LOST, TENTATIVE, TRACKED, Rows, TrackTable

_TOLERANCE = 0.03
"""Ticks; times are rounded to milliseconds."""

_STILL = 0.5, 0.01
"""Pixels, and heights of the boxes: a camera that seems to move by less than either stands still."""
_SHIFT_SIMILARITIES = (0.25, 0.45)
"""What pairs that show the camera's shift must exceed, before and after the first correction."""
Pairs = tuple[Rows, Rows, Array]

Factor = Annotated[float, Range(0.0, 100.0)]
Evidence = Annotated[float, Range(-100.0, 100.0)]
Ticks = Annotated[float, Range(0.0, 1e6), Search(1.0, 120.0, log=True)]
Deviation = Annotated[float, Range(0.0, 100.0), Search(0.002, 0.5, log=True)]


@dataclass(frozen=True)
class NanoParameters:
    """Parameters of NanoTrack; the YAML file says what each is."""

    track_threshold: Fraction
    low_threshold: Fraction
    birth_threshold: Fraction
    evidence_zero: Fraction
    nms_iou: Fraction
    rhd: bool
    dtc: bool
    occlusion: bool
    existence: bool
    camera_shift: bool
    match_similarity: Fraction
    low_match_similarity: Fraction
    confirm_similarity: Fraction
    score_power: Annotated[float, Range(0.0, 10.0)]
    low_match_ticks: Ticks
    grow: Annotated[float, Range(0.0, 10.0), Search(0.0, 0.6)]
    grow_per_tick: Annotated[float, Range(0.0, 1.0), Search(0.0, 0.1)]
    grow_ticks: Ticks
    height_power: Annotated[float, Range(0.0, 10.0)]
    process_position: Deviation
    process_velocity: Deviation
    initial_position: Deviation
    initial_velocity: Deviation
    velocity_leak: Annotated[float, Range(0.0, 1.0), Search(0.001, 0.1, log=True)]
    centre_noise: Deviation
    centre_noise_by_score: Factor
    size_noise: Annotated[float, Range(0.01, 100.0), Search(0.5, 10.0, log=True)]
    evidence_gain: Annotated[float, Range(0.0, 1000.0), Search(5.0, 50.0, log=True)]
    evidence_least_gain: Evidence
    evidence_leak: Annotated[float, Range(0.0, 1.0), Search(0.01, 0.2, log=True)]
    evidence_highest: Evidence
    evidence_lowest: Evidence
    miss_loss: Annotated[float, Range(0.0, 100.0), Search(0.5, 8.0, log=True)]
    hidden_loss: Annotated[float, Range(0.0, 100.0), Search(0.02, 2.0, log=True)]
    hidden_fraction: Fraction
    confirm_evidence: Evidence
    report_evidence: Evidence
    coast_evidence: Evidence
    coast_ticks: Ticks
    coast_border: Annotated[float, Range(0.0, 10.0)]
    tentative_misses: Annotated[int, Range(1, 1000), Search(1, 5)]
    tentative_evidence: Evidence
    track_buffer: Ticks
    young_buffer: Ticks
    birth_iou: Fraction
    birth_inside: Fraction
    birth_ticks: Ticks
    raw_share: Fraction
    shift_threshold: Fraction
    per_class: bool


class NanoTracker(TableTracker):
    """NanoTrack with the parameters of :class:`NanoParameters`."""

    parameter_class = NanoParameters
    parameters: NanoParameters

    def _clear(self) -> None:
        p = self.parameters
        motion = LightMotion(
            process=(p.process_position, p.process_velocity),
            initial=(p.initial_position, p.initial_velocity),
            centre=p.centre_noise,
            centre_by_score=p.centre_noise_by_score,
            size=p.size_noise,
        )
        self.table = TrackTable(motion, raw_share=p.raw_share)
        self._similarity = GrownOverlap(p.grow, p.grow_per_tick, p.grow_ticks, p.height_power)
        self._existence = Existence(
            p.evidence_zero, p.evidence_gain, p.evidence_least_gain, 1.0 - p.evidence_leak,
            p.evidence_highest, p.evidence_lowest, p.miss_loss, p.hidden_loss,
        )  # fmt: skip
        self._least = min(p.match_similarity, p.low_match_similarity, p.confirm_similarity)
        self._width = 0.0

    def _step(self, detections: Detections, frame: NDArray[np.uint8] | None, warp: Array | None) -> Tracks:
        table, parameters = self.table, self.parameters
        self._forget_stalled()
        detections = self._without_parts(detections)
        missed = (self.time - table.seen_times) * BUFFER_RATE
        ticks = self.elapsed * BUFFER_RATE
        self._predict(warp, ticks)
        if len(table) and len(detections):
            self._associate(detections, missed - ticks, still=warp is not None or not parameters.camera_shift)
        hits = (table.detections >= 0).nonzero()[0]
        columns = table.detections[hits]
        self._hit(hits, detections, columns)
        boxes = table.kalman.boxes()
        self._miss((table.detections < 0).nonzero()[0], hits, boxes, ticks)
        births = self._births(detections, columns, boxes)
        alive = self._alive()
        if not alive.all():
            table.keep(alive)
        self._birth(detections, births)
        return self._report(frame)

    def _without_parts(self, detections: Detections) -> Detections:
        """The frame's boxes from ``low_threshold`` on, less those that a better box covers."""
        parameters = self.parameters
        boxes = detections.boxes
        if len(boxes):
            self._width = max(self._width, float(boxes[:, 2].max()))
        scores, class_ids = detections.scores, detections.class_ids
        usable = scores >= parameters.low_threshold
        self._kept = usable.nonzero()[0]
        if len(self._kept) < len(boxes):
            boxes, scores, class_ids = boxes[usable], scores[usable], class_ids[usable]
        rows = suppress(boxes, scores, class_ids, parameters.nms_iou)
        self._kept = self._kept[rows]
        return Detections.trusted(boxes[rows], scores[rows], class_ids[rows])

    def _predict(self, warp: Array | None, ticks: float) -> None:
        """Move all tracks ahead, and with the camera where its motion is known."""
        table, parameters = self.table, self.parameters
        table.detections[:] = -1
        if len(table) == 0:
            return
        unseen = table.seen < self.frame - 1
        if unseen.any():
            table.kalman.slow_down(unseen, (1.0 - parameters.velocity_leak) ** ticks)
        table.kalman.predict(steps=ticks)
        sizes = table.kalman.positions[:, 2:]
        np.maximum(sizes, 1.0, out=sizes)
        if warp is not None:
            table.kalman.warp(warp)

    def _similar_pairs(self, detections: Detections, missed: Array, still: bool) -> Pairs:
        """Tracks, boxes and similarities; unless ``still``, tracks move with the shift that pairs have in common."""
        table = self.table
        predicted = table.kalman.boxes()
        pairs = self._similarity.pairs(predicted, missed, detections.boxes, above=self._least)
        if still:
            return pairs
        landmark = (table.seen == self.frame - 1) & (table.states != TENTATIVE)
        sure = detections.scores >= self.parameters.shift_threshold
        for least in _SHIFT_SIMILARITIES:
            chosen = (landmark[pairs[0]] & sure[pairs[1]] & (pairs[2] > least)).nonzero()[0]
            rows, columns, similarity = (part[chosen] for part in pairs)
            best = mutual_best(rows, columns, similarity, (len(table), len(detections)))
            shift = common_shift(predicted[rows[best]], detections.boxes[columns[best]])
            if np.abs(shift).max() < max(_STILL[0], _STILL[1] * self._height(predicted[rows[best]])):
                break
            table.kalman.positions[:, :2] += shift
            predicted += np.concatenate((shift, shift))
            pairs = self._similarity.pairs(predicted, missed, detections.boxes, above=self._least)
        return pairs

    @staticmethod
    def _height(boxes: Array) -> float:
        return float((boxes[:, 3] - boxes[:, 1]).mean()) if len(boxes) else 0.0

    def _associate(self, detections: Detections, missed: Array, still: bool) -> None:
        """Three stages; ``table.detections`` tells who got what."""
        table, parameters = self.table, self.parameters
        rows, columns, similarity = self._similar_pairs(detections, missed, still)
        if parameters.per_class:
            same = (table.class_ids[rows] == detections.class_ids[columns]).nonzero()[0]
            rows, columns, similarity = rows[same], columns[same], similarity[same]
        scores = detections.scores[columns]
        weighed = similarity * (detections.scores**parameters.score_power)[columns]
        high, confirmed = scores >= parameters.track_threshold, (table.states != TENTATIVE)[rows]
        shape = len(table), len(detections)
        free_rows, free_columns = np.ones(shape[0], bool), np.ones(shape[1], bool)

        def match(pairs: NDArray[np.bool_], values: Array, least: float) -> None:
            chosen = (pairs & (values > least)).nonzero()[0]
            if len(chosen) == 0:
                return
            at_row, at_column = assign_pairs(rows[chosen], columns[chosen], -values[chosen], -least, shape)
            table.detections[at_row] = at_column
            free_rows[at_row] = False
            free_columns[at_column] = False

        match(high & confirmed, weighed, parameters.match_similarity)
        if parameters.rhd:
            recent = missed <= parameters.low_match_ticks + _TOLERANCE
            match(~high & confirmed & (free_rows & recent)[rows], similarity, parameters.low_match_similarity)
        match(~confirmed & free_columns[columns], weighed, parameters.confirm_similarity)

    def _hit(self, rows: Rows, detections: Detections, columns: Rows) -> None:
        """Correct the tracks that got a box; those of enough evidence are confirmed."""
        table, parameters = self.table, self.parameters
        if len(rows) == 0:
            return
        tentative = table.states[rows] == TENTATIVE
        table.hit(rows, detections, columns, frame=self.frame, time=self.time)
        evidence = np.full(len(rows), parameters.evidence_highest)
        if parameters.existence:
            evidence = self._existence.after_hit(table.evidence[rows], detections.scores[columns])
        table.evidence[rows] = evidence
        table.states[rows[tentative & (evidence < parameters.confirm_evidence)]] = TENTATIVE

    def _miss(self, rows: Rows, hits: Rows, boxes: Array, ticks: float) -> None:
        """Take evidence from the tracks without a box, less from those that stand behind somebody who has one.

        ``boxes`` are the filters' of all tracks, (N, 4).
        """
        table, parameters = self.table, self.parameters
        if len(rows) == 0:
            return
        confirmed = rows[table.states[rows] != TENTATIVE]
        table.states[confirmed] = LOST
        table.streaks[rows] = 0
        table.estimates[rows] = boxes[rows]
        if not parameters.existence:
            return
        rows = rows[table.evidence[rows] > parameters.evidence_lowest]
        hidden = np.zeros(len(rows), bool)
        if parameters.occlusion:
            hidden = stand_behind(boxes[rows], boxes[hits], parameters.hidden_fraction)
        table.evidence[rows] = self._existence.after_miss(table.evidence[rows], hidden, ticks)

    def _alive(self) -> NDArray[np.bool_]:
        """Who is remembered: confirmed tracks for a time, tentative ones while they are found again."""
        table, parameters = self.table, self.parameters
        tentative = self.frame - table.seen < parameters.tentative_misses
        tentative &= table.evidence >= parameters.tentative_evidence
        # Who was seen for a moment only is not worth remembering for long.
        lifetime = (table.seen - table.born) * self.elapsed
        young = self.time - table.seen_times <= lifetime + (parameters.young_buffer + _TOLERANCE) / BUFFER_RATE
        return np.where(table.states == TENTATIVE, tentative, self._within_buffer() & young)

    def _births(self, detections: Detections, matched: Rows, boxes: Array) -> Rows:
        """Boxes that start a track: sure ones, not taken, and not a duplicate of a track (DTC), whose are ``boxes``."""
        table, parameters = self.table, self.parameters
        sure = detections.scores >= parameters.birth_threshold
        sure[matched] = False
        births = sure.nonzero()[0]
        if not parameters.dtc or len(births) == 0 or len(table) == 0:
            return births
        born = detections.boxes[births]
        rows, others = meeting_pairs(born, boxes)
        if parameters.per_class:
            same = (detections.class_ids[births][rows] == table.class_ids[others]).nonzero()[0]
            rows, others = rows[same], others[same]
        inside, outside = born[rows], boxes[others]
        share, area = shares_within(inside, outside), box_areas(inside)
        overlaps = share * area / (area + box_areas(outside) - share * area)
        recent = self._seen_since(parameters.birth_ticks / BUFFER_RATE)[others]
        seen = table.detections[others] >= 0
        twin = (recent & (overlaps > parameters.birth_iou)) | (seen & (share > parameters.birth_inside))
        duplicate = np.zeros(len(births), bool)
        duplicate[rows[twin]] = True
        return births[~duplicate]

    def _birth(self, detections: Detections, births: Rows) -> None:
        if len(births) == 0:
            return
        table, parameters = self.table, self.parameters
        table.birth(detections, births, state=TENTATIVE, frame=self.frame, time=self.time)
        evidence = np.full(len(births), parameters.evidence_highest)
        if parameters.existence:
            evidence = self._existence.of_boxes(detections.scores[births])
        table.evidence[-len(births) :] = evidence
        table.states[-len(births) :] = np.where(evidence >= parameters.confirm_evidence, TRACKED, TENTATIVE)

    def _report(self, frame: NDArray[np.uint8] | None) -> Tracks:
        """Tracks with a box and enough evidence, and those that surely go on without one, inside the picture."""
        table, parameters = self.table, self.parameters
        detected = (table.states == TRACKED) & (table.evidence >= parameters.report_evidence)
        coasting = (table.states == LOST) & (table.evidence >= parameters.coast_evidence)
        coasting &= self._seen_since(parameters.coast_ticks / BUFFER_RATE)
        rows = (detected | coasting).nonzero()[0]
        boxes = table.estimates[rows]
        border = parameters.coast_border * (boxes[:, 2] - boxes[:, 0])
        width = self._width if frame is None else frame.shape[1]
        inside = (boxes[:, 0] >= -border) & (boxes[:, 2] <= width + border)
        tracks = table.report(rows[detected[rows] | inside], self.frame)
        supported = tracks.detection_indices >= 0
        tracks.detection_indices[supported] = self._kept[tracks.detection_indices[supported]]
        return tracks
