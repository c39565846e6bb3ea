"""Camera motion inside the pipeline: measured on the right frames, told to trackers, and reset between runs."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nanomot import Detections, create_tracker
from nanomot.camera_motion import SparseFlow
from nanomot.pipeline import run, track_video
from nanomot.video.frames import Frame, FrameSource, ImageSequenceSource
from tests.cameras import HEIGHT, IDENTITY, WIDTH, camera_move, seen, texture

CANVAS = texture()


class Panned(FrameSource):
    """A camera that pans over a person who stands still."""

    def __init__(self, count, *, live=False, broken=()):
        super().__init__("panned", fps=25, frame_count=count, live=live)
        self.count, self.broken, self.proceed = count, broken, threading.Event()

    def __iter__(self):
        for index in range(self.count):
            if self.live and index:
                assert self.proceed.wait(10)
                self.proceed.clear()
            step = max(index - (index in self.broken), 0)
            yield Frame(index, index / 25, seen(CANVAS, camera_move(x=30.0 * step)), valid=index not in self.broken)


class Person:
    """Finds the person, who moves through the picture by 30 pixels a frame; nothing is found in broken frames."""

    class_names = ("person",)

    def __init__(self, broken=()):
        self.broken = broken

    def seek(self, frame_index):
        self.index = frame_index

    def detect(self, frame):
        left = 50.0 + 30 * self.index
        return Detections.empty() if self.index in self.broken else Detections([[left, 100, left + 40, 220]], [0.9])


@pytest.mark.parametrize("broken", [(), (4,)])
def test_the_pipeline_carries_tracks_along(broken):
    frames = {}
    for camera in ("none", "sparse"):
        rows = list(track_video(Panned(8, broken=broken), Person(broken), "bytetrack", camera_motion=camera))
        frames[camera] = [row.frame_index for row in rows if row.tracks.ids.tolist() == [1]]
    assert frames["none"] == [0]
    assert frames["sparse"] == [index for index in range(8) if index not in broken]


def test_trackers_are_told_what_is_known_and_nothing_else():
    """The identity says that the camera stands still, None that nobody knows: the first frame, and what is black."""
    told = []

    class Listening(type(create_tracker("sort"))):
        def update(self, detections, frame=None, time=None, **known):
            told.append(known)
            return super().update(detections, frame, time, **known)

    view, black = seen(CANVAS), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    source = ImageSequenceSource([view, view, black, view, view], fps=25, name="still", frame_count=5)
    tracker = Listening(create_tracker("sort").parameters)
    list(run(source, Person(), tracker, camera_motion="sparse"))
    assert [known["warp"] is None for known in told] == [True, False, True, True, False]
    told.clear()
    list(run(ImageSequenceSource([view], fps=25, name="still", frame_count=1), Person(), tracker))
    assert told == [{}]


def test_the_pipeline_measures_live_frames_when_they_are_taken():
    source = Panned(5, live=True)
    camera, warps = SparseFlow(), []
    estimate = camera.estimate
    camera.estimate = lambda *args: warps.append(estimate(*args)) or warps[-1]
    for _ in run(source, Person(), "bytetrack", camera_motion=camera):
        source.proceed.set()
    assert len(warps) == 5
    assert camera.clear
    np.testing.assert_array_equal(warps[0], IDENTITY)
    for warp in warps[1:]:
        np.testing.assert_allclose(warp, camera_move(x=30.0), atol=0.6)


def test_the_pipeline_resets_the_camera_and_leaves_it_out_without_a_tracker():
    camera = SparseFlow()
    camera.update(seen(texture(5)))
    for _ in range(2):
        source = ImageSequenceSource([seen(CANVAS)] * 3, fps=25, name="still", frame_count=3)
        list(run(source, Person(), "sort", camera_motion=camera))
        assert camera.failures == 0
    looked = []
    camera.look = looked.append
    list(run(Panned(3), Person(), None, camera_motion=camera))
    assert looked == []
