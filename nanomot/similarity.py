"""How well a light detector's box continues a track: the overlap of grown boxes, weighed by the overlap of heights.

A light detector's centres are noisy and its frames are few, so that plain IoU loses people who move by a width. Boxes
are compared after both have grown (buffered IoU: Yang et al., WACV 2023), the more the longer the track was missed;
what growing forgives too easily, another row of people behind, is told apart by height, which changes slowly
(Height-Modulated IoU: Yang et al., AAAI 2024, Hybrid-SORT).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanomot.sweep import meeting_pairs

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_MARGIN = 0.999
"""Pairs are told apart early by a little less than is asked for, so that rounding loses none."""

_ALL_PAIRS_TO = 2_000
"""So many pairs are computed faster than those that meet are found among them."""


@dataclass(frozen=True)
class GrownOverlap:
    """The similarity's constants.

    Attributes:
        grow: how much a box grows on each side, in its own widths and heights.
        grow_per_tick: what each 1/30 second without a detection adds to that.
        grow_ticks: after so many nothing is added any more.
        height_power: the overlap of the heights counts with this power; 0 leaves it out.
    """

    grow: float
    grow_per_tick: float
    grow_ticks: float
    height_power: float

    def pairs(self, tracks: Array, missed: Array, boxes: Array, *, above: float) -> tuple[Indices, Indices, Array]:
        """All pairs whose similarity exceeds ``above``.

        Args:
            tracks: (N, 4) predicted ``xyxy`` boxes.
            missed: (N,) for how many 1/30 seconds each track has had no detection.
            boxes: (M, 4) detections.
            above: in [0, 1).

        Returns:
            Rows of tracks, rows of boxes and similarities in (above, 1], each of shape (K,).
        """
        growth = self.grow + self.grow_per_tick * np.minimum(missed, self.grow_ticks)
        if len(tracks) * len(boxes) <= _ALL_PAIRS_TO:
            matrix = self._similarities(tracks.T[:, :, None], growth[:, None], boxes.T[:, None, :])
            rows, columns = (matrix > above).nonzero()
            return rows, columns, matrix[rows, columns]
        rows, columns = meeting_pairs(*self._reaches(tracks, growth, boxes, above))
        similarities = self._similarities(tracks.T[:, rows], growth[rows], boxes.T[:, columns])
        similar = (similarities > above).nonzero()[0]
        return rows[similar], columns[similar], similarities[similar]

    def _reaches(self, tracks: Array, growth: Array, boxes: Array, above: float) -> tuple[Array, Array]:
        """Boxes that meet at least where two of the given ones are more similar than ``above``.

        Of grown widths u and v more than above * max(u, v), hence above * (u + v) / 2, must be shared; boxes stay as
        they are and tracks made so wide that this holds for the widest box. Of the heights the same, without growth:
        there both sides give way.
        """
        reach, cores = tracks.copy(), boxes.copy()
        above *= _MARGIN
        aside = growth * (1.0 - above) - above / 2
        for axis in (0,) if self.height_power else (0, 1):
            length = reach[:, axis + 2] - reach[:, axis]
            longest = (boxes[:, axis + 2] - boxes[:, axis]).max(initial=0.0)
            margin = aside * (length + np.where(aside > 0.0, longest, 0.0))
            reach[:, axis] -= margin
            reach[:, axis + 2] += margin
        if self.height_power:
            give = above ** (1.0 / self.height_power) / 2
            for part in (reach, cores):
                inward = give * (part[:, 3] - part[:, 1])
                part[:, 1] += inward
                part[:, 3] -= inward
        return reach, cores

    def _similarities(self, tracks: Array, growth: Array, boxes: Array) -> Array:
        """Similarities of tracks with boxes, whose shapes (4, ...) are broadcast: columns are what NumPy likes."""
        left, top, right, bottom = tracks
        box_left, box_top, box_right, box_bottom = boxes
        width, box_width = right - left, box_right - box_left
        height, box_height = bottom - top, box_bottom - box_top
        shared = _grown_overlap(left, right, growth * width, box_left, box_right, growth * box_width)
        shared *= _grown_overlap(top, bottom, growth * height, box_top, box_bottom, growth * box_height)
        growth = np.square(2.0 * growth + 1.0)
        areas = (width * height + box_width * box_height) * growth
        overlaps: Array = shared / (areas - shared)
        if self.height_power:
            common = np.minimum(bottom, box_bottom)
            common -= np.maximum(top, box_top)
            np.maximum(common, 0.0, out=common)
            common /= height + box_height - common
            overlaps *= common**self.height_power
        return overlaps


def _grown_overlap(low: Array, high: Array, margin: Array, other_low: Array, other_high: Array, other: Array) -> Array:
    """The length that intervals share once each has grown on both sides, (K,); 0 where they do not meet."""
    length = np.minimum(high + margin, other_high + other)
    length -= np.maximum(low - margin, other_low - other)
    return np.maximum(length, 0.0, out=length)
