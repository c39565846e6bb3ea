"""The state of all tracks as columns, and their life cycle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Detections, Source, Tracks
from nanomot.kalman import KalmanBank, MotionModel

Rows = NDArray[np.intp]

TENTATIVE, TRACKED, LOST = range(3)
"""Where a track stands in its life.

Tentative: born, not yet confirmed by a second detection, not reported. Tracked: confirmed and supported by a detection
of the last frame. Lost: confirmed, without a detection since, remembered until its time runs out. Plain integers,
because they are compared with whole columns in every frame.
"""

_DETECTED = int(Source.DETECTED)

_ID, _STATE, _CLASS, _BORN, _SEEN, _STREAK, _DETECTION = range(7)
_SCORE, _SEEN_TIME, _EVIDENCE = range(3)
_FLOATS = 3
_PREDICTED = int(Source.PREDICTED)


class TrackTable:
    """Tracks as equally long columns; row i of every column is one track.

    Columns of one type lie in one array, so that births and deaths touch few arrays; the attributes are views.

    Attributes:
        kalman: the filters.
        estimates: (N, 4) float64, the filter's ``xyxy`` box at the latest detection.
        ids: (N,) from 1 in the order in which tracks are first reported, never given twice; 0 before that.
        states: (N,) ``TENTATIVE``, ``TRACKED`` or ``LOST``.
        scores, class_ids: (N,) of the latest detection: classes follow the detections.
        born, seen: (N,) frame of birth and of the latest detection.
        seen_times: (N,) seconds of the latest detection.
        streaks: (N,) frames in a row whose detection continued the track; the birth does not count.
        detections: (N,) the row of the current frame's detections, -1 for none.
        evidence: (N,) how sure the track is, for methods that keep account of it; 0 at birth.
    """

    def __init__(self, model: MotionModel, *, raw_share: float = 0.0) -> None:
        """Estimates are the filter's boxes, but for the part ``raw_share``, which is the detection's."""
        self.kalman = KalmanBank(model)
        self.raw_share = raw_share
        self.estimates: NDArray[np.float64] = np.empty((0, 4))
        self.next_id = 1
        self._set(np.empty((7, 0), np.int64), np.empty((_FLOATS, 0)))

    def __len__(self) -> int:
        return len(self.estimates)

    def _set(self, integers: NDArray[np.int64], floats: NDArray[np.float64]) -> None:
        """Replace the columns and the views of them."""
        self._integers, self._floats = integers, floats
        self.ids: NDArray[np.int64] = integers[_ID]
        self.states: NDArray[np.int64] = integers[_STATE]
        self.class_ids: NDArray[np.int64] = integers[_CLASS]
        self.born: NDArray[np.int64] = integers[_BORN]
        self.seen: NDArray[np.int64] = integers[_SEEN]
        self.streaks: NDArray[np.int64] = integers[_STREAK]
        self.detections: NDArray[np.int64] = integers[_DETECTION]
        self.scores: NDArray[np.float64] = floats[_SCORE]
        self.seen_times: NDArray[np.float64] = floats[_SEEN_TIME]
        self.evidence: NDArray[np.float64] = floats[_EVIDENCE]

    def rows_in(self, state: int) -> Rows:
        """Rows whose state is ``state``."""
        rows: Rows = (self.states == state).nonzero()[0]
        return rows

    def rows_not_in(self, state: int) -> Rows:
        """Rows whose state is not ``state``."""
        rows: Rows = (self.states != state).nonzero()[0]
        return rows

    def birth(self, detections: Detections, rows: Rows, *, state: int, frame: int, time: float) -> None:
        """Start a track for each of the given rows of the frame's detections."""
        count = len(rows)
        if count == 0:
            return
        boxes = detections.boxes[rows]
        self.kalman.append(boxes)
        self.estimates = np.concatenate((self.estimates, boxes))
        integers = np.empty((7, count), np.int64)
        integers[:] = np.array((0, state, 0, frame, frame, 0, 0))[:, None]
        integers[_CLASS], integers[_DETECTION] = detections.class_ids[rows], rows
        floats = np.zeros((_FLOATS, count))
        floats[_SCORE], floats[_SEEN_TIME] = detections.scores[rows], time
        self._set(np.concatenate((self._integers, integers), axis=1), np.concatenate((self._floats, floats), axis=1))

    def hit(self, rows: Rows, detections: Detections, detection_rows: Rows, *, frame: int, time: float) -> None:
        """Give each of ``rows`` its detection: the filter is corrected and the track confirmed."""
        if len(rows) == 0:
            return
        boxes, scores = detections.boxes[detection_rows], detections.scores[detection_rows]
        self.kalman.update(rows, boxes, scores)
        estimates = self.kalman.boxes(rows)
        if self.raw_share:
            estimates += self.raw_share * (boxes - estimates)
        self.estimates[rows] = estimates
        self.states[rows] = TRACKED
        self.class_ids[rows] = detections.class_ids[detection_rows]
        self.seen[rows] = frame
        self.streaks[rows] += 1
        self.detections[rows] = detection_rows
        self.scores[rows] = scores
        self.seen_times[rows] = time

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Forget the rows where the (N,) ``mask`` is False."""
        if mask.all():
            return
        self.kalman.keep(mask)
        self.estimates = self.estimates[mask]
        self._set(self._integers[:, mask], self._floats[:, mask])

    def report(self, rows: Rows, frame: int) -> Tracks:
        """The tracks of ``rows`` as users get them, each with its latest estimate; new ones get their ids."""
        integers = self._integers[:, rows]
        ids = integers[_ID]
        unnamed = (ids == 0).nonzero()[0]
        if len(unnamed):
            ids[unnamed] = np.arange(self.next_id, self.next_id + len(unnamed))
            self.ids[rows] = ids
            self.next_id += len(unnamed)
        return Tracks(
            boxes=self.estimates[rows],
            ids=ids,
            scores=self.scores[rows],
            class_ids=integers[_CLASS],
            detection_indices=integers[_DETECTION],
            sources=np.where(integers[_DETECTION] < 0, _PREDICTED, _DETECTED).astype(np.int8),
            ages=frame - integers[_BORN],
        )
