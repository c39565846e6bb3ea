"""The default NanoTrack under all sorts of clocks, cameras and boxes."""

from __future__ import annotations

import numpy as np
import pytest

from nanomot import Detections
from tests.trackers.test_nanotrack import HEIGHT, PERSON, WIDTH, feed, nanotrack


def crossing(time):
    """Four people: two walk past each other on different rows, one turns back, one stands."""
    turn = 4.0 - abs(time - 4.0)
    places = [(100 + 80 * time, 200.0), (800 - 80 * time, 330.0), (200 + 90 * turn, 60.0), (1000.0, 100.0)]
    return np.array([[x, y, x + WIDTH, y + HEIGHT] for x, y in places])


def ids_along(tracker, times):
    """Ids of the four people in every frame, by their boxes."""
    rng = np.random.default_rng(0)
    for time in times:
        boxes = crossing(time) + rng.normal(0, 1.5, (4, 4))
        tracks = tracker.update(Detections(boxes, rng.uniform(0.6, 0.9, 4)), time=time)
        yield {
            int(row): int(track) for row, track in zip(tracks.detection_indices, tracks.ids, strict=True) if row >= 0
        }


class TestTime:
    @pytest.mark.parametrize("rate", [60.0, 30.0, 15.0, 7.5, 5.0])
    def test_one_id_at_any_frame_rate(self, rate):
        seen = list(ids_along(nanotrack(), np.arange(0, 8, 1 / rate)))
        assert seen[-1] == {0: 1, 1: 2, 2: 3, 3: 4}
        assert all(seen[-1].items() >= frame.items() for frame in seen)
        assert sum(map(len, seen)) == 4 * len(seen)

    @pytest.mark.parametrize("dropped", [0.3, 0.6])
    def test_frames_that_are_dropped(self, dropped):
        rng = np.random.default_rng(3)
        times = [index / 30 for index in range(240) if rng.random() > dropped]
        seen = list(ids_along(nanotrack(), times))
        assert all({0: 1, 1: 2, 2: 3, 3: 4}.items() >= frame.items() for frame in seen)

    def test_durations_are_times(self):
        """The same gap of a second and a half, at three frame rates and with no frame at all."""
        for rate in (60.0, 30.0, 6.0, None):
            tracker = nanotrack()
            times = np.arange(0, 2, 1 / (rate or 30))
            for time in times:
                tracker.update(Detections(PERSON, [0.9]), time=time)
            for time in times[-1] + np.arange(1 / rate, 1.5, 1 / rate) if rate else ():
                tracker.update(Detections.empty(), time=time)
            assert tracker.update(Detections(PERSON, [0.9]), time=times[-1] + 1.5).ids.tolist() == [1]

    def test_time_may_stand_still(self):
        """Containers give equal times; then nothing moves or ages, and a missed box costs nothing."""
        tracker = nanotrack()
        for step in range(8):
            tracker.update(Detections(PERSON + [3.0 * step, 0, 3 * step, 0], [0.9]), time=step / 30)
        before = tracker.update(Detections.empty(), time=8 / 30)
        for _ in range(100):
            still = tracker.update(Detections.empty(), time=8 / 30)
            assert still.ids.tolist() == before.ids.tolist()
            np.testing.assert_allclose(still.boxes, before.boxes)
        assert tracker.update(Detections(PERSON + [24.0, 0, 24, 0], [0.9]), time=8 / 30).ids.tolist() == [1]
        standing = nanotrack()
        ids = [standing.update(Detections(PERSON, [0.9]), time=5.0).ids.tolist() for _ in range(20)]
        assert ids == [[1]] * 20

    def test_a_pause_of_a_day(self):
        tracker = nanotrack()
        for time in (0.0, 1 / 30, 2 / 30, 86400.0, 86400.0 + 1 / 30):
            tracks = tracker.update(Detections(PERSON, [0.9]), time=time)
        assert tracks.ids.tolist() == [2]


class TestCamera:
    PEOPLE = np.vstack([PERSON + [130.0 * n, 20 * (n % 3)] * 2 for n in range(6)])

    def panned(self, shift, frames=40, **options):
        """Last ids of six people before a camera that pans there and back, after half a second of standing still."""
        tracker, ids, offset = nanotrack(**options), [], np.zeros(2)
        for frame in range(frames):
            if frame >= 15:
                offset = offset + (np.array(shift) if frame % 10 < 5 else -np.array(shift))
            tracks = tracker.update(Detections(self.PEOPLE + np.tile(offset, 2), np.full(6, 0.8)))
            ids.append(sorted(tracks.ids[tracks.detection_indices >= 0].tolist()))
        return ids

    @pytest.mark.parametrize("shift", [(30.0, 0.0), (-30.0, 10.0), (0.0, 40.0)])
    def test_a_pan_keeps_ids(self, shift):
        assert self.panned(shift) == [[1, 2, 3, 4, 5, 6]] * 40
        without = self.panned(shift, camera_shift=False)
        assert without[14] == [1, 2, 3, 4, 5, 6]
        assert without[-1] != [1, 2, 3, 4, 5, 6]

    def test_a_given_warp_is_believed(self):
        """A jump too large for boxes to tell: six people stand where their right neighbours stood."""
        for warped in (True, False):
            tracker = nanotrack()
            for _ in range(10):
                tracker.update(Detections(self.PEOPLE, np.full(6, 0.8)))
            warp = np.array([[1.0, 0, 390], [0, 1, 0]]) if warped else None
            tracks = tracker.update(Detections(self.PEOPLE + [390.0, 0, 390, 0], np.full(6, 0.8)), warp=warp)
            seen = tracks.detection_indices >= 0
            order = np.argsort(tracks.detection_indices[seen])
            assert (tracks.ids[seen][order].tolist() == [1, 2, 3, 4, 5, 6]) is warped

    def test_who_is_not_confirmed_does_not_tell_it(self):
        """Six boxes that are seen for the second time: where they lie now may be chance, so the filters stay behind."""
        for score, follows in ((0.5, False), (0.9, True)):
            tracker = nanotrack()
            tracker.update(Detections(self.PEOPLE, np.full(6, score)))
            moved = self.PEOPLE + [24.0, 0, 24, 0]
            tracks = tracker.update(Detections(moved, np.full(6, score)))
            assert len(tracks) == 6
            assert (np.abs(tracks.boxes - moved).max() < 0.1) == follows

    def test_three_who_walk_apart_do_not_turn_it(self):
        """Nobody's prediction is carried off by what others do: all boxes stay within a pixel of the truth."""
        steps = np.linspace(-4, 4, 6)[:, None] * [1.0, 0, 1, 0]
        for camera_shift in (True, False):
            tracker = nanotrack(camera_shift=camera_shift)
            for frame in range(12):
                tracks = tracker.update(Detections(self.PEOPLE + frame * steps, np.full(6, 0.9)))
            assert tracks.ids.tolist() == [1, 2, 3, 4, 5, 6]
            assert np.abs(tracks.boxes - (self.PEOPLE + 11 * steps)).max() < 1.5


class TestExtremes:
    def test_empty_first_frames(self):
        tracker = nanotrack()
        assert [len(frame) for frame in feed(tracker, [None] * 50)] == [0] * 50
        assert feed(tracker, [([PERSON], [0.9])])[0].ids.tolist() == [1]

    def test_thousands_of_boxes(self):
        """A grid of three thousand people, each with a worse copy, who all walk."""
        grid = np.array([[70.0 * (n % 60), 160.0 * (n // 60)] for n in range(3000)])
        people = np.hstack((grid, grid + [WIDTH, HEIGHT]))
        tracker = nanotrack()
        for step in range(4):
            boxes = np.vstack((people, people + 5)) + [3.0 * step, 0, 3 * step, 0]
            tracks = tracker.update(Detections(boxes, np.repeat([0.9, 0.7], 3000)))
            assert tracks.ids.tolist() == list(range(1, 3001))
            assert tracks.detection_indices.tolist() == list(range(3000))

    def test_thousands_on_one_place(self):
        tracker = nanotrack()
        for _ in range(3):
            tracks = tracker.update(Detections(np.tile(PERSON, (1500, 1)), np.full(1500, 0.9)))
        assert tracks.ids.tolist() == [1]

    @pytest.mark.parametrize("size", [3e-6, 1e-3, 0.5, 3.0, 1e4, 1e8])
    def test_tiny_and_huge_boxes(self, size):
        """Nothing overflows and boxes stay proper; from a pixel on such objects are tracked as any other."""
        tracker = nanotrack()
        for step in range(20):
            left = 10 + 0.01 * size * step
            found = Detections([[left, 10, left + 0.4 * size + 1.2e-6, 10 + size]], [0.9])
            tracks = tracker.update(found if step % 5 != 4 else Detections.empty())
            assert np.isfinite(tracks.boxes).all()
            assert (tracks.boxes[:, 2:] > tracks.boxes[:, :2]).all()
            if size >= 3:
                assert tracks.ids.tolist() == [1]
        assert np.isfinite(tracker.table.kalman.data).all()

    def test_tiny_beside_huge(self):
        tracker = nanotrack()
        boxes = np.array([[0.0, 0, 1e8, 1e8], [100, 100, 104, 110], [5e7, 5e7, 5e7 + 40, 5e7 + 100]])
        for _ in range(6):
            tracks = tracker.update(Detections(boxes, [0.9, 0.9, 0.9]))
        assert 1 <= len(tracks) <= 3
        assert np.isfinite(tracks.boxes).all()
        tracker = nanotrack(dtc=False)
        for _ in range(6):
            tracks = tracker.update(Detections(boxes, [0.9, 0.9, 0.9]))
        assert tracks.ids.tolist() == [1, 2, 3]

    def test_nobody_shrinks_to_nothing(self):
        """Somebody who went away so fast that the filter expects less than no size in the next frame."""
        tracker = nanotrack(existence=False, size_noise=0.1, coast_border=10.0)
        for step in range(13):
            size = 100.0 - 8 * step
            tracks = tracker.update(
                Detections([[300 - size / 5, 200 - size / 2, 300 + size / 5, 200 + size / 2]], [0.9])
            )
        for _ in range(3):
            tracks = tracker.update(Detections.empty())
            assert (tracks.boxes[0, 2:] - tracks.boxes[0, :2] >= 1.0).all()
