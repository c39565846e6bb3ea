"""``nanomot val``: trackers measured on a benchmark as its official kit measures them."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any, TextIO

from detectors import PERSON_IF_KNOWN
from nanomot.cli.boxes_of import StoredBoxes, boxes_in, model_boxes, public_boxes
from nanomot.cli.detector_options import add_detector_options, check_detector_options
from nanomot.cli.options import parse_assignments, parse_classes
from nanomot.cli.outputs import run_folder
from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Sequence, find_sequences, load_benchmark
from nanomot.evaluation.judge import COMBINED, Row, SequenceFiles, Verdict, judge_fully
from nanomot.evaluation.report import environment, second_opinion, text_table, write_csv, write_json
from nanomot.evaluation.result_files import read_tracks
from nanomot.evaluation.runner import TrackerSpec, track_all

_LOG = logging.getLogger("nanomot")

_EPILOG = """\
examples:
  nanomot val --benchmark MOT17 --data-root data --model nanodet-plus-m_416
  nanomot val --benchmark MOT17 --split val_half --data-root data --detections boxes --trackers bytetrack,nanotrack
  nanomot val --benchmark MOT20 --data-root data --detections public --workers 2
  nanomot val --benchmark MOT17 --data-root data --eval-existing --name exp

results, in <project>/<name>/ (with several trackers, in a folder for each):
  mot/<sequence>.txt   the tracks
  results.json         sequence or COMBINED -> metric -> percentage or count, by TrackEval
  results.csv          the same as a table
  run.json             what the run depended on: versions, parameters, boxes"""


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
    data.add_argument("--benchmark", default="MOT17", help="MOT15, MOT16, MOT17, MOT20, DanceTrack, or a folder")
    data.add_argument("--split", default="train", help="train, val_half or test (%(default)s)")
    data.add_argument(
        "--data-root", type=Path, default=Path("data"), help="folder that holds MOT17/train/… (%(default)s)"
    )
    data.add_argument("--sequences", nargs="+", metavar="NAME", help="only these")
    data.add_argument("--frames", action="append", default=[], metavar="SEQ=PATH", help="where a sequence's frames are")
    data.add_argument(
        "--demo", choices=("image", "video"), help="accepted for old commands' sake: frames are as they are"
    )
    boxes = parser.add_argument_group("boxes")
    boxes.add_argument("--detections", default="model", metavar="model|public|DIR", help="where boxes come from")
    add_detector_options(boxes, default_model="nanodet-plus-m_416")
    tracker = parser.add_argument_group("trackers")
    tracker.add_argument("--tracking-method", "--tracker", default="nanotrack", metavar="NAME")
    tracker.add_argument("--trackers", metavar="A,B,C", help="several, judged in one table")
    tracker.add_argument("--config", metavar="YAML", help="parameters of the tracker")
    tracker.add_argument("--mode", help="a named set of parameters, e.g. 'reference' for nanotrack")
    tracker.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="any parameter")
    tracker.add_argument("--min-area", type=float, default=0.0, help="leave out tracks smaller than this, pixels²")
    tracker.add_argument(
        "--max-aspect", type=float, default=float("inf"), help="leave out tracks wider than this x height"
    )
    tracker.add_argument("--workers", type=int, default=1, help="processes that track (%(default)s)")
    out = parser.add_argument_group("results")
    out.add_argument("--project", default="runs/val", help="folder of all runs (%(default)s)")
    out.add_argument("--name", default="exp", help="folder of this run; numbered when it exists (%(default)s)")
    out.add_argument("--exist-ok", action="store_true", help="use the folder of this run even when it exists")
    out.add_argument("--eval-existing", action="store_true", help="judge <project>/<name>/mot/ without tracking")
    out.add_argument("--no-second-judge", action="store_true", help="do not ask motmetrics as well")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nanomot val``."""
    check_detector_options(args)
    benchmark = load_benchmark(args.benchmark)
    sequences = find_sequences(
        benchmark, args.data_root.expanduser(), args.split, only=args.sequences, frames=_places(args.frames)
    )
    if args.eval_existing:
        folder = Path(args.project).expanduser() / args.name
        _judge(args, benchmark.preprocessing, sequences, folder, sys.stdout)
        return 0
    specs = _specs(args)
    boxes = _boxes(args, sequences)
    folder = run_folder(args.project, args.name, exist_ok=args.exist_ok)
    places = {spec.label: folder / spec.label if len(specs) > 1 else folder for spec in specs}
    write_json(folder / "run.json", _dependencies(args, specs, boxes))
    for done in track_all(
        sequences, specs, boxes, lambda spec, seq: places[spec.label] / "mot" / f"{seq.name}.txt", workers=args.workers
    ):
        _LOG.info("%s, %s: %.0f µs a frame", done.label, done.sequence, 1e6 * done.update_seconds / done.frames)
    table: dict[str, Row] = {}
    for spec in specs:
        verdict = _judge(args, benchmark.preprocessing, sequences, places[spec.label], sys.stdout, title=spec.label)
        if verdict is not None:
            table[spec.label] = verdict.rows[COMBINED]
    if len(table) > 1:
        print(f"\nall sequences\n{text_table(table)}")
    print(f"results: {folder}")
    return 0


def _places(words: list[str]) -> dict[str, str]:
    places = dict(word.split("=", 1) for word in words if "=" in word)
    if len(places) != len(words):
        raise NanomotError("--frames takes SEQUENCE=PATH.")
    for sequence, place in places.items():
        if not Path(place).expanduser().exists():
            raise NanomotError(f"{place}: there is no such file or folder, which --frames names for {sequence}.")
    return places


def _specs(args: argparse.Namespace) -> list[TrackerSpec]:
    names = [name.strip() for name in (args.trackers or args.tracking_method).split(",") if name.strip()]
    overrides = parse_assignments(args.set)
    made = [
        TrackerSpec(name, name, args.mode, args.config, overrides, args.min_area, args.max_aspect) for name in names
    ]
    from nanomot.trackers import create_tracker

    for spec in made:  # so that a wrong name or parameter is told before hours of work
        create_tracker(spec.name, mode=spec.mode, config=spec.config, **spec.overrides)
    return made


def _boxes(args: argparse.Namespace, sequences: list[Sequence]) -> StoredBoxes:
    classes = parse_classes(args.classes, PERSON_IF_KNOWN)
    if args.detections == "model":
        return model_boxes(args, sequences, classes)
    if args.detections == "public":
        return public_boxes(sequences, args.conf, classes)
    return boxes_in(Path(args.detections).expanduser(), sequences, args.conf, classes)


def _dependencies(args: argparse.Namespace, specs: list[TrackerSpec], boxes: StoredBoxes) -> dict[str, Any]:
    return {
        "environment": environment(),
        "arguments": {key: value for key, value in vars(args).items() if key != "run"},
        "trackers": [vars(spec) for spec in specs],
        "boxes": dict(boxes.paths),
    }


def _judge(
    args: argparse.Namespace, rules: str, sequences: list[Sequence], folder: Path, out: TextIO, title: str = ""
) -> Verdict | None:
    """Judge one folder of results; None where no truth is published."""
    known = {sequence.name: sequence for sequence in sequences if sequence.truth is not None}
    if not known:
        out.write(f"{args.split}: no ground truth is published for this split, so there is nothing to judge.\n")
        return None
    files = {}
    for name, sequence in known.items():
        assert sequence.truth is not None
        files[name] = SequenceFiles(sequence.truth, folder / "mot" / f"{name}.txt", sequence.length)
        read_tracks(files[name].result, sequence.length)
        read_tracks(sequence.truth, sequence.length, what="ground-truth")
    verdict = judge_fully(files, benchmark=rules, second_judge=not args.no_second_judge)
    write_json(folder / "results.json", verdict.rows)
    write_csv(folder / "results.csv", verdict.rows)
    out.write(f"\n{title}\n" if title else "\n")
    out.write(text_table(verdict.rows) + "\n")
    if verdict.second:
        out.write(second_opinion(verdict) + "\n")
    return verdict
