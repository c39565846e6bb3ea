"""What BYTE's own steps do, on hand-made scenes."""

from __future__ import annotations

import numpy as np
import pytest

from nanomot import Detections, create_tracker


def standing_and_passing(frame):
    """One person walks to the right; another stands in the way and is hidden while the first passes."""
    left = 5.0 * frame
    boxes = [[left, 100.0, left + 50, 200.0]]
    if frame in range(15, 22) or frame > 34:
        boxes.append([150.0, 100.0, 200.0, 200.0])
    return Detections(boxes, np.full(len(boxes), 0.9))


@pytest.mark.parametrize(("duplicate_iou", "last_ids"), [(0.85, [1, 3]), (1.0, [1, 2])])
def test_a_lost_track_dies_under_an_older_one(duplicate_iou, last_ids):
    tracker = create_tracker("bytetrack", duplicate_iou=duplicate_iou)
    ids = [sorted(tracker.update(standing_and_passing(frame)).ids.tolist()) for frame in range(1, 41)]
    assert ids[20] == [1, 2]
    assert ids[30] == [1]
    assert ids[-1] == last_ids
