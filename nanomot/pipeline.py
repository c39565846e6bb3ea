"""Frames in, tracks out: decoding in one thread, detecting and tracking in a second, the caller's work beside them.

The network takes most of a frame's time and leaves Python while it computes, so that decoding, resizing, drawing and
writing hide behind it. Tracking takes its turn with the network: measured on two cores, the few hundred microseconds
cost less there than in a third thread that competes for the processor. Frames keep their order and none is passed
over: one that could not be read, or in which nothing was found, still reaches the tracker.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nanomot.camera_estimator import CameraMotion, View
from nanomot.camera_motion import create_camera_motion
from nanomot.detections import (
    Detections,
    Detector,
    PhasedDetector,
    ResettableDetector,
    SeekableDetector,
    Source,
    Tracks,
)
from nanomot.roi import RegionOfInterest
from nanomot.timing import StageClock
from nanomot.trackers import Tracker, create_tracker
from nanomot.video.frames import Frame, FrameSource
from nanomot.video.sources import open_source

_T = TypeVar("_T")

_AHEAD = 2
"""Frames that a stage may be ahead of the next: more costs memory and latency and gains nothing."""
_BURST_BYTES = 64 << 20
"""Pictures that wait for their turn take no more memory than this."""
MOVING_SCORE = 0.3
"""Detections from this score on are things that may move: they say nothing about the camera."""
_POLL_SECONDS = 0.1
_JOIN_SECONDS = 5.0
_END = object()


class TrackedFrame(NamedTuple):
    """One frame with its tracks.

    Attributes:
        frame_index: number of the frame, from 0; result files count from 1.
        time: seconds since the start of the video.
        frame: (H, W, 3) uint8 BGR picture, not to be changed in place.
        tracks: the tracks of this frame.
    """

    frame_index: int
    time: float
    frame: NDArray[np.uint8]
    tracks: Tracks


class Step(NamedTuple):
    """All that is known of one frame: what :func:`run` yields."""

    frame: Frame
    detections: Detections
    tracks: Tracks


def track_video(
    source: str | Path | FrameSource,
    detector: Detector,
    tracker: Tracker | str = "nanotrack",
    *,
    roi: RegionOfInterest | None = None,
    camera_motion: CameraMotion | str | None = None,
    clock: StageClock | None = None,
) -> Generator[TrackedFrame, None, None]:
    """Track through a video; a generator of ``(frame_index, time, frame, tracks)``.

    Args:
        source: a path, URL, webcam index or opened source; :func:`nanomot.video.sources.open_source`.
        detector: whatever finds boxes in a picture, for instance ``detectors.load_detector("nanodet-plus-m_416")``.
        tracker: a tracker or its name; it is reset first.
        roi: detections outside of it are dropped.
        camera_motion: an estimator or its name, "sparse" or "ecc", for a camera that moves; it is reset first.
        clock: collects the seconds of the stages "decode", "detect" and "track", and of "camera", what the pictures
            show of its motion, and "warp", what follows from that.

    Raises:
        NanomotError: the source cannot be opened or fails.
    """
    with closing(run(source, detector, tracker, roi=roi, camera_motion=camera_motion, clock=clock)) as steps:
        for step in steps:
            yield TrackedFrame(step.frame.index, step.frame.time, step.frame.image, step.tracks)


def run(
    source: str | Path | FrameSource,
    detector: Detector,
    tracker: Tracker | str | None,
    *,
    roi: RegionOfInterest | None = None,
    camera_motion: CameraMotion | str | None = None,
    clock: StageClock | None = None,
    stop: threading.Event | None = None,
    burst: int = 1,
) -> Generator[Step, None, None]:
    """As :func:`track_video`, with the detections; without a tracker the tracks are the detections, their ids -1.

    When somebody sets ``stop``, the generator ends, even while it waits for a frame. ``burst`` frames pass the network
    before they are tracked one after the other: the network empties the processor's caches, and all but the first then
    find them warm. It costs as many frames of delay, so cameras are spared it.
    """
    clock = clock or StageClock()
    if isinstance(tracker, str):
        tracker = create_tracker(tracker)
    if tracker is not None:
        tracker.reset()
    if isinstance(detector, ResettableDetector):
        detector.reset()
    if isinstance(camera_motion, str):
        camera_motion = create_camera_motion(camera_motion)
    opened = source if isinstance(source, FrameSource) else open_source(source)

    phases = _phases(detector, clock, live=opened.live)
    camera = None if camera_motion is None or tracker is None else _Camera(camera_motion, clock, live=opened.live)

    def finish(frame: Frame, inferred: Any) -> Step:
        found = phases.finish(inferred)
        detections = _inside(found, frame, roi)
        if tracker is None:
            return Step(frame, detections, detections_as_tracks(detections))
        moved = {} if camera is None else {"warp": camera.warp(frame, found)}
        with clock("track"):
            return Step(frame, detections, tracker.update(detections, frame=frame.image, time=frame.time, **moved))

    done = threading.Event()
    frames = _Ahead(_prepared(opened, phases, camera, clock), done, "nanomot-decode", newest_only=opened.live)
    turns = _in_turns(frames, phases.infer, finish, 1 if opened.live else max(burst, 1))
    steps = _Ahead(turns, done, "nanomot-track", ahead=max(_AHEAD, burst))
    try:
        yield from steps.until(stop)
    finally:
        done.set()
        steps.join()
        # A capture must not be released while a thread still reads from it.
        if frames.join():
            opened.close()


def detections_as_tracks(detections: Detections) -> Tracks:
    """Detections in the form of tracks without identity: every id is -1."""
    count = len(detections)
    return Tracks(
        boxes=detections.boxes,
        ids=np.full(count, -1, np.int64),
        scores=detections.scores,
        class_ids=detections.class_ids,
        detection_indices=np.arange(count, dtype=np.int64),
        sources=np.full(count, Source.DETECTED, np.int8),
        ages=np.zeros(count, np.int64),
    )


class _Phases(NamedTuple):
    """A detector's work on a frame in three parts: the decoding thread's, the network's, and reading its answer."""

    prepare: Callable[[Frame], Any]
    infer: Callable[[Frame, Any], Any]
    finish: Callable[[Any], Detections]


def _phases(detector: Detector, clock: StageClock, *, live: bool) -> _Phases:
    """Split ``detector`` where it lets itself be split; otherwise, all of it is the network's part.

    Frames of a camera are prepared only when it is certain that nobody passes them over for a newer one.
    """

    def whole(frame: Frame, _: Any) -> Detections:
        with clock("detect"):
            if isinstance(detector, SeekableDetector):
                detector.seek(frame.index)
            elif not frame.valid:
                return Detections.empty()
            return detector.detect(frame.image)

    if live or isinstance(detector, SeekableDetector) or not isinstance(detector, PhasedDetector):
        return _Phases(lambda frame: None, whole, lambda found: found)
    return _Phases(
        lambda frame: detector.prepare(frame.image) if frame.valid else None,
        lambda frame, prepared: None if prepared is None else detector.infer(prepared),
        lambda inferred: Detections.empty() if inferred is None else detector.finish(inferred),
    )


def _in_turns(
    frames: Iterable[tuple[Frame, Any]],
    infer: Callable[[Frame, Any], Any],
    finish: Callable[[Frame, Any], Step],
    burst: int,
) -> Iterator[Step]:
    """Infer ``burst`` frames, then finish them in order; a failure comes after all that was inferred before it."""
    waiting: list[tuple[Frame, Any]] = []
    try:
        for frame, prepared in frames:
            waiting.append((frame, infer(frame, prepared)))
            if len(waiting) >= min(burst, _BURST_BYTES // frame.image.nbytes):
                # Taken out first: what fails to be finished must not be finished again below.
                ready, waiting = waiting, []
                yield from itertools.starmap(finish, ready)
    except Exception:
        yield from itertools.starmap(finish, waiting)
        raise
    yield from itertools.starmap(finish, waiting)


def _inside(detections: Detections, frame: Frame, roi: RegionOfInterest | None) -> Detections:
    if roi is None or len(detections) == 0:
        return detections
    height, width = frame.image.shape[:2]
    return detections[roi.keep(detections, width, height)]


class _Camera:
    """The camera's motion: most of the work is done beside decoding, the rest where the frame's boxes are known.

    A camera's frames may be passed over for newer ones; what is a successor is then known only in the end.
    """

    def __init__(self, motion: CameraMotion, clock: StageClock, *, live: bool) -> None:
        self._motion, self._clock, self._live = motion, clock, live
        self._views: deque[View | None] = deque()
        motion.reset()

    def look(self, frame: Frame) -> None:
        """The decoding thread's part; every frame of it comes to :meth:`warp` in the same order."""
        if not self._live:
            self._views.append(self._view(frame))

    def warp(self, frame: Frame, found: Detections) -> NDArray[np.float64] | None:
        """The matrix from the last frame's pixels to this one's; None where nothing can be said."""
        view = self._view(frame) if self._live else self._views.popleft()
        with self._clock("warp"):
            warp = self._motion.estimate(view, found.boxes[found.scores >= MOVING_SCORE])
        return warp if self._motion.clear else None

    def _view(self, frame: Frame) -> View | None:
        with self._clock("camera"):
            return self._motion.look(frame.image if frame.valid else None)


def _prepared(
    frames: Iterable[Frame], phases: _Phases, camera: _Camera | None, clock: StageClock
) -> Iterator[tuple[Frame, Any]]:
    iterator = iter(frames)
    while True:
        with clock("decode"):
            frame = next(iterator, None)
        if frame is None:
            return
        if camera is not None:
            camera.look(frame)
        yield frame, phases.prepare(frame)


class _Ahead(Generic[_T]):
    """Iterates over ``items`` while a thread already makes the next ones; what it raises is raised in the caller.

    With ``newest_only`` an item that nobody took in time is replaced by the next: a camera does not wait.
    """

    def __init__(
        self, items: Iterable[_T], stop: threading.Event, name: str, *, ahead: int = _AHEAD, newest_only: bool = False
    ) -> None:
        self._items = items
        self._stop = stop
        self._newest_only = newest_only
        self._waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(1 if newest_only else ahead)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[_T]:
        return self.until(None)

    def until(self, asked: threading.Event | None) -> Iterator[_T]:
        """The items, until somebody asks for an end."""
        while not (self._stop.is_set() or (asked is not None and asked.is_set())):
            try:
                item, failure = self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if failure is not None:
                raise failure
            if item is _END:
                return
            yield item

    def join(self) -> bool:
        """Wait for the thread after ``stop`` was set; False where it hangs in a device."""
        self._thread.join(timeout=_JOIN_SECONDS)
        return not self._thread.is_alive()

    def _work(self) -> None:
        failure: BaseException | None = None
        try:
            for item in self._items:
                self._put((item, None), replace=self._newest_only)
                if self._stop.is_set():
                    return
        except BaseException as error:  # handed over to the thread that asked for the items
            failure = error
        self._put((_END, failure), replace=False)

    def _put(self, entry: tuple[Any, BaseException | None], *, replace: bool) -> None:
        while not self._stop.is_set():
            try:
                self._waiting.put(entry, timeout=0.0 if replace else _POLL_SECONDS)
            except queue.Full:
                if replace:
                    _drop_oldest(self._waiting)
            else:
                return


def _drop_oldest(waiting: queue.Queue[Any]) -> None:
    try:
        waiting.get_nowait()
    except queue.Empty:
        return
