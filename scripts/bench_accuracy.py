"""Trackers on the same boxes, judged by TrackEval: the README's accuracy tables.

    python scripts/bench_accuracy.py --data-root data --detections boxes --sequences MOT17-02 MOT17-09
    python scripts/bench_accuracy.py … --jitter 8          # means of runs with parameters moved by up to 10 %
    python scripts/bench_accuracy.py … --ablation          # nanotrack and its published form, part by part
    python scripts/bench_accuracy.py … --copies reverse,half,quarter --each   # every sequence, also made over
    python scripts/bench_accuracy.py … --frontier          # models and input shapes: HOTA against milliseconds

``--sequences BENCHMARK/NAME`` takes one of another benchmark (MOT15/TUD-Stadtmitte). Boxes come from ``--model``, from
the benchmark (``--detections public``) or from a folder, as in ``nanomot val``. A table's rows are all sequences
together; ``--each`` adds every sequence alone.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from nanomot import create_tracker
from nanomot.cli.benchmark_options import add_benchmark_options
from nanomot.cli.detector_options import add_detector_options
from nanomot.cli.tuning_data import tuned_and_held_out, with_copies
from nanomot.evaluation.ablation import ablated
from nanomot.evaluation.judge import COMBINED, Row
from nanomot.evaluation.runner import TrackerSpec
from nanomot.evaluation.scoring import METRICS, Scorers
from nanomot.evaluation.tuning_plan import Plan
from nanomot.trackers import method_of_its_own
from nanomot.trackers.parameters import search_ranges

TRACKERS = ("sort", "bytetrack", "sparsetrack", "botsort", "ocsort", "nanotrack --mode reference", "nanotrack")


def spec_of(words: str) -> TrackerSpec:
    """A tracker from its name, or from ``"nanotrack --mode reference"``."""
    name, _, mode = words.partition(" --mode ")
    return TrackerSpec(words, name, mode or None)


def jittered(spec: TrackerSpec, count: int) -> list[TrackerSpec]:
    """``count`` copies of ``spec`` with every number multiplied by a random 1 +- .1, the same in every run of this."""
    options = {"mode": spec.mode, "config": spec.config, **spec.overrides}
    parameters = create_tracker(spec.name, **options).parameters
    searched = {name: at for name, at in search_ranges(type(parameters)).items() if at.kind is float}
    start = asdict(parameters)
    plan = Plan(spec.name, start, searched, method_of_its_own(spec.name, spec.mode, spec.config), jitter=count)
    return plan.specs({name: start[name] for name in searched})


def table_of(scorers: Scorers, specs: Sequence[TrackerSpec], jitter: int, each: bool) -> None:
    """Print a row for every one of ``specs``, and with ``each`` one for every sequence."""
    print("| tracker | " + " | ".join(METRICS) + " |" + (" sd of HOTA |" if jitter else ""))
    print("|---|" + "---|" * (len(METRICS) + bool(jitter)))
    for spec in specs:
        runs = scorers.rows(jittered(spec, jitter) if jitter else [spec])
        assert runs is not None
        for name in [*(sorted(set(runs[0]) - {COMBINED}) if each else ()), COMBINED]:
            label = f"{spec.label}, {name}" if each else spec.label
            print(f"| {label} | {_cells([run[name] for run in runs], jitter)} |", flush=True)


def _cells(rows: list[Row], jitter: int) -> str:
    means = {name: float(np.mean([row[name] for row in rows])) for name in METRICS}
    cells = [f"{means[name]:.0f}" if name == "IDSW" else f"{means[name]:.2f}" for name in METRICS]
    if jitter:
        cells.append(f"{np.std([row['HOTA'] for row in rows]):.2f}")
    return " | ".join(cells)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, conflict_handler="resolve"
    )
    add_benchmark_options(parser)
    parser.add_argument("--sequences", nargs="+", required=True, metavar="NAME", help="BENCHMARK/NAME for others")
    parser.add_argument("--detections", default="model", metavar="model|public|DIR", help="where boxes come from")
    add_detector_options(parser, default_model="nanodet-plus-m_416")
    parser.add_argument("--config", help=argparse.SUPPRESS)
    parser.add_argument("--trackers", default=",".join(TRACKERS), metavar="A,B,C", help="which (default: all)")
    parser.add_argument("--jitter", type=int, default=0, metavar="N", help="means of N jittered runs")
    parser.add_argument("--ablation", action="store_true", help="every part of the trackers switched off in turn")
    parser.add_argument("--copies", default="", metavar="reverse,half,quarter", help="sequences made over, too")
    parser.add_argument("--each", action="store_true", help="a row for every sequence, too")
    parser.add_argument("--frontier", action="store_true", help="HOTA against time over models and input shapes")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="with --frontier: which (default: --model)")
    parser.add_argument("--shapes", nargs="+", metavar="IMGSZ", help="with --frontier: which input shapes")
    parser.add_argument("--plot", metavar="PNG", help="with --frontier: draw it")
    parser.add_argument("--workers", type=int, default=1, help="processes (%(default)s)")
    return parser.parse_args()


def main() -> None:
    """Print the table that the flags ask for."""
    args = parse()
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}")
    specs = [spec_of(words.strip()) for words in args.trackers.split(",")]
    if args.frontier:
        from frontier import print_frontier

        print_frontier(args, specs)
        return
    devs, _ = tuned_and_held_out(argparse.Namespace(**{**vars(args), "held_out": []}))
    devs = with_copies(devs, args.copies)
    frames = sum(dev.sequence.length for dev in devs if not dev.copy)
    print(f"{', '.join(dev.name for dev in devs)}: {frames} frames, boxes from {args.conf} on\n")
    if args.ablation:
        specs = [part for spec in specs for part in ablated(spec)]
    with Scorers(devs, args.workers) as scorers:
        table_of(scorers, specs, args.jitter, args.each)


if __name__ == "__main__":
    main()
