"""What BoT-SORT does in another way than BYTE."""

from __future__ import annotations

import numpy as np

from nanomot import Detections, create_tracker
from nanomot.kalman import XywhMotion
from tests.strategies import walking_people


def test_it_is_byte_on_a_filter_of_width_and_height(monkeypatch):
    from nanomot.trackers.bytetrack import ByteTracker

    frames = walking_people(2)
    bot = create_tracker("botsort")
    monkeypatch.setattr(ByteTracker, "motion", XywhMotion())
    byte = create_tracker("bytetrack")
    for found in frames:
        one, other = bot.update(found), byte.update(found)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.ids, other.ids)


def test_widths_are_smoothed_apart_from_heights():
    """A box that grows wider only: BoT-SORT's filter learns the width's speed, BYTE holds the aspect ratio."""
    boxes = [np.array([[100.0 - 3 * step, 100, 160 + 3 * step, 250]]) for step in range(12)]
    width = {}
    for name in ("botsort", "bytetrack"):
        tracker = create_tracker(name)
        for box in boxes:
            tracks = tracker.update(Detections(box, [0.9]))
        width[name] = float(tracks.boxes[0, 2] - tracks.boxes[0, 0])
    true = float(boxes[-1][0, 2] - boxes[-1][0, 0])
    assert abs(width["botsort"] - true) < abs(width["bytetrack"] - true)
