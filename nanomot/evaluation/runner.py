"""Trackers over the sequences of a benchmark: one result file per tracker and sequence."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Detections, Tracks
from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.whole_file import write_whole
from nanomot.jobs import Alone, Crew, Job, Turn, results, run_jobs
from nanomot.trackers import Tracker, create_tracker, method_of_its_own
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
        warps: sequence name -> (length, 2, 3) motion of the camera, where it is known; nan where nobody knows.
        calibration: as :func:`nanomot.create_tracker` takes it.
    """

    label: str
    name: str
    mode: str | None = None
    config: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    min_area: float = 0.0
    max_aspect: float = float("inf")
    warps: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)
    calibration: str | None = None

    def make(self, **options: Any) -> Tracker:
        """The tracker; ``options`` as :func:`nanomot.create_tracker` takes them, where ``overrides`` do not say so."""
        stated = {"mode": self.mode, "config": self.config, "calibration": self.calibration}
        return create_tracker(self.name, **{**stated, **options, **self.overrides})


@dataclass(frozen=True)
class Run:
    """What became of one tracker on one sequence."""

    label: str
    sequence: str
    result: Path
    frames: int
    update_seconds: float


def track_sequence(
    sequence: Sequence, spec: TrackerSpec, boxes_of: BoxesOf, result: Path, turn: Turn | None = None
) -> Run:
    """Track one sequence and write its MOTChallenge file; the tracker's clock is the sequence's frame rate."""
    tracker = spec.make(frame_rate=sequence.frame_rate)
    boxes = boxes_of(sequence)
    warps = spec.warps.get(sequence.name)
    spent = 0.0
    writer = MotWriter(result)
    for index in range(sequence.length):
        if turn is not None:
            turn.check()
        found = next(boxes, None) or Detections.empty()
        seconds = index / sequence.frame_rate
        moved = {} if warps is None or np.isnan(warps[index]).any() else {"warp": warps[index]}
        started = time.perf_counter()
        tracks = tracker.update(found, time=seconds, **moved)
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
    crew: Crew | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Run]:
    """Track every sequence with every tracker and yield each run when it is done.

    The jobs go to the workers of ``crew``, in this process without one; the files are the same, byte for byte.

    Raises:
        FailedJobsError: some runs failed, all others are complete; the jobs' keys are pairs of label and sequence name.
        KeyboardInterrupt: somebody set ``stop``.
    """
    crew = crew or Alone(stop)
    jobs = []
    places = {}
    for spec in specs:
        for sequence in sequences:
            key = spec.label, sequence.name
            places[key] = result_of(spec, sequence)
            label = f"{sequence.name}, {spec.label}" if len(specs) > 1 else sequence.name
            if crew.shares_files:
                load = partial(tuple, (sequence, spec, boxes_of, places[key]))
                jobs.append(Job(key, label, track_sequence, load))
            else:
                jobs.append(Job(key, label, _track_apart, partial(_packed, sequence, spec, boxes_of)))
    for job, value in results(run_jobs(jobs, crew, stop), "sequences"):
        if isinstance(value, Run):
            yield value
        else:
            done, content = value
            place = places[job.key]
            write_whole(place, content)
            yield replace(done, result=place)


def _packed(sequence: Sequence, spec: TrackerSpec, boxes_of: BoxesOf) -> tuple[Sequence, TrackerSpec, list[Detections]]:
    """What tracks a sequence on a machine that has none of the files."""
    parameters = spec.make().parameters
    if is_dataclass(parameters) and not isinstance(parameters, type):
        mode = method_of_its_own(spec.name, spec.mode, spec.config)
        spec = replace(spec, mode=mode, config=None, calibration=None, overrides=asdict(parameters))
    return sequence, spec, list(boxes_of(sequence))


def _track_apart(sequence: Sequence, spec: TrackerSpec, boxes: list[Detections], turn: Turn) -> tuple[Run, bytes]:
    """Track where no file is shared: boxes come with the job, and the result file's content goes back."""
    with tempfile.TemporaryDirectory(prefix="nanomot-") as folder:
        result = Path(folder) / f"{sequence.name}.txt"
        done = track_sequence(sequence, spec, lambda _: iter(boxes), result, turn)
        return done, result.read_bytes()
