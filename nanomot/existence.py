"""How sure a track is: evidence that grows with boxes, shrinks with misses, and is excused by occlusion.

The evidence is a leaky sum of log-likelihood ratios, as in the sequential test of a track's existence (Blackman and
Popoli, "Design and Analysis of Modern Tracking Systems", 1999, section 6.2): a box speaks for the track by how far its
score lies above the one at which the detector says neither yes nor no; a frame without a box speaks against it, unless
somebody who stands in front explains why nothing was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanomot.sweep import meeting_pairs, shares_within

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Existence:
    """The evidence's constants; every tick is 1/30 second.

    Attributes:
        zero: the score at which a box says neither yes nor no; belongs to the detector.
        gain: evidence per unit of score above it.
        least_gain: no single box takes off more than this.
        memory: what is left of evidence after a tick.
        highest, lowest: evidence is kept between these.
        miss_loss: what a tick without a box takes off.
        hidden_loss: what it takes off where an occlusion explains it.
    """

    zero: float
    gain: float
    least_gain: float
    memory: float
    highest: float
    lowest: float
    miss_loss: float
    hidden_loss: float

    def of_boxes(self, scores: Array) -> Array:
        """Evidence that (K,) scores give, (K,)."""
        evidence: Array = np.clip(self.gain * (scores - self.zero), self.least_gain, self.highest)
        return evidence

    def after_hit(self, evidence: Array, scores: Array) -> Array:
        """The evidence of (K,) tracks that got boxes with the given scores."""
        updated: Array = np.clip(self.memory * evidence + self.of_boxes(scores), self.lowest, self.highest)
        return updated

    def after_miss(self, evidence: Array, hidden: NDArray[np.bool_], ticks: float) -> Array:
        """The evidence of (K,) tracks without a box for another ``ticks``, some of them hidden."""
        seen = self.memory**ticks * evidence - self.miss_loss * ticks
        updated: Array = np.maximum(np.where(hidden, evidence - self.hidden_loss * ticks, seen), self.lowest)
        return updated


def stand_behind(boxes: Array, others: Array, fraction: float) -> NDArray[np.bool_]:
    """Which of the (N, 4) boxes have more than ``fraction`` of their area in front of them, inside one of ``others``.

    Pseudo-depth decides who is in front: whose feet stand lower in the picture is nearer (SparseTrack, Liu et al.
    2023). Returns an (N,) mask.
    """
    behind = np.zeros(len(boxes), bool)
    if len(boxes) == 0 or len(others) == 0:
        return behind
    rows, columns = meeting_pairs(boxes, others)
    nearer = (others[columns, 3] > boxes[rows, 3]).nonzero()[0]
    rows, columns = rows[nearer], columns[nearer]
    behind[rows[shares_within(boxes[rows], others[columns]) > fraction]] = True
    return behind
