"""The state of all tracks as columns, and their life cycle."""

from __future__ import annotations

from typing import Any

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

_DETECTED, _PREDICTED = int(Source.DETECTED), int(Source.PREDICTED)


class TrackTable:
    """Tracks as equally long columns; row i of every column is one track.

    Attributes:
        kalman: the filters.
        ids: (N,) int64, from 1 in the order in which tracks are first reported, never given twice; 0 before that.
        states: (N,) int8, ``TENTATIVE``, ``TRACKED`` or ``LOST``.
        scores, class_ids: (N,) of the latest detection: classes follow the detections.
        estimates: (N, 4) float64, the filter's ``xyxy`` box at the latest detection.
        born, seen: (N,) int64 frame of birth and of the latest detection.
        seen_times: (N,) seconds of the latest detection.
        streaks: (N,) int64, frames in a row with a detection.
        detections: (N,) int64, the row of the current frame's detections, -1 for none.
    """

    _columns = (
        "ids",
        "states",
        "scores",
        "class_ids",
        "estimates",
        "born",
        "seen",
        "seen_times",
        "streaks",
        "detections",
    )

    def __init__(self, model: MotionModel) -> None:
        self.kalman = KalmanBank(model)
        self.next_id = 1
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)
        self.states: NDArray[np.int8] = np.empty(0, np.int8)
        self.scores: NDArray[np.float64] = np.empty(0)
        self.class_ids: NDArray[np.int64] = np.empty(0, np.int64)
        self.estimates: NDArray[np.float64] = np.empty((0, 4))
        self.born: NDArray[np.int64] = np.empty(0, np.int64)
        self.seen: NDArray[np.int64] = np.empty(0, np.int64)
        self.seen_times: NDArray[np.float64] = np.empty(0)
        self.streaks: NDArray[np.int64] = np.empty(0, np.int64)
        self.detections: NDArray[np.int64] = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def rows_in(self, *states: int) -> Rows:
        """Rows whose state is one of ``states``."""
        mask = self.states == states[0]
        for state in states[1:]:
            mask |= self.states == state
        rows: Rows = mask.nonzero()[0]
        return rows

    def birth(self, detections: Detections, rows: Rows, *, state: int, frame: int, time: float) -> None:
        """Start a track for each of the given rows of the frame's detections."""
        count = len(rows)
        if count == 0:
            return
        self.kalman.append(detections.boxes[rows])
        fresh: dict[str, NDArray[Any]] = {
            "ids": np.zeros(count, np.int64),
            "states": np.full(count, state, np.int8),
            "scores": detections.scores[rows],
            "class_ids": detections.class_ids[rows],
            "estimates": detections.boxes[rows],
            "born": np.full(count, frame),
            "seen": np.full(count, frame),
            "seen_times": np.full(count, time),
            "streaks": np.ones(count, np.int64),
            "detections": rows,
        }
        for name in self._columns:
            setattr(self, name, np.concatenate((getattr(self, name), fresh[name])))

    def hit(self, rows: Rows, detections: Detections, detection_rows: Rows, *, frame: int, time: float) -> None:
        """Give each of ``rows`` its detection: the filter is corrected and the track confirmed."""
        if len(rows) == 0:
            return
        self.kalman.update(rows, detections.boxes[detection_rows])
        self.states[rows] = TRACKED
        self.scores[rows] = detections.scores[detection_rows]
        self.class_ids[rows] = detections.class_ids[detection_rows]
        self.estimates[rows] = self.kalman.boxes(rows)
        self.seen[rows] = frame
        self.seen_times[rows] = time
        self.streaks[rows] += 1
        self.detections[rows] = detection_rows

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Forget the rows where the (N,) ``mask`` is False."""
        if mask.all():
            return
        self.kalman.keep(mask)
        for name in self._columns:
            setattr(self, name, getattr(self, name)[mask])

    def report(self, rows: Rows, frame: int) -> Tracks:
        """The tracks of ``rows`` as users get them; those reported for the first time get their ids."""
        unnamed = rows[self.ids[rows] == 0]
        self.ids[unnamed] = np.arange(self.next_id, self.next_id + len(unnamed))
        self.next_id += len(unnamed)
        supported = self.detections[rows] >= 0
        return Tracks(
            boxes=self.kalman.boxes(rows),
            ids=self.ids[rows],
            scores=self.scores[rows],
            class_ids=self.class_ids[rows],
            detection_indices=self.detections[rows],
            sources=np.where(supported, _DETECTED, _PREDICTED).astype(np.int8),
            ages=frame - self.born[rows],
        )
