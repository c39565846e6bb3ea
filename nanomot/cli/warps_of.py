"""How the camera moved through a benchmark's sequences: estimated from their frames once and kept."""

from __future__ import annotations

import argparse
import itertools
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nanomot import __version__
from nanomot.camera_motion import create_camera_motion
from nanomot.cli.boxes_of import StoredBoxes
from nanomot.cli.crew_options import counted
from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.cache import DetectionCache, content_hash, store_arrays
from nanomot.jobs import Crew, Job, Turn, results, run_jobs
from nanomot.pipeline import MOVING_SCORE
from nanomot.resources import cache_dir
from nanomot.video.sources import open_source

Warps = Mapping[str, NDArray[np.float64]]


def camera_warps(
    args: argparse.Namespace, sequences: list[Sequence], boxes: StoredBoxes, crew: Crew, stop: threading.Event
) -> Warps:
    """Sequence name -> (length, 2, 3) warps by ``--camera-motion``, nan where nothing can be said of the motion.

    They come from the cache where they are known already.

    Raises:
        NanomotError: frames of a sequence are missing.
        FailedJobsError: some sequences failed, those of all others are in the cache; the jobs' keys are their names.
        KeyboardInterrupt: somebody set ``stop``.
    """
    if args.camera_motion == "none":
        return {}
    cache = DetectionCache(cache_dir() / "camera_motion")
    jobs = []
    paths = {}
    for sequence in sequences:
        if sequence.frames is None:
            raise NanomotError(
                f"{sequence.folder}: has no frames, which --camera-motion looks at; name their place by --frames "
                f"{sequence.base_name}=PATH."
            )
        pictures = sequence.frames / "img1" if (sequence.frames / "img1").is_dir() else sequence.frames
        key = {
            "version": __version__,
            "estimator": args.camera_motion,
            "frames": content_hash(pictures),
            "part": (sequence.offset, sequence.length),
            "boxes": content_hash(boxes.paths[sequence.name]),
            "taken": (boxes.conf, boxes.classes, boxes.score_ranges.get(sequence.name)),
        }
        paths[sequence.name] = cache.path(sequence.base_name, key)
        if not paths[sequence.name].is_file():
            placed = replace(sequence, frames=sequence.frames.absolute())
            load = partial(_with_moving_boxes, placed, args.camera_motion, boxes)
            jobs.append(Job(sequence.name, sequence.name, _estimate, load))
    done = counted(run_jobs(jobs, crew, stop), len(jobs), crew, "sequence")
    for job, warps in results(done, "sequences"):
        store_arrays(paths[job.key], warps=warps)
    return {name: _stored(path) for name, path in paths.items()}


def _stored(path: Any) -> NDArray[np.float64]:
    with np.load(path, allow_pickle=False) as stored:
        warps: NDArray[np.float64] = stored["warps"]
    return warps


def _with_moving_boxes(
    sequence: Sequence, estimator: str, boxes: StoredBoxes
) -> tuple[Sequence, str, list[NDArray[np.float64]]]:
    """The arguments of :func:`_estimate`."""
    return sequence, estimator, [found.boxes[found.scores >= MOVING_SCORE] for found in boxes(sequence)]


def _estimate(sequence: Sequence, estimator: str, moving: list[NDArray[np.float64]], turn: Turn) -> NDArray[np.float64]:
    """A sequence's warps, estimated wherever this runs."""
    if turn.cores is not None:
        cv2.setNumThreads(turn.cores)
    camera = create_camera_motion(estimator)
    warps = np.full((sequence.length, 2, 3), np.nan)
    hidden = None if turn.visible else True
    if camera is None:
        return warps
    with open_source(sequence.frames or sequence.folder, fps=sequence.frame_rate) as source:
        frames = itertools.islice(source, sequence.offset, sequence.offset + sequence.length)
        bar = tqdm(frames, desc=sequence.base_name, total=sequence.length, unit="frame", disable=hidden, leave=False)
        for index, (frame, boxes) in enumerate(zip(bar, moving, strict=False)):
            turn.check()
            warp = camera.update(frame.image if frame.valid else None, boxes)
            if camera.clear:
                warps[index] = warp
    return warps
