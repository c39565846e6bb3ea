"""``nanomot val``: trackers measured on a benchmark as its official kit measures them."""

from __future__ import annotations

import argparse
import itertools
import logging
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanomot.cli.benchmark_options import add_benchmark_options, chosen_sequences
from nanomot.cli.boxes_of import StoredBoxes, chosen_boxes
from nanomot.cli.calibrations import add_calibration_option, take_calibration, tell_calibration
from nanomot.cli.crew_options import add_crew_options, check_crew_options, counted, crew_of
from nanomot.cli.detector_options import add_detector_options, check_detector_options
from nanomot.cli.interruption import graceful_stop
from nanomot.cli.judging import (
    RAW_RESULTS,
    RESULTS,
    Judging,
    judge_folder,
    missing_truth,
    result_folder,
    smooth_results,
)
from nanomot.cli.options import parse_assignments
from nanomot.cli.outputs import run_folder
from nanomot.cli.profiles import add_profile_option, take_profile
from nanomot.cli.run_record import calibrated, record_judging, record_tracking
from nanomot.cli.shared_options import add_camera_option, add_folder_options, add_parameter_options
from nanomot.cli.warps_of import Warps, camera_warps
from nanomot.errors import NanomotError
from nanomot.evaluation.ablation import WITHOUT_CAMERA, ablated
from nanomot.evaluation.benchmarks import Benchmark, Sequence
from nanomot.evaluation.judge import COMBINED, Row
from nanomot.evaluation.report import both_tables, write_comparison
from nanomot.evaluation.runner import TrackerSpec, track_all
from nanomot.evaluation.smoothing import METHODS
from nanomot.evaluation.submission import plan_submission, write_submission
from nanomot.jobs import Crew, FailedJobsError, Outcome
from nanomot.timing import StageClock

_LOG = logging.getLogger("nanomot")

_EPILOG = """\
examples:
  nanomot val --benchmark MOT17 --data-root data --model nanodet-plus-m_416
  nanomot val --benchmark MOT17 --split val_half --data-root data --detections boxes --trackers bytetrack,nanotrack
  nanomot val --benchmark MOT20 --data-root data --detections public --workers 2
  nanomot val --benchmark MOT17 --data-root /shared/data --cluster tcp://host:8786
  nanomot val --benchmark MOT17 --data-root data --eval-existing --name exp

results, in <project>/<name>/ (with several trackers, in a folder for each):
  mot/<sequence>.txt   the tracks that are judged; with --smooth, the raw ones are in mot_raw/
  results.json         sequence or COMBINED -> metric -> percentage or count, by TrackEval and motmetrics
  results.csv          the same as a table
  trackers.csv         with several trackers: all of them in one table, over all sequences
  report.html          the table, the plots and the worst ID switches as pictures
  *.png                HOTA over the localisation threshold; metrics per sequence
  <benchmark>-<split>.zip   with --submission: what MOTChallenge takes
  run.json             what the run depended on: versions, parameters, and digests of boxes, model, truth and tracks"""


def add_parser(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    parser = verbs.add_parser(
        "val",
        help="measure trackers on a benchmark",
        description="Track the sequences of a benchmark and judge the results with TrackEval and motmetrics.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = parser.add_argument_group("benchmark")
    add_benchmark_options(data)
    data.add_argument(
        "--demo", choices=("image", "video"), help="accepted for old commands' sake: frames are as they are"
    )
    boxes = parser.add_argument_group("boxes")
    boxes.add_argument("--detections", default="model", metavar="model|public|DIR", help="where boxes come from")
    add_profile_option(boxes)
    add_detector_options(boxes, default_model="nanodet-plus-m_416")
    tracker = parser.add_argument_group("trackers")
    tracker.add_argument("--tracking-method", "--tracker", default="nanotrack", metavar="NAME")
    tracker.add_argument("--trackers", metavar="A,B,C", help="several, judged in one table")
    tracker.add_argument(
        "--ablation", action="store_true", help="each tracker also without each of its parts, all in one table"
    )
    add_parameter_options(tracker)
    add_calibration_option(tracker)
    add_camera_option(tracker)
    tracker.add_argument(
        "--fps",
        type=float,
        help="frames a second by the trackers' clock, whatever a sequence's own rate is; published figures of BYTE and "
        "SORT take every video for one of 30",
    )
    tracker.add_argument("--min-area", type=float, default=0.0, help="leave out tracks smaller than this, pixels²")
    tracker.add_argument("--max-aspect", type=float, metavar="RATIO", help="leave out tracks wider than this x height")
    add_crew_options(parser.add_argument_group("who does it, boxes and tracks"))
    after = parser.add_argument_group("smoothing, once all frames are known")
    after.add_argument("--smooth", choices=tuple(METHODS), help="straight lines, Gaussian process, or RTS smoother")
    after.add_argument("--gsi", dest="smooth", action="store_const", const="gsi", help="the same as --smooth gsi")
    _add_result_options(parser.add_argument_group("results"))
    parser.set_defaults(run=run)


def _add_result_options(out: Any) -> None:
    add_folder_options(out, project="runs/val")
    out.add_argument("--eval-existing", action="store_true", help="judge <project>/<name>/mot/ without tracking")
    out.add_argument("--no-second-judge", action="store_true", help="do not ask motmetrics as well")
    out.add_argument("--no-plots", action="store_true", help="draw no plots")
    out.add_argument("--no-page", action="store_true", help="write no report.html")
    out.add_argument("--submission", action="store_true", help="write the zip file that MOTChallenge takes")


def run(args: argparse.Namespace) -> int:
    """Carry out ``nanomot val``."""
    take_profile(args)
    check_detector_options(args)
    check_crew_options(args)
    benchmark, sequences = chosen_sequences(args)
    share = args.eval_existing or args.detections != "public"
    # So that a sequence that is missing is told before hours of work.
    plan = plan_submission(benchmark, args.split, sequences, share=share) if args.submission else None
    if args.fps is not None:
        if not 0.0 < args.fps < float("inf"):
            raise NanomotError(f"--fps must be a positive number, not {args.fps}.")
        sequences = [replace(sequence, frame_rate=args.fps) for sequence in sequences]
    specs = _specs(args)
    clock = StageClock()
    folder = Path(args.project).expanduser() / args.name
    failures: list[Outcome] = []
    total = len(sequences)
    if not args.eval_existing:
        folder, sequences, failures = _track_what_can_be(args, benchmark, sequences, specs, clock)
    without = f", without {total - len(sequences)} that failed" if failures else ""
    without += missing_truth(sequences)
    order = Judging(
        benchmark.preprocessing, args.split, not args.no_second_judge, not args.no_plots, not args.no_page, clock
    )
    table: dict[str, Row] = {}
    for spec in specs:
        place = _place(folder, spec, specs)
        if args.smooth:
            with clock("smoothing"):
                smooth_results(place, sequences, args.smooth)
        name = folder.name if args.eval_existing and len(specs) == 1 else spec.label
        title = f"{name} on {benchmark.name} {args.split}" + (f", smoothed ({args.smooth})" if args.smooth else "")
        title += without
        verdict = judge_folder(order, sequences, place, title, name + without, sys.stdout)
        if verdict is not None:
            table[spec.label] = verdict.rows[COMBINED]
        if plan is not None and not failures:
            path = place / f"{benchmark.name}-{args.split}.zip"
            write_submission(path, plan, place / RESULTS)
            print(f"submission: {path} ({len(plan)} sequences)")
    if len(table) > 1:
        print(f"\nall sequences{without}\n{both_tables(table)}")
        write_comparison(folder / "trackers.csv", table)
    results = {spec.label: _place(folder, spec, specs) / RESULTS for spec in specs}
    record_judging(folder, args, benchmark, sequences, results)
    print("seconds: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in clock.wall.items()))
    print(f"results: {folder}")
    if failures:
        raise FailedJobsError("sequences", failures, total)
    return 0


def _place(folder: Path, spec: TrackerSpec, specs: list[TrackerSpec]) -> Path:
    """Where one tracker's results go; labels of an ablation are words that not every file system takes."""
    return folder / re.sub(r"[^\w.-]+", "_", spec.label).strip("_") if len(specs) > 1 else folder


def _track_what_can_be(
    args: argparse.Namespace,
    benchmark: Benchmark,
    sequences: list[Sequence],
    specs: list[TrackerSpec],
    clock: StageClock,
) -> tuple[Path, list[Sequence], list[Outcome]]:
    """Track everything; the run's folder, the sequences of which all trackers have results, and what failed."""
    failures: list[Outcome] = []
    with graceful_stop() as stop, crew_of(args, len(sequences) * len(specs), stop) as crew:
        with clock("boxes"):
            inputs = None
            while inputs is None:
                try:
                    inputs = _inputs(args, benchmark, sequences, crew, stop)
                except FailedJobsError as error:
                    failures += error.failures
                    sequences = _without(sequences, error)
        folder = run_folder(args.project, args.name, exist_ok=args.exist_ok)
        boxes, warps = inputs
        specs = [spec if spec.label.endswith(WITHOUT_CAMERA) else replace(spec, warps=warps) for spec in specs]
        record_tracking(folder, args, specs, boxes)

        def result_of(spec: TrackerSpec, sequence: Sequence) -> Path:
            return result_folder(_place(folder, spec, specs), args.smooth) / f"{sequence.name}.txt"

        for spec, sequence in itertools.product(specs, sequences):
            # What an earlier run left in this folder must not be taken for a result of this one.
            for kind in (RAW_RESULTS, RESULTS) if args.smooth else (RAW_RESULTS,):
                (_place(folder, spec, specs) / kind / f"{sequence.name}.txt").unlink(missing_ok=True)
        with clock("tracking"):
            try:
                _track(sequences, specs, boxes, result_of, crew, stop)
            except FailedJobsError as error:
                failures += error.failures
                for spec, sequence in itertools.product(specs, sequences):
                    if any(outcome.job.key == (spec.label, sequence.name) for outcome in error.failures):
                        (_place(folder, spec, specs) / RESULTS / f"{sequence.name}.txt").unlink(missing_ok=True)
                sequences = _without(sequences, error)
    return folder, sequences, failures


def _track(
    sequences: list[Sequence],
    specs: list[TrackerSpec],
    boxes: StoredBoxes,
    result_of: Callable[[TrackerSpec, Sequence], Path],
    crew: Crew,
    stop: threading.Event,
) -> None:
    runs = track_all(sequences, specs, boxes, result_of, crew=crew, stop=stop)
    for done in counted(runs, len(sequences) * len(specs), crew, "sequence"):
        _LOG.info("%s, %s: %.0f µs a frame", done.label, done.sequence, 1e6 * done.update_seconds / done.frames)


def _without(sequences: list[Sequence], error: FailedJobsError) -> list[Sequence]:
    """The sequences of which nothing failed; the error where that are none."""
    failed = {key if isinstance(key, str) else key[1] for key in (outcome.job.key for outcome in error.failures)}
    left = [sequence for sequence in sequences if sequence.name not in failed]
    if not left:
        raise error
    return left


def _specs(args: argparse.Namespace) -> list[TrackerSpec]:
    names = [name.strip() for name in (args.trackers or args.tracking_method).split(",") if name.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise NanomotError(f"--trackers names {twice} twice; each is judged once, in a folder of its name.")
    overrides = parse_assignments(args.set)
    widest = float("inf") if args.max_aspect is None else args.max_aspect
    take_calibration(args, model=args.model if args.detections == "model" else None)
    made = [
        TrackerSpec(name, name, args.mode, args.config, overrides, args.min_area, widest, calibration=args.calibration)
        for name in names
    ]
    for spec in made:  # so that a wrong name or parameter is told before hours of work
        spec.make()
        if not args.eval_existing:
            tell_calibration(spec.calibration, calibrated(spec))
    if args.ablation:
        made = [part for spec in made for part in ablated(spec, camera_motion=args.camera_motion != "none")]
    return made


def _inputs(
    args: argparse.Namespace, benchmark: Benchmark, sequences: list[Sequence], crew: Crew, stop: threading.Event
) -> tuple[StoredBoxes, Warps]:
    """All that trackers are fed with: boxes, and how the camera moved."""
    boxes = chosen_boxes(args, benchmark, sequences, crew=crew, stop=stop)
    return boxes, camera_warps(args, sequences, boxes, crew, stop)
