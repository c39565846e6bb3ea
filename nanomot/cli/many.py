"""``nanomot track`` on several videos: each a run of its own, here or by others; one that fails stops no other."""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

import cv2

from nanomot.cli.crew_options import counted, crew_of, everywhere, with_threads
from nanomot.cli.detector_options import load_from
from nanomot.cli.interruption import graceful_stop
from nanomot.cli.main import EXIT_INTERRUPTED, EXIT_OK
from nanomot.cli.outputs import run_folder
from nanomot.cli.tracking import track
from nanomot.errors import NanomotError
from nanomot.evaluation.whole_file import write_whole
from nanomot.jobs import Crew, FailedJobsError, Job, Outcome, Turn, run_jobs
from nanomot.trackers import Tracker, create_tracker, method_of_its_own
from nanomot.video.frames import sequence_name

_PLAIN = (str, int, float, bool, list, dict, type(None))


@dataclass(frozen=True)
class VideoRun:
    """What became of one video.

    Attributes:
        summary: what ``nanomot track`` prints of it.
        failure: why it ended before its time, None where it did not.
        whole: whether nobody interrupted it.
        files: path below the video's folder -> content, of results that are not there yet.
    """

    summary: str
    failure: str | None = None
    whole: bool = True
    files: Mapping[str, bytes] = field(default_factory=dict)


def track_many(args: argparse.Namespace, places: list[str], out: TextIO) -> int:
    """Track each of ``places`` into a folder of its own and return the exit status.

    Raises:
        FailedJobsError: some failed; all others are complete.
        NanomotError: nothing can be tracked with these arguments.
    """
    if args.show and (args.cluster is not None or (args.workers or 1) > 1):
        raise NanomotError("--show needs the videos one after the other: leave out --workers and --cluster.")
    # Whatever is wrong for all videos alike is told once, before anything is written.
    if not args.only_detect:
        _tracker(args)
    load_from(args)
    done, failures = 0, []
    with graceful_stop() as stop, crew_of(args, len(places), stop) as crew:
        folder = run_folder(args.project, args.name, exist_ok=args.exist_ok)
        names = unique_names(places)
        jobs = [_job(args, place, folder / name, crew) for place, name in zip(places, names, strict=True)]
        try:
            for outcome in counted(run_jobs(jobs, crew, stop), len(jobs), crew, "video"):
                failed = _take(outcome, out)
                failures += [failed] if failed else []
                done += not failed and outcome.value.whole
        except KeyboardInterrupt:
            out.write(f"interrupted; {done} of {len(places)} videos are complete in {folder}\n")
            return EXIT_INTERRUPTED
    out.write(f"{done} of {len(places)} videos tracked, results in {folder}\n")
    out.flush()
    if failures:
        raise FailedJobsError("videos", failures, len(places))
    return EXIT_OK


def _tracker(args: argparse.Namespace) -> Tracker:
    return create_tracker(
        args.tracking_method, mode=args.mode, config=args.config, calibration=args.calibration, **args.overrides
    )


def unique_names(places: list[str]) -> list[str]:
    """A folder name for each path: its stem, with the next free number behind it where another has that already."""
    taken: set[str] = set()
    names = []
    for place in places:
        path = Path(place)
        stem = sequence_name(path.name if path.is_dir() else path.stem)
        name, number = stem, 1
        # Some file systems do not tell small letters from capital ones.
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def _job(args: argparse.Namespace, place: str, folder: Path, crew: Crew) -> Job:
    plain = {key: value for key, value in vars(args).items() if isinstance(value, _PLAIN)}
    if crew.shares_files:
        own = argparse.Namespace(**{**plain, "path": place})
        return Job(folder, place, _track_here, partial(tuple, (own, folder)))
    own = argparse.Namespace(**{**plain, **_from_elsewhere(args), "path": everywhere(place)})
    return Job(folder, place, _track_apart, partial(tuple, (own, str(folder))))


def _from_elsewhere(args: argparse.Namespace) -> dict[str, object]:
    """Arguments as another machine can use them: files by their whole paths, the tracker's parameters as values."""
    changed: dict[str, object] = {"model": everywhere(args.model), "reid_model": None, "calibration": None}
    if args.roi is not None:
        changed["roi"] = everywhere(args.roi)
    if args.only_detect:
        return {**changed, "config": None}
    parameters = _tracker(args).parameters
    if is_dataclass(parameters) and not isinstance(parameters, type):
        mode = method_of_its_own(args.tracking_method, args.mode, args.config)
        return {**changed, "mode": mode, "config": None, "overrides": asdict(parameters)}
    return {**changed, "config": args.config and everywhere(args.config)}


def _track_here(args: argparse.Namespace, folder: Path, turn: Turn) -> VideoRun:
    """Track one video into ``folder``; what was written before a failure stays."""
    if turn.cores is not None:
        cv2.setNumThreads(turn.cores)
    summary = io.StringIO()
    try:
        status = track(with_threads(args, turn), summary, folder=folder, turn=turn)
    except NanomotError as error:
        return VideoRun(summary.getvalue(), str(error))
    return VideoRun(summary.getvalue(), whole=status == EXIT_OK)


def _track_apart(args: argparse.Namespace, folder: str, turn: Turn) -> VideoRun:
    """Track one video where no folder is shared: the results' contents go back."""
    with tempfile.TemporaryDirectory(prefix="nanomot-") as scratch:
        done = _track_here(args, Path(scratch), turn)
        files = {
            path.relative_to(scratch).as_posix(): path.read_bytes()
            for path in sorted(Path(scratch).rglob("*"))
            if path.is_file()
        }
        return replace(done, summary=done.summary.replace(scratch, folder), files=files)


def _take(outcome: Outcome, out: TextIO) -> Outcome | None:
    """Write what came back of one video, and print its summary; the outcome where it failed."""
    if outcome.failure is not None:
        return outcome
    run: VideoRun = outcome.value
    for path, content in run.files.items():
        write_whole(outcome.job.key / path, content)
    out.write(run.summary)
    out.flush()
    return None if run.failure is None else replace(outcome, failure=run.failure)
