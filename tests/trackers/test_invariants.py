"""What holds for every tracker, whatever the detections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot import Detections, NanomotError, Source, create_tracker
from nanomot.trackers.base import BUFFER_RATE
from tests.strategies import random_detections, seeds, walking_people

METHODS = [
    ("nanotrack", {}),
    ("nanotrack", {"mode": "reference"}),
    ("bytetrack", {}),
    ("sparsetrack", {}),
    ("botsort", {}),
    ("ocsort", {}),
    ("ocsort", {"byte": True}),
    ("sort", {}),
]
each_method = pytest.mark.parametrize(("name", "options"), METHODS, ids=lambda value: str(value))


def run(tracker, frames, **kwargs):
    return [tracker.update(found, **kwargs) for found in frames]


def same(a, b):
    return all(
        np.array_equal(getattr(x, column), getattr(y, column))
        for x, y in zip(a, b, strict=True)
        for column in ("boxes", "ids", "scores", "class_ids", "detection_indices", "sources", "ages")
    )


@each_method
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_rows_are_sound(name, options, seed):
    rng = np.random.default_rng(seed)
    tracker = create_tracker(name, **options)
    for found in walking_people(seed, frames=40) + [random_detections(rng, int(n)) for n in rng.integers(0, 30, 10)]:
        tracks = tracker.update(found)
        assert len(set(tracks.ids.tolist())) == len(tracks)
        assert np.isfinite(tracks.boxes).all()
        assert (tracks.boxes[:, 2:] > tracks.boxes[:, :2]).all()
        supported = tracks.detection_indices >= 0
        used = tracks.detection_indices[supported]
        assert len(set(used.tolist())) == len(used)
        np.testing.assert_array_equal(tracks.scores[supported], found.scores[used])
        np.testing.assert_array_equal(tracks.class_ids[supported], found.class_ids[used])
        np.testing.assert_array_equal(tracks.sources == Source.DETECTED, supported)
        assert (tracks.ids >= 1).all()
        assert (tracks.ages >= 0).all()


@each_method
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_equal_inputs_give_equal_outputs(name, options, seed):
    frames = walking_people(seed)
    first, second = create_tracker(name, **options), create_tracker(name, **options)
    expected = run(first, frames)
    assert same(expected, run(second, frames))
    first.reset()
    assert same(expected, run(first, frames))


@each_method
def test_inputs_are_not_changed(name, options):
    frames = walking_people(5)
    before = [(found.boxes.copy(), found.scores.copy()) for found in frames]
    tracks = run(create_tracker(name, **options), frames)
    snapshot = [row.boxes.copy() for row in tracks]
    for found, (boxes, scores) in zip(frames, before, strict=True):
        np.testing.assert_array_equal(found.boxes, boxes)
        np.testing.assert_array_equal(found.scores, scores)
    # Earlier answers stay as they were given, too.
    for row, boxes in zip(tracks, snapshot, strict=True):
        np.testing.assert_array_equal(row.boxes, boxes)


@each_method
@settings(max_examples=10, deadline=None)
@given(seed=seeds, right=st.floats(-50, 50), down=st.floats(-50, 50))
def test_shifting_the_picture_shifts_the_tracks(name, options, seed, right, down):
    """All but the picture's sides, which end the rows that nanotrack predicts (``coast_border``), moves along."""
    frames = walking_people(seed, frames=30)
    if (name, options) == ("nanotrack", {}):
        options = {"coast_border": 10.0}
    shift = np.array([right, down, right, down])
    moved = [Detections(found.boxes + shift, found.scores, found.class_ids) for found in frames]
    a = run(create_tracker(name, **options), frames)
    b = run(create_tracker(name, **options), moved)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.ids, y.ids)
        np.testing.assert_allclose(x.boxes + shift, y.boxes, atol=1e-6)


@each_method
def test_shifting_the_picture_down_needs_nothing(name, options):
    """Above and below nothing ends a track, so that no parameter has to be set for this."""
    for seed in range(10):
        frames = walking_people(seed, frames=30)
        moved = [Detections(found.boxes + [0, 70.5, 0, 70.5], found.scores) for found in frames]
        a, b = run(create_tracker(name, **options), frames), run(create_tracker(name, **options), moved)
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x.ids, y.ids)
            np.testing.assert_allclose(x.boxes + [0, 70.5, 0, 70.5], y.boxes, atol=1e-6)


@each_method
def test_two_trackers_share_nothing(name, options):
    frames = walking_people(1)
    alone = run(create_tracker(name, **options), frames)
    first, second = create_tracker(name, **options), create_tracker(name, **options)
    interleaved = []
    for found in frames:
        interleaved.append(first.update(found))
        second.update(Detections.empty())
    assert same(alone, interleaved)


@each_method
def test_ids_start_at_one_and_never_repeat(name, options):
    tracker = create_tracker(name, **options)
    seen, gone, last = set(), set(), set()
    box = np.array([[0.0, 0, 40, 100]])
    for burst in range(6):
        for _ in range(6):
            found = Detections(box + [300.0 * (burst % 2), 0, 300.0 * (burst % 2), 0], [0.9])
            now = set(tracker.update(found).ids.tolist())
            assert not now & gone
            gone |= last - now
            seen |= now
            last = now
        for _ in range(100):
            last = set(tracker.update(Detections.empty()).ids.tolist()) or last
        gone |= last
    assert min(seen) == 1
    assert len(seen) == 6


@each_method
def test_empty_frames_age_tracks_by_the_clock(name, options):
    """A track is forgotten after ``track_buffer`` without a box, at any frame rate, also when no frame comes at all."""
    seconds = create_tracker(name, **options).parameters.track_buffer / BUFFER_RATE
    for rate, stalled in ((5.0, False), (30.0, False), (60.0, False), (30.0, True)):
        for missing, survives in ((0.9 * seconds, True), (seconds + 0.3, False)):
            tracker = create_tracker(name, **options)
            found = Detections([[10, 10, 60, 160]], [0.9])
            # Long enough that no method takes it for somebody who was there for a moment only.
            times = [index / rate for index in range(8 + int(2 * rate))]
            for time in times:
                before = tracker.update(found, time=time)
            assert before.ids.tolist() == [1]
            start = times[-1]
            for index in range(1, 1 if stalled else int(missing * rate)):
                tracker.update(Detections.empty(), time=start + index / rate)
            back = [tracker.update(found, time=start + missing + index / rate) for index in range(6)]
            assert (back[-1].ids.tolist() == [1]) is survives, (rate, missing, stalled)


@each_method
def test_classes_follow_the_detections(name, options):
    tracker = create_tracker(name, **options)
    box = [[10.0, 10, 60, 160]]
    for _ in range(8):
        tracker.update(Detections(box, [0.9], [2]))
    tracks = tracker.update(Detections(box, [0.9], [5]))
    assert (tracks.ids.tolist(), tracks.class_ids.tolist()) == ([1], [5])


@each_method
def test_per_class_never_matches_across_classes(name, options):
    tracker = create_tracker(name, per_class=True, **options)
    box = [[10.0, 10, 60, 160]]
    for _ in range(8):
        tracker.update(Detections(box, [0.9], [2]))
    ids = [tracker.update(Detections(box, [0.9], [5])) for _ in range(8)][-1]
    assert ids.class_ids.tolist() == [5]
    assert ids.ids.tolist() == [2]


@each_method
def test_a_warp_carries_tracks_along(name, options):
    """A camera that jumps by 200 pixels: with the warp the id stays, without it the person is a new one."""
    for warped in (True, False):
        tracker = create_tracker(name, **options)
        box = np.array([[300.0, 100, 350, 250]])
        for _ in range(8):
            tracker.update(Detections(box, [0.9]))
        warp = np.array([[1.0, 0, 200], [0, 1, 0]]) if warped else None
        moved = box + [200, 0, 200, 0]
        tracker.update(Detections(moved, [0.9]), warp=warp)
        tracks = [tracker.update(Detections(moved, [0.9])) for _ in range(6)][-1]
        assert tracks.ids.tolist() == ([1] if warped else [2])


@each_method
def test_a_camera_that_stands_still_changes_nothing(name, options):
    if (name, options) == ("nanotrack", {}):
        options = {"camera_shift": False}  # without a warp it estimates the camera's motion from boxes
    frames = walking_people(9)
    without = run(create_tracker(name, **options), frames)
    assert same(without, run(create_tracker(name, **options), frames, warp=np.eye(2, 3)))


@each_method
def test_bad_arguments_are_named(name, options):
    tracker = create_tracker(name, **options)
    tracker.update(Detections.empty(), time=5.0)
    with pytest.raises(NanomotError, match="frame 2"):
        tracker.update(Detections.empty(), time=4.0)
    with pytest.raises(NanomotError, match="nan"):
        tracker.update(Detections.empty(), time=float("nan"))
    with pytest.raises(NanomotError, match="warp"):
        tracker.update(Detections.empty(), warp=np.eye(3))
    with pytest.raises(NanomotError, match="frame_rate"):
        create_tracker(name, frame_rate=0, **options)


@each_method
def test_memory_is_bounded(name, options):
    """Tables shrink again: thousands of objects that come and go leave no rows behind."""
    tracker = create_tracker(name, **options)
    rng = np.random.default_rng(0)
    for _ in range(300):
        tracker.update(random_detections(rng, 20))
    remembered = int(tracker.parameters.track_buffer)
    assert 0 < len(tracker.table) <= 20 * (remembered + 1)
    for _ in range(remembered + 1):
        tracker.update(Detections.empty())
    assert len(tracker.table) == 0
    assert len(tracker.table.kalman) == 0


@pytest.mark.parametrize("name", ["nanotrack", "bytetrack"])
def test_slow_videos_keep_their_tracks(name):
    """Two seconds between frames: a track that is seen in every frame lives, from the second frame on."""
    tracker = create_tracker(name)
    ids = [tracker.update(Detections([[10, 10, 60, 160]], [0.9]), time=2.0 * index).ids.tolist() for index in range(6)]
    assert ids == [[1]] * 6


@each_method
def test_only_detections_are_taken(name, options):
    with pytest.raises(NanomotError, match=r"nanomot\.interop"):
        create_tracker(name, **options).update(np.zeros((1, 6)))


@pytest.mark.parametrize("name", ["nanotrack", "bytetrack", "sparsetrack", "botsort"])
def test_a_lost_track_keeps_its_size(name):
    """A person who walks nearer and is hidden does not go on growing behind the pillar."""
    tracker = create_tracker(name)
    for index in range(10):
        tracker.update(Detections([[100 - 2 * index, 100, 150 + 2 * index, 250 + 6 * index]], [0.9]))
    tracker.update(Detections.empty())
    before = tracker.table.kalman.boxes()[0]
    for _ in range(8):
        tracker.update(Detections.empty())
    after = tracker.table.kalman.boxes()[0]
    assert after[3] - after[1] == pytest.approx(before[3] - before[1], rel=0.05)
