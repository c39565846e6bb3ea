"""``nanomot val``'s part that asks TrackEval, timed beside TrackEval's own Evaluator on the same files.

    python scripts/bench_judge.py --results exp/mot --truth data/MOT17/val_half [--turns 5]

Both read the files, apply MOTChallenge's preprocessing and compute HOTA, CLEAR and Identity for every sequence and for
all of them, in turns, so that a noisy machine troubles both alike; the first turn warms up and is not counted. The
Evaluator also prints and writes its summary, as it does for everybody. The two must give the same figures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from trackeval import Evaluator
from trackeval.datasets import MotChallenge2DBox
from trackeval.metrics import CLEAR, HOTA, Identity

from nanomot.evaluation import COMBINED, SequenceFiles, judge
from nanomot.evaluation.benchmarks import Benchmark, find_sequences

FAMILIES = {"HOTA": "HOTA", "DetA": "HOTA", "AssA": "HOTA", "MOTA": "CLEAR", "IDF1": "Identity"}
NAMES = ("TrackEval's Evaluator", "nanomot")

Figures = dict[str, dict[str, float]]


def lay_out(files: dict[str, SequenceFiles], folder: Path) -> None:
    """Copy the files into the layout that TrackEval reads."""
    for name, item in files.items():
        for source, target in (
            (item.truth, folder / "truth" / name / "gt" / "gt.txt"),
            (item.result, folder / "trackers" / "x" / "data" / f"{name}.txt"),
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def theirs(files: dict[str, SequenceFiles], folder: Path, rules: str) -> Figures:
    """What the Evaluator says of the files in ``folder``."""
    quiet = {"PRINT_CONFIG": False}
    dataset = MotChallenge2DBox(
        {
            **quiet,
            "GT_FOLDER": str(folder / "truth"),
            "TRACKERS_FOLDER": str(folder / "trackers"),
            "BENCHMARK": rules,
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": {name: item.length for name, item in files.items()},
        }
    )
    evaluator = Evaluator(
        {
            **quiet,
            "USE_PARALLEL": False,
            "BREAK_ON_ERROR": True,
            "TIME_PROGRESS": False,
            "OUTPUT_DETAILED": False,
            "PLOT_CURVES": False,
        }
    )
    metrics = [HOTA(), CLEAR(quiet), Identity(quiet)]
    found = evaluator.evaluate([dataset], metrics)[0]["MotChallenge2DBox"]["x"]
    return {
        COMBINED if name == "COMBINED_SEQ" else name: {
            metric: 100.0 * float(np.mean(row["pedestrian"][family][metric])) for metric, family in FAMILIES.items()
        }
        for name, row in found.items()
    }


def ours(files: dict[str, SequenceFiles], rules: str) -> Figures:
    """What ``nanomot val`` says of the files."""
    rows = judge(files, benchmark=rules)
    return {name: {metric: row[metric] for metric in FAMILIES} for name, row in rows.items()}


def timed(work: Callable[[], Figures]) -> tuple[Figures, float, float]:
    """What ``work`` says, and its seconds by the wall clock and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        figures = work()
    return figures, time.perf_counter() - wall, time.process_time() - cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="folder of <sequence>.txt")
    parser.add_argument("--truth", type=Path, required=True, help="folder of sequences in MOTChallenge layout")
    parser.add_argument("--rules", default="MOT17", help="whose preprocessing applies (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="that count, after one that does not (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the seconds of all turns there, too")
    args = parser.parse_args()
    benchmark = Benchmark(args.truth.name, str(args.truth.resolve()), args.rules, {"train": "."})
    files = {
        found.name: SequenceFiles(found.truth, args.results / f"{found.name}.txt", found.length)
        for found in find_sequences(benchmark, Path(), "train")
        if found.truth is not None
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    figures: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        lay_out(files, Path(folder))
        works = {NAMES[0]: lambda: theirs(files, Path(folder), args.rules), NAMES[1]: lambda: ours(files, args.rules)}
        for turn in range(args.turns + 1):
            for name in NAMES if turn % 2 else reversed(NAMES):
                figures[name], wall, cpu = timed(works[name])
                if turn:
                    seconds[name].append((wall, cpu))
    if figures[NAMES[0]] != figures[NAMES[1]]:
        print(f"the figures differ: {json.dumps(figures, indent=2)}", file=sys.stderr)
        return 1
    print(f"{len(files)} sequences, the same figures to the last bit; medians of {args.turns} turns\n")
    print("| | wall, s | CPU, s |\n|---|---|---|")
    for name, spent in seconds.items():
        wall, cpu = (statistics.median(column) for column in zip(*spent, strict=True))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    if args.json is not None:
        args.json.write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
