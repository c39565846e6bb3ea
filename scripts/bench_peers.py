"""Other people's trackers behind one interface, for ``bench_trackers.py``.

Each peer says how a frame's detections look in its own format (:attr:`Peer.prepare`, outside of the timed part) and
how a fresh tracker is made whose ``update`` takes them. Thresholds are ours: high scores from .45, low ones from .1,
births from .55, a first gate of IoU .2 and 30 frames of memory, wherever a peer has such a parameter.

A peer is used only where it is installed; nothing here is needed by nanomot itself.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from nanomot import Detections, create_tracker, tracker_names

Update = Callable[..., Any]
HIGH, LOW, BIRTH, MATCH, SECOND, BUFFER = 0.45, 0.1, 0.55, 0.8, 0.5, 30
_PICTURE = np.zeros((1080, 1920, 3), np.uint8)
_FRAME_NS = 33_333_333


@dataclass(frozen=True)
class Peer:
    """A tracker of somebody else's, or one of ours.

    Attributes:
        name: as in the tables.
        distribution: what ``pip install`` calls it.
        method: the published method.
        language: what its update is written in.
        modules: what must be importable.
        make: takes these modules and returns the update of a fresh tracker.
        prepare: takes them, a frame's detections and its index from 0; returns the arguments of that update.
    """

    name: str
    distribution: str
    method: str
    language: str
    modules: tuple[str, ...]
    make: Callable[..., Update]
    prepare: Callable[..., tuple[Any, ...]]

    def version(self) -> str:
        """Of the installed distribution; raises PackageNotFoundError where there is none."""
        return importlib.metadata.version(self.distribution)

    def load(self) -> list[Any]:
        """The modules; raises ImportError where the peer or something that it needs is not installed."""
        return [importlib.import_module(module) for module in self.modules]


def _rows(detections: Detections) -> np.ndarray:
    """(N, 5): box and score."""
    return np.column_stack((detections.boxes, detections.scores))


def _rows_and_classes(detections: Detections) -> np.ndarray:
    """(N, 6): box, score and class."""
    return np.column_stack((detections.boxes, detections.scores, detections.class_ids))


def _above_floor(detections: Detections) -> Detections:
    """For those that have no lower threshold of their own."""
    return detections[detections.scores >= LOW]


def _high(detections: Detections) -> Detections:
    """For methods of one stage without a threshold."""
    return detections[detections.scores >= HIGH]


def ours(name: str) -> Peer:
    """One of nanomot's own trackers with its default parameters."""
    return Peer(
        f"nanomot {name}",
        "nanomot",
        name,
        "NumPy",
        (),
        lambda: create_tracker(name).update,
        # Copied as the others' inputs are made anew: a detector has just written what it hands on.
        lambda found, index: (Detections(found.boxes.copy(), found.scores.copy(), found.class_ids.copy()),),
    )


def _supervision(module: Any, found: Detections) -> Any:
    return module.Detections(xyxy=found.boxes.astype(np.float32), confidence=found.scores, class_id=found.class_ids)


def _ultralytics() -> Peer:
    arguments = SimpleNamespace(
        track_high_thresh=HIGH,
        track_low_thresh=LOW,
        new_track_thresh=BIRTH,
        track_buffer=BUFFER,
        match_thresh=MATCH,
        fuse_score=True,
    )
    return Peer(
        "ultralytics ByteTrack",
        "ultralytics",
        "bytetrack",
        "Python",
        ("ultralytics.trackers.byte_tracker", "ultralytics.engine.results"),
        lambda tracker, _: tracker.BYTETracker(arguments).update,
        lambda _, results, found, index: (
            results.Boxes(_rows_and_classes(found).astype(np.float32), _PICTURE.shape[:2]),
        ),
    )


def _visiontrack(module: Any) -> Update:
    settings = module.TrackerConfig(
        high_score_thresh=HIGH,
        low_score_thresh=LOW,
        new_track_thresh=BIRTH,
        match_iou_thresh=1.0 - MATCH,
        recovery_iou_thresh=SECOND,
        max_age=BUFFER,
    )
    return module.ByteTracker(settings).update  # type: ignore[no-any-return]


def _roboflow(name: str, method: str, class_name: str, prepare: Callable[[Detections], Detections], **own: Any) -> Peer:
    return Peer(
        name,
        "trackers",
        method,
        "Python",
        ("trackers", "supervision"),
        lambda trackers, _: (
            getattr(trackers, class_name)(lost_track_buffer=BUFFER, track_activation_threshold=BIRTH, **own).update
        ),
        lambda _, supervision, found, index: (_supervision(supervision, prepare(found)),),
    )


def _norfair(module: Any) -> Update:
    tracker = module.Tracker(
        distance_function="iou", distance_threshold=MATCH, initialization_delay=1, hit_counter_max=BUFFER
    )
    return tracker.update  # type: ignore[no-any-return]


def _motpy(module: Any) -> Update:
    tracker = module.MultiObjectTracker(dt=1 / 30, tracker_kwargs={"max_staleness": BUFFER})
    return tracker.step  # type: ignore[no-any-return]


def _norfair_detections(module: Any, found: Detections, index: int) -> tuple[Any, ...]:
    found = _high(found)
    return (
        [
            module.Detection(box.reshape(2, 2), np.full(2, score))
            for box, score in zip(found.boxes, found.scores, strict=True)
        ],
    )


def _motpy_detections(module: Any, found: Detections, index: int) -> tuple[Any, ...]:
    found = _high(found)
    return ([module.Detection(box, float(score)) for box, score in zip(found.boxes, found.scores, strict=True)],)


PEERS = (
    *(ours(name) for name in tracker_names()),
    Peer(
        "pyxtrackers ByteTrack",
        "pyxtrackers",
        "bytetrack",
        "Cython",
        ("pyxtrackers",),
        lambda module: module.BYTETracker(track_thresh=HIGH, match_thresh=MATCH, track_buffer=BUFFER).update,
        lambda _, found, index: (_rows(found),),
    ),
    Peer(
        "edgefirst ByteTrack",
        "edgefirst-tracker",
        "bytetrack",
        "Rust",
        ("edgefirst.tracker",),
        lambda module: module.ByteTrack(HIGH, 1.0 - MATCH, 0.25, BUFFER * _FRAME_NS).update,
        lambda _, found, index: (
            *(array.astype(np.float32) for array in (_above_floor(found).boxes, _above_floor(found).scores)),
            _above_floor(found).class_ids.astype(np.uint64),
            (index + 1) * _FRAME_NS,
        ),
    ),
    Peer(
        "ioutrack ByteTrack",
        "ioutrack-rs",
        "bytetrack",
        "Rust",
        ("ioutrack",),
        lambda module: (
            module.ByteTrack(
                max_age=BUFFER,
                min_hits=2,
                iou_threshold=1.0 - MATCH,
                init_tracker_min_score=BIRTH,
                high_score_threshold=HIGH,
                low_score_threshold=LOW,
            ).update
        ),
        lambda _, found, index: (_rows(found), False),
    ),
    Peer(
        "visiontrack ByteTrack",
        "visiontrack-cpp",
        "bytetrack",
        "C++",
        ("visiontrack_cpp",),
        _visiontrack,
        lambda _, found, index: (found.boxes, found.scores),
    ),
    _roboflow(
        "roboflow ByteTrack",
        "bytetrack",
        "ByteTrackTracker",
        _above_floor,
        minimum_iou_threshold=1.0 - MATCH,
        high_conf_det_threshold=HIGH,
    ),
    _ultralytics(),
    Peer(
        "boxmot ByteTrack",
        "boxmot",
        "bytetrack",
        "Python",
        ("boxmot",),
        lambda module: (
            module.ByteTrack(min_conf=LOW, track_thresh=HIGH, match_thresh=MATCH, track_buffer=BUFFER).update
        ),
        lambda _, found, index: (_rows_and_classes(found).astype(np.float32), _PICTURE),
    ),
    Peer(
        "cjm ByteTrack",
        "cjm-byte-track",
        "bytetrack",
        "Python",
        ("cjm_byte_track.core",),
        lambda module: module.BYTETracker(track_thresh=HIGH, match_thresh=MATCH, track_buffer=BUFFER).update,
        lambda _, found, index: (_rows(found), _PICTURE.shape[:2], _PICTURE.shape[:2]),
    ),
    Peer(
        "bytetracker ByteTrack",
        "bytetracker",
        "bytetrack",
        "Python",
        ("bytetracker", "torch"),
        lambda module, _: module.BYTETracker(track_thresh=HIGH, match_thresh=MATCH, track_buffer=BUFFER).update,
        lambda _, torch, found, index: (torch.from_numpy(_rows_and_classes(found)), None),
    ),
    Peer(
        "pyxtrackers SORT",
        "pyxtrackers",
        "sort",
        "Cython",
        ("pyxtrackers",),
        lambda module: module.Sort(max_age=BUFFER, min_hits=3, iou_threshold=0.3).update,
        lambda _, found, index: (_rows(_high(found)),),
    ),
    _roboflow("roboflow SORT", "sort", "SORTTracker", _high, minimum_iou_threshold=0.3),
    Peer("norfair", "norfair", "norfair", "Python", ("norfair",), _norfair, _norfair_detections),
    Peer("motpy", "motpy", "motpy", "Python", ("motpy",), _motpy, _motpy_detections),
)
