from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nanomot import Detections, NanomotError, create_tracker
from nanomot.pipeline import detections_as_tracks, run, track_video
from nanomot.roi import RegionOfInterest
from nanomot.timing import StageClock
from nanomot.video.frames import Frame, FrameSource, ImageSequenceSource

FRAME = np.zeros((120, 160, 3), np.uint8)
BOX = [[20.0, 20, 60, 100]]


def pictures(count):
    for index in range(count):
        picture = FRAME.copy()
        picture[0, 0] = index
        yield picture


def source(count):
    return ImageSequenceSource(pictures(count), fps=25, name="test", frame_count=count)


class SameBox:
    """Finds one box in every picture and remembers which pictures it saw."""

    class_names = ("person",)

    def __init__(self):
        self.seen = []

    def detect(self, frame):
        self.seen.append(int(frame[0, 0, 0]))
        return Detections(BOX, [0.9])


class Listed(FrameSource):
    """Given frames, and a note of when it was closed."""

    def __init__(self, frames, *, live=False, fail=None):
        super().__init__("listed", fps=25, frame_count=None, live=live)
        self.frames, self.fail, self.closed = frames, fail, False

    def __iter__(self):
        yield from self.frames
        if self.fail:
            raise self.fail

    def close(self):
        self.closed = True


def test_every_frame_in_order():
    detector = SameBox()
    rows = list(track_video(source(50), detector, "bytetrack"))
    assert [row.frame_index for row in rows] == list(range(50)) == detector.seen
    assert [row.frame[0, 0, 0] for row in rows] == list(range(50))
    np.testing.assert_allclose([row.time for row in rows], np.arange(50) / 25)
    assert all(row.tracks.ids.tolist() == [1] for row in rows)


def test_unreadable_frames_reach_the_tracker_but_not_the_detector():
    frames = [Frame(index, index / 25, FRAME, valid=index % 3 != 1) for index in range(12)]
    detector, tracker = SameBox(), create_tracker("nanotrack")
    steps = list(run(Listed(frames), detector, tracker))
    assert len(detector.seen) == 8
    assert tracker.frame == 12
    assert [len(step.detections) for step in steps] == [1, 0, 1] * 4


def test_stored_detections_stay_with_their_frames():
    class Stored:
        class_names = ()

        def seek(self, frame_index):
            self.index = frame_index

        def detect(self, frame):
            return Detections([[self.index, 0, self.index + 20, 50]], [0.9])

    frames = [Frame(index, index / 25, FRAME, valid=False) for index in (0, 1, 5)]
    steps = list(run(Listed(frames), Stored(), None))
    assert [step.detections.boxes[0, 0] for step in steps] == [0, 1, 5]
    assert all(step.tracks.ids.tolist() == [-1] for step in steps)


def test_region_of_interest():
    roi = RegionOfInterest.parse("0,0 10,0 10,10 0,10")
    assert all(len(step.detections) == 0 for step in run(source(3), SameBox(), "sort", roi=roi))


def test_a_tracker_is_reset_first():
    tracker = create_tracker("bytetrack")
    first = [row.tracks.ids.tolist() for row in track_video(source(5), SameBox(), tracker)]
    assert first == [row.tracks.ids.tolist() for row in track_video(source(5), SameBox(), tracker)]


def test_failures_of_the_source_come_after_its_frames():
    broken = Listed([Frame(i, i / 25, FRAME) for i in range(7)], fail=NanomotError("the stream is gone"))
    rows = track_video(broken, SameBox())
    assert [next(rows).frame_index for _ in range(7)] == list(range(7))
    with pytest.raises(NanomotError, match="stream is gone"):
        next(rows)
    assert broken.closed


def test_failures_of_the_detector_are_raised():
    class Broken(SameBox):
        def detect(self, frame):
            raise NanomotError("no such layer")

    with pytest.raises(NanomotError, match="no such layer"):
        list(track_video(source(5), Broken()))


def test_leaving_early_ends_the_threads_and_closes_the_source():
    endless = Listed(Frame(i, i / 25, FRAME) for i in range(10**9))
    rows = track_video(endless, SameBox())
    for row in rows:
        if row.frame_index == 10:
            break
    rows.close()
    assert endless.closed
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nanomot-")]


def test_a_camera_does_not_wait_for_a_slow_detector():
    class Slow(SameBox):
        def detect(self, frame):
            time.sleep(0.03)
            return super().detect(frame)

    def camera():
        for index in range(60):
            time.sleep(0.005)
            yield Frame(index, index * 0.005, FRAME)

    indices = [row.frame_index for row in track_video(Listed(camera(), live=True), Slow())]
    assert indices == sorted(indices)
    assert len(indices) < 30
    assert indices[-1] == 59


def test_stages_are_timed():
    clock = StageClock()
    list(track_video(source(5), SameBox(), clock=clock))
    assert clock.counts["detect"] == clock.counts["track"] == 5
    assert clock.counts["decode"] == 6  # the last one finds the end
    assert all(seconds >= 0 for seconds in (*clock.wall.values(), *clock.cpu.values()))


def test_missing_file():
    with pytest.raises(NanomotError, match=r"nowhere\.mp4"):
        list(track_video("nowhere.mp4", SameBox()))


def test_the_videos_clock_drives_the_time_outs():
    """Ten seconds without a frame: whoever stands there afterwards is somebody else."""
    times = [*(index / 25 for index in range(10)), *(10 + index / 25 for index in range(10))]
    frames = [Frame(index, time, FRAME) for index, time in enumerate(times)]
    ids = [row.tracks.ids.tolist() for row in track_video(Listed(frames), SameBox(), "bytetrack")]
    assert ids[9] == [1]
    assert ids[-1] == [2]


def test_a_detector_with_a_memory_begins_anew():
    class Remembering(SameBox):
        resets = 0

        def reset(self):
            self.resets += 1

    detector = Remembering()
    for count in (1, 2):
        list(track_video(source(3), detector))
        assert detector.resets == count


@pytest.mark.parametrize("burst", [1, 3, 8, 100])
def test_bursts_change_nothing_but_the_order_of_work(burst):
    detector = SameBox()
    steps = list(run(source(20), detector, "nanotrack", burst=burst))
    assert [step.frame.index for step in steps] == list(range(20)) == detector.seen
    assert all(step.tracks.ids.tolist() == [1] for step in steps)


def test_bursts_deliver_what_came_before_a_failure():
    class Phased(SameBox):
        def prepare(self, frame):
            return int(frame[0, 0, 0])

        def infer(self, prepared):
            if prepared == 6:
                raise NanomotError("the network is gone")
            return prepared

        def finish(self, inferred):
            return Detections(BOX, [0.9])

    rows = run(source(20), Phased(), "nanotrack", burst=4)
    assert [next(rows).frame.index for _ in range(6)] == list(range(6))
    with pytest.raises(NanomotError, match="network is gone"):
        next(rows)


@pytest.mark.parametrize("burst", [1, 4])
def test_a_failing_tracker_gets_every_frame_once(burst):
    class Failing:
        seen = ()

        def reset(self):
            self.seen = []

        def update(self, detections, frame=None, time=None):
            self.seen.append(round(time * 25))
            if len(self.seen) == 7:
                raise NanomotError("the tracker is lost")
            return detections_as_tracks(detections)

    tracker = Failing()
    steps = run(source(20), SameBox(), tracker, burst=burst)
    assert [next(steps).frame.index for _ in range(6)] == list(range(6))
    with pytest.raises(NanomotError, match="tracker is lost"):
        next(steps)
    assert tracker.seen == list(range(7))
