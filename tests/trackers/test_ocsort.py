"""OC-SORT's three ideas in small hand-made scenes, each against what SORT alone does."""

from __future__ import annotations

import numpy as np
import pytest

from nanomot import Detections, create_tracker
from nanomot.boxes import xyxy_to_cxcywh
from nanomot.kalman import KalmanBank, XysrMotion
from tests.strategies import walking_people

BOX = np.array([[100.0, 100, 140, 200]])
EAST = np.array([1.0, 0, 1, 0])


def walk(tracker, steps, *, speed=6.0, start=BOX):
    """Feed a person who goes east; None in ``steps`` is a frame without a detection."""
    return [
        tracker.update(Detections.empty() if step is None else Detections(start + speed * step * EAST, [0.9]))
        for step in steps
    ]


def test_reported_boxes_are_the_observations():
    tracker = create_tracker("ocsort", min_hits=0)
    for found in walking_people(3):
        tracks = tracker.update(found)
        np.testing.assert_array_equal(tracks.boxes, found.boxes[tracks.detection_indices])


def test_momentum_decides_between_equal_overlaps():
    """Two detections overlap the prediction alike, one ahead and one behind, in either order."""
    scout = create_tracker("ocsort")
    walk(scout, range(6))
    scout.table.kalman.predict()
    predicted = scout.table.kalman.boxes()
    both = np.vstack((predicted + 12 * EAST, predicted - 12 * EAST))
    for ahead, order in enumerate(([0, 1], [1, 0])):
        tracker = create_tracker("ocsort")
        walk(tracker, range(6))
        tracks = tracker.update(Detections(both[order], [0.9, 0.9]))
        assert tracks.detection_indices[tracks.ids == 1].tolist() == [ahead]


def test_without_inertia_there_is_no_momentum():
    tracker = create_tracker("ocsort", inertia=0.0)
    walk(tracker, range(6))
    momentum = tracker._momentum(Detections(BOX + 40 * EAST, [0.9]), np.array([0]), np.array([0]))
    np.testing.assert_array_equal(momentum, [0.0])


@pytest.mark.parametrize(("direction", "gain"), [((1, 0), 0.5), ((0, 1), 0.0), ((0, -1), 0.0), ((-1, 0), -0.5)])
def test_momentum_is_linear_in_the_angle(direction, gain):
    tracker = create_tracker("ocsort", inertia=0.4)
    walk(tracker, range(6))
    before = BOX + 6 * 3 * EAST  # three frames ago, seen from the frame to come
    place = before + 50 * np.tile(direction, 2)
    momentum = tracker._momentum(Detections(place, [0.8]), np.array([0]), np.array([0]))
    assert momentum[0] == pytest.approx(gain * 0.4 * 0.8, abs=1e-3)


def test_directions_span_delta_t_frames():
    """The oldest observation within delta_t frames counts, and after a longer gap the latest."""
    tracker = create_tracker("ocsort", delta_t=2, track_buffer=100)
    walk(tracker, [0, 1, 2])
    np.testing.assert_allclose(tracker.table.previous_centres(), [[120 + 6 * 1, 150]])
    walk(tracker, [None])
    np.testing.assert_allclose(tracker.table.previous_centres(), [[120 + 6 * 2, 150]])
    walk(tracker, [None] * 3)
    np.testing.assert_allclose(tracker.table.previous_centres(), [[120 + 6 * 2, 150]])


def test_a_new_track_has_no_direction():
    tracker = create_tracker("ocsort")
    walk(tracker, [0])
    assert tracker.table.directions.tolist() == [[0.0, 0.0]]
    walk(tracker, [1])
    np.testing.assert_allclose(tracker.table.directions, [[1.0, 0.0]], atol=1e-6)


def test_recovery_finds_who_stopped():
    """A walker stops behind a pillar: the prediction has walked on, the last observation has not."""
    steps = [*range(10), *[None] * 6, 9, 9, 9, 9]
    assert {name: walk(create_tracker(name), steps, speed=12.0)[-1].ids.tolist() for name in ("ocsort", "sort")} == {
        "ocsort": [1],
        "sort": [2],
    }


def test_re_update_equals_having_seen_the_straight_line():
    """After a gap the filter is where it would be, had the person been seen on the line between the observations."""
    seen, gap = 8, 7
    path = [*range(seen), *[None] * (gap - 1), 5]  # the person turned back meanwhile
    tracker = create_tracker("ocsort", iou_threshold=0.0, min_hits=0)
    walk(tracker, path, speed=2.0)
    first, last = xyxy_to_cxcywh(BOX + 2.0 * (seen - 1) * EAST), xyxy_to_cxcywh(BOX + 2.0 * 5 * EAST)
    line = [first + (last - first) * step / gap for step in range(1, gap + 1)]
    boxes = [BOX + 2.0 * step * EAST for step in range(seen)]
    boxes += [np.hstack((c[:, :2] - c[:, 2:] / 2, c[:, :2] + c[:, 2:] / 2)) for c in line]
    bank = KalmanBank(XysrMotion())
    bank.append(boxes[0])
    for box in boxes[1:]:
        bank.predict()
        bank.update(np.array([0]), box)
    assert tracker.table.ids.tolist() == [1]
    np.testing.assert_allclose(tracker.table.kalman.data, bank.data, rtol=1e-9, atol=1e-9)


def test_tracks_found_again_after_different_gaps_do_not_disturb_each_other():
    def alone(frames):
        tracker = create_tracker("ocsort", min_hits=0)
        for boxes in frames:
            tracker.update(Detections(np.vstack(boxes), np.full(len(boxes), 0.9)) if boxes else Detections.empty())
        return tracker.table.kalman.data

    far = BOX + [0.0, 400, 0, 400]
    one = [[BOX + 3 * step * EAST] if step < 5 or step > 10 else [] for step in range(12)]
    two = [[far + 4 * step * EAST] if step < 5 or step > 8 else [] for step in range(12)]
    both = [a + b for a, b in zip(one, two, strict=True)]
    np.testing.assert_allclose(alone(both), np.concatenate((alone(one), alone(two))), rtol=1e-12)


def test_byte_keeps_a_track_through_weak_boxes():
    for byte, reported in ((True, 1), (False, 0)):
        tracker = create_tracker("ocsort", byte=byte)
        walk(tracker, range(6))
        tracks = tracker.update(Detections(BOX + 36 * EAST, [0.2]))
        assert len(tracks) == reported


def test_a_moving_camera_moves_all_that_is_remembered():
    """Seen through a camera that turns, zooms and shifts, tracks are the same as through one that stands still."""
    frames = walking_people(11, frames=40)
    angle, scale, shift = np.deg2rad(0.5), 1.01, np.array([9.0, -4.0])
    step = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    warp = np.hstack((step, shift[:, None]))
    still, moving = create_tracker("ocsort"), create_tracker("ocsort")
    total = np.eye(2, 3)
    for index, found in enumerate(frames):
        if index:
            total = np.hstack((step @ total[:, :2], (step @ total[:, 2] + shift)[:, None]))
        seen = xyxy_to_cxcywh(found.boxes)
        seen[:, :2] = seen[:, :2] @ total[:, :2].T + total[:, 2]
        seen[:, 2:] *= scale**index
        boxes = np.hstack((seen[:, :2] - seen[:, 2:] / 2, seen[:, :2] + seen[:, 2:] / 2))
        expected = still.update(found)
        tracks = moving.update(Detections(boxes, found.scores), warp=warp if index else None)
        assert tracks.ids.tolist() == expected.ids.tolist(), index
        np.testing.assert_allclose(
            moving.table.previous_centres(),
            still.table.previous_centres() @ total[:, :2].T + total[:, 2],
            atol=1e-6 * scale**index,
        )
