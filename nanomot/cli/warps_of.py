"""How the camera moved through a benchmark's sequences: estimated from their frames once and kept."""

from __future__ import annotations

import argparse
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
from nanomot.digests import content_hash
from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.cache import DetectionCache, load_arrays, store_arrays
from nanomot.evaluation.frames import frames_key, open_frames, require_frames
from nanomot.jobs import Crew, Job, Turn, results, run_jobs
from nanomot.pipeline import MOVING_SCORE
from nanomot.resources import cache_dir

Warps = Mapping[str, NDArray[np.float64]]

_WARPS = "warps"


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
    require_frames(sequences, "leave out --camera-motion")
    cache = DetectionCache(cache_dir() / "camera_motion")
    jobs = []
    paths = {}
    for sequence in sequences:
        assert sequence.frames is not None  # require_frames has looked
        key = {
            "version": __version__,
            "estimator": args.camera_motion,
            **frames_key(sequence),
            "boxes": content_hash(boxes.paths[sequence.name]),
            "taken": (boxes.conf, boxes.classes, boxes.score_ranges.get(sequence.name)),
        }
        paths[sequence.name] = cache.path(sequence.base_name, key)
        if load_arrays(paths[sequence.name], _WARPS) is None:
            placed = replace(sequence, frames=sequence.frames.absolute())
            load = partial(_with_moving_boxes, placed, args.camera_motion, boxes)
            jobs.append(Job(sequence.name, sequence.name, _estimate, load))
    done = counted(run_jobs(jobs, crew, stop), len(jobs), crew, "sequence")
    for job, warps in results(done, "sequences"):
        store_arrays(paths[job.key], **{_WARPS: warps})
    return {name: _stored(path) for name, path in paths.items()}


def _stored(path: Any) -> NDArray[np.float64]:
    arrays = load_arrays(path, _WARPS)
    if arrays is None:
        raise NanomotError(f"{path}: was in the cache a moment ago, and is not any more.")
    return arrays[_WARPS]


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
    with open_frames(sequence) as source:
        bar = tqdm(source, desc=sequence.base_name, total=sequence.length, unit="frame", disable=hidden, leave=False)
        for index, (frame, boxes) in enumerate(zip(bar, moving, strict=False)):
            turn.check()
            warp = camera.update(frame.image if frame.valid else None, boxes)
            if camera.clear:
                warps[index] = warp
    return warps
