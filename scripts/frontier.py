"""HOTA against time: models and input shapes, each with several trackers; the settings that nothing else beats."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanomot import Detections, create_tracker
from nanomot.cli.benchmark_options import named_sequences
from nanomot.cli.detector_options import load_from
from nanomot.cli.tuning_data import tuned_and_held_out
from nanomot.evaluation.judge import COMBINED, Row
from nanomot.evaluation.runner import TrackerSpec
from nanomot.evaluation.scoring import METRICS, DevSequence, Scorers
from nanomot.video.sources import open_source

SHAPES = ("auto*0.4", "auto*0.66", "auto", "auto*1.45", "auto*2.07")
PICTURES = 12
ROUNDS = 5


@dataclass(frozen=True)
class Setting:
    """One point of the plot."""

    model: str
    imgsz: str
    shape: str
    tracker: str
    milliseconds: float
    row: Row

    def beaten_by(self, other: Setting) -> bool:
        """Whether ``other`` is no slower and no worse, and not the same."""
        better = other.row["HOTA"] >= self.row["HOTA"] and other.milliseconds <= self.milliseconds
        return better and (other.row["HOTA"], other.milliseconds) != (self.row["HOTA"], self.milliseconds)


def print_frontier(args: argparse.Namespace, specs: Sequence[TrackerSpec]) -> None:
    """Judge every model at every shape, print the table, and draw it where ``--plot`` says so."""
    options = [
        argparse.Namespace(**{**vars(args), "model": model, "imgsz": imgsz, "detections": "model", "threads": 1})
        for model in args.models or [args.model]
        for imgsz in args.shapes or SHAPES
    ]
    print("one thread, milliseconds of detect() and update(), medians of runs that take turns\n")
    times = detector_times(options)
    print("| model, `--imgsz` | input | tracker | ms | " + " | ".join(METRICS) + " | frontier |")
    print("|---|---|---|---|" + "---|" * (len(METRICS) + 1))
    found = [setting for each, spent in zip(options, times, strict=True) for setting in judged(each, spent, specs)]
    for setting in sorted(found, key=lambda each: each.milliseconds):
        cells = [f"{setting.row[name]:.0f}" if name == "IDSW" else f"{setting.row[name]:.1f}" for name in METRICS]
        mark = "" if any(setting.beaten_by(other) for other in found) else "yes"
        name = f"{setting.model}, {setting.imgsz} | {setting.shape} | {setting.tracker} | {setting.milliseconds:.1f}"
        print(f"| {name} | {' | '.join(cells)} | {mark} |")
    if args.plot:
        draw(found, args.plot)


def detector_times(options: Sequence[argparse.Namespace]) -> list[tuple[str, float]]:
    """Input shape and median milliseconds of ``detect`` for each, measured in turns on the first sequence's frames."""
    pictures = _pictures(options[0])
    detectors = [load_from(each) for each in options]
    spent: list[list[float]] = [[] for _ in detectors]
    for _ in range(ROUNDS):
        for index, detector in enumerate(detectors):
            for picture in pictures:
                started = time.perf_counter()
                detector.detect(picture)
                spent[index].append(time.perf_counter() - started)
    shapes = ["{}x{}".format(*getattr(detector, "input_shape", ("?", "?"))) for detector in detectors]
    return [(shape, 1e3 * float(np.median(times))) for shape, times in zip(shapes, spent, strict=True)]


def _pictures(args: argparse.Namespace) -> list[NDArray[np.uint8]]:
    benchmark, _, name = args.sequences[0].rpartition("/")
    frames = named_sequences(args, benchmark or args.benchmark, [name])[1][0].frames
    if frames is None:
        raise SystemExit(f"{args.sequences[0]}: its frames are not here; --frames SEQ=PATH says where they are.")
    with open_source(str(frames)) as source:
        return [frame.image for frame in islice(iter(source), 0, 20 * PICTURES, 20)]


def judged(args: argparse.Namespace, spent: tuple[str, float], specs: Sequence[TrackerSpec]) -> Iterator[Setting]:
    """What every tracker makes of one model's boxes."""
    devs, _ = tuned_and_held_out(argparse.Namespace(**{**vars(args), "held_out": []}))
    with Scorers(devs, args.workers) as scorers:
        rows: Any = scorers.rows(specs)
    for spec, row in zip(specs, rows, strict=True):
        milliseconds = spent[1] + update_time(devs[0], spec)
        yield Setting(args.model, args.imgsz, spent[0], spec.label, milliseconds, row[COMBINED])


def update_time(dev: DevSequence, spec: TrackerSpec) -> float:
    """Median milliseconds of the tracker's update on a sequence."""
    tracker = create_tracker(spec.name, mode=spec.mode, config=spec.config, **spec.overrides)
    times = []
    for index, found in enumerate(dev.boxes_of(dev.sequence)):
        started = time.perf_counter()
        tracker.update(found or Detections.empty(), time=index / dev.sequence.frame_rate)
        times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times))


def draw(found: Sequence[Setting], path: str) -> None:
    """A scatter plot: a line for each tracker and model through its input shapes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), constrained_layout=True)
    groups = sorted({(setting.model, setting.tracker) for setting in found})
    for model, tracker in groups:
        line = sorted(
            (each for each in found if (each.model, each.tracker) == (model, tracker)),
            key=lambda each: each.milliseconds,
        )
        times, values = [each.milliseconds for each in line], [each.row["HOTA"] for each in line]
        axes.plot(times, values, marker="o", label=f"{tracker}, {model}")
    best = [each for each in found if not any(each.beaten_by(other) for other in found)]
    for each in best:
        axes.annotate(each.shape, (each.milliseconds, each.row["HOTA"]), textcoords="offset points", xytext=(6, -10))
    axes.margins(x=0.12)
    axes.set_xlabel("milliseconds a frame, one thread")
    axes.set_ylabel("HOTA")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
