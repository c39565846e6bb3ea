"""Trackers over the sequences of a benchmark: one result file per tracker and sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nanomot.detections import Detections, Tracks
from nanomot.evaluation.benchmarks import Sequence
from nanomot.trackers import create_tracker
from nanomot.video.frames import Frame
from nanomot.video.sinks import MotWriter

BoxesOf = Callable[[Sequence], Iterator[Detections]]
"""Gives a sequence's detections, one item per frame; it must survive being sent to another process."""

_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


@dataclass(frozen=True)
class TrackerSpec:
    """A tracker to be made, as plain values.

    Attributes:
        label: its row in tables and its folder of results.
        name, mode, config, overrides: as :func:`nanomot.create_tracker` takes them.
        min_area: tracks smaller than this, in square pixels, are not written.
        max_aspect: tracks wider than this many heights are not written.
    """

    label: str
    name: str
    mode: str | None = None
    config: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    min_area: float = 0.0
    max_aspect: float = float("inf")


@dataclass(frozen=True)
class Run:
    """What became of one tracker on one sequence."""

    label: str
    sequence: str
    result: Path
    frames: int
    update_seconds: float


def track_sequence(sequence: Sequence, spec: TrackerSpec, boxes_of: BoxesOf, result: Path) -> Run:
    """Track one sequence and write its MOTChallenge file; the tracker's clock is the sequence's frame rate."""
    tracker = create_tracker(spec.name, mode=spec.mode, config=spec.config, **spec.overrides)
    boxes = boxes_of(sequence)
    spent = 0.0
    writer = MotWriter(result)
    for index in range(sequence.length):
        found = next(boxes, None) or Detections.empty()
        seconds = index / sequence.frame_rate
        started = time.perf_counter()
        tracks = tracker.update(found, time=seconds)
        spent += time.perf_counter() - started
        writer.write(Frame(index, seconds, _NO_PICTURE), _of_a_persons_shape(tracks, spec))
    writer.close()
    return Run(spec.label, sequence.name, result, sequence.length, spent)


def _of_a_persons_shape(tracks: Tracks, spec: TrackerSpec) -> Tracks:
    if spec.min_area <= 0 and spec.max_aspect == float("inf"):
        return tracks
    width = tracks.boxes[:, 2] - tracks.boxes[:, 0]
    height = tracks.boxes[:, 3] - tracks.boxes[:, 1]
    return tracks[(width * height > spec.min_area) & (width <= spec.max_aspect * height)]


def track_all(
    sequences: list[Sequence],
    specs: list[TrackerSpec],
    boxes_of: BoxesOf,
    result_of: Callable[[TrackerSpec, Sequence], Path],
    *,
    workers: int = 1,
) -> Iterator[Run]:
    """Track every sequence with every tracker and yield each run when it is done, in a fixed order.

    With several ``workers`` the jobs go to as many processes; the files are the same, byte for byte.
    """
    jobs = [(sequence, spec, boxes_of, result_of(spec, sequence)) for spec in specs for sequence in sequences]
    if workers <= 1:
        for job in jobs:
            yield track_sequence(*job)
        return
    with ProcessPoolExecutor(min(workers, len(jobs))) as pool:
        pending = [pool.submit(track_sequence, *job) for job in jobs]
        for future in pending:
            yield future.result()
