"""Where an evaluation's boxes come from: a model, a benchmark's public detections, or a folder of files."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from detectors import PERSON_IF_KNOWN
from detectors.loader import DETECTORS, REPLAY_SUFFIXES
from detectors.manifest import manifest_for
from detectors.replay import load_replay
from detectors.zoo import resolve_model
from nanomot import __version__
from nanomot.cli.crew_options import counted, everywhere, with_threads
from nanomot.cli.detector_options import load_from
from nanomot.cli.options import parse_classes
from nanomot.detections import Detections, Detector
from nanomot.digests import content_hash
from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Benchmark, Sequence
from nanomot.evaluation.cache import DetectionCache
from nanomot.evaluation.frames import frames_key, open_frames, require_frames
from nanomot.jobs import Alone, Crew, Job, Turn, results, run_jobs
from nanomot.pipeline import run
from nanomot.resources import cache_dir

_LOG = logging.getLogger("nanomot")
_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)
_SUFFIXES = (".txt", ".npz", ".json")
_DETECTOR_FLAGS = ("conf", "nms", "imgsz", "classes", "tiles", "threads", "device")


@dataclass(frozen=True)
class StoredBoxes:
    """Detections of each sequence from files; small enough to be sent to another process.

    Attributes:
        paths: sequence name -> file.
        conf: boxes below are left out.
        classes: as :func:`detectors.load_detector` takes them.
        whole: files may hold a whole sequence of which only the last part is asked for: frames are then shifted by the
            difference in length.
        score_ranges: sequence name -> the scores that mean 0 and 1; those between are scaled, others clipped.
    """

    paths: Mapping[str, Path]
    conf: float
    classes: Any
    whole: bool = False
    score_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, sequence: Sequence) -> Iterator[Detections]:
        """One item per frame of ``sequence``."""
        limits = self.score_ranges.get(sequence.name)
        floor = self.conf if limits is None else float("-inf")
        replay = load_replay(
            str(self.paths[sequence.name]), conf=floor, classes=self.classes, any_range=limits is not None
        )
        shift = (sequence.offset or max(replay.frame_count - sequence.length, 0)) if self.whole else 0
        replay.seek(shift)
        for _ in range(sequence.length):
            found = replay.detect(_NO_PICTURE)
            yield found if limits is None else _rescored(found, limits, self.conf)


def _rescored(found: Detections, limits: tuple[float, float], conf: float) -> Detections:
    low, high = limits
    scores = np.clip((found.scores - low) / (high - low), 0.0, 1.0)
    keep = scores >= conf
    return Detections.trusted(found.boxes[keep], scores[keep], found.class_ids[keep])


def chosen_boxes(
    args: argparse.Namespace,
    benchmark: Benchmark,
    sequences: list[Sequence],
    *,
    crew: Crew | None = None,
    stop: threading.Event | None = None,
) -> StoredBoxes:
    """The boxes that ``--detections`` and the detector's flags ask for."""
    classes = parse_classes(args.classes, PERSON_IF_KNOWN)
    if args.detections == "model":
        return model_boxes(args, sequences, classes, crew=crew, stop=stop)
    if args.detections == "public":
        return public_boxes(benchmark, sequences, args.conf, classes)
    return boxes_in(Path(args.detections).expanduser(), sequences, args.conf, classes)


def public_boxes(benchmark: Benchmark, sequences: list[Sequence], conf: float, classes: Any) -> StoredBoxes:
    """The benchmark's own detections, ``det/det.txt`` of each sequence, with scores from 0 to 1."""
    paths = {}
    ranges = {sequence.name: benchmark.score_range(sequence.name) for sequence in sequences}
    for sequence in sequences:
        path = sequence.folder / "det" / "det.txt"
        whole = sequence.folder.parent.parent / "train" / sequence.name / "det" / "det.txt"
        paths[sequence.name] = path if path.is_file() or not whole.is_file() else whole
    known = {name: limits for name, limits in ranges.items() if limits is not None}
    return StoredBoxes(paths, conf, classes, whole=True, score_ranges=known)


def boxes_in(folder: Path, sequences: list[Sequence], conf: float, classes: Any) -> StoredBoxes:
    """Files of ``folder`` by the sequences' names, with or without the suffix of a public detector.

    Raises:
        NanomotError: a sequence has no file there.
    """
    if not folder.is_dir():
        raise NanomotError(f"{folder}: is no folder of detections, which --detections names.")
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES}
    paths = {}
    for sequence in sequences:
        near = [stem for stem in files if stem.rpartition("-")[0] == sequence.base_name]
        name = next((stem for stem in (sequence.name, sequence.base_name, *near) if stem in files), None)
        if name is None:
            raise NanomotError(
                f"{folder}: has no detections of {sequence.name} (there are: {', '.join(files) or 'none'})."
            )
        paths[sequence.name] = files[name]
    return StoredBoxes(paths, conf, classes, whole=True)


def model_boxes(
    args: argparse.Namespace,
    sequences: list[Sequence],
    classes: Any,
    *,
    crew: Crew | None = None,
    stop: threading.Event | None = None,
) -> StoredBoxes:
    """What ``--model`` finds in each sequence's frames, from the cache where it has been computed before.

    Sequences go to the workers of ``crew``, who read frames and model under the paths that they have here.

    Raises:
        NanomotError: frames of a sequence are missing, or are clearly not its own.
        FailedJobsError: some sequences failed, those of all others are in the cache; the jobs' keys are their names.
        KeyboardInterrupt: somebody set ``stop``.
    """
    require_frames(sequences, "take stored boxes by --detections")
    crew = crew or Alone(stop)
    cache = DetectionCache(cache_dir() / "detections")
    model = _model_digest(args.model)
    settings = {
        "version": __version__,
        "model": model,
        **{name: getattr(args, name) for name in ("conf", "nms", "imgsz", "tiles", "device")},
        "classes": classes,
    }
    options = argparse.Namespace(
        model=everywhere(args.model), **{name: getattr(args, name) for name in _DETECTOR_FLAGS}
    )
    jobs = []
    paths: dict[str, Path] = {}
    for sequence in sequences:
        assert sequence.frames is not None  # require_frames has looked
        path = cache.path(sequence.base_name, {**settings, **frames_key(sequence)})
        if path not in paths.values() and not cache.holds(path):
            placed = replace(sequence, frames=sequence.frames.absolute())
            jobs.append(Job(sequence.name, sequence.name, _find_boxes, partial(tuple, (placed, options, model))))
        paths[sequence.name] = path
    done = counted(run_jobs(jobs, crew, stop), len(jobs), crew, "sequence")
    for job, (found, class_names) in results(done, "sequences"):
        cache.store(paths[job.key], found, class_names)
    return StoredBoxes(paths, args.conf, classes)


def _model_digest(model: str) -> str:
    """What a detector's answers depend on: its file with all its weights, and what is said about it beside the file."""
    if model in DETECTORS:
        return model
    resolved = resolve_model(model)
    if resolved.path.suffix.lower() in REPLAY_SUFFIXES:
        return content_hash(resolved.path)
    stated = manifest_for(resolved.path, None, resolved.manifest)
    return f"{content_hash(resolved.path)} {stated}"


def _find_boxes(
    sequence: Sequence, options: argparse.Namespace, model: str, turn: Turn
) -> tuple[list[Detections], list[str]]:
    """A sequence's boxes and the names of their classes, found wherever this runs."""
    if not turn.visible and _model_digest(options.model) != model:
        raise NanomotError(f"{options.model}: is another file here than where the evaluation was started.")
    if turn.cores is not None:
        cv2.setNumThreads(turn.cores)
    # Background subtraction remembers the last sequence: every sequence gets a detector of its own.
    detector = load_from(with_threads(options, turn))
    return list(_detect(sequence, detector, turn)), list(detector.class_names)


def _detect(sequence: Sequence, detector: Detector, turn: Turn) -> Iterator[Detections]:
    steps = run(open_frames(sequence), detector, None, stop=turn.stop)
    hidden = None if turn.visible else True
    for step in tqdm(steps, desc=sequence.base_name, total=sequence.length, unit="frame", disable=hidden, leave=False):
        yield step.detections
    turn.check()
