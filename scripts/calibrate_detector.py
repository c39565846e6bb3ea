r"""The scores at which nanotrack believes a detector: a calibration file per model.

    python scripts/calibrate_detector.py --models nanodet-m picodet-s-320 --data-root data --cache boxes \
        --sequences MOT17/MOT17-09-FRCNN MOT17/MOT17-02-FRCNN MOT15/TUD-Stadtmitte --frames MOT17-02=MOT17-02.mp4

nanotrack's ``evidence_zero`` and ``birth_threshold`` suit the ``--reference`` detector. Of every detector it is
estimated how often a box of a score is a person (detector_scores.py); the calibration holds the scores at which another
detector is as reliable as the reference is at those two. Models are names of the zoo or files, ``MODEL@256x448`` at
another input shape than that of the pictures' aspect.

Then it is tracked: each sequence with the shipped values, with a calibration made without this sequence, and with
values of a small grid around the calibration, chosen without this sequence. All figures are means of ``--runs`` runs in
which every parameter is moved by up to 10 %, the same in all rows. The estimate is used, else the refinement, where it
is better than the shipped values on every sequence, and on average by more than two standard errors of the runs: the
row has a star. With ``--write``, its values, from all sequences, go to ``configs/calibration/<model>.yaml``; where that
is the row of the shipped values, the file says so.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from detector_boxes import Setting, sequences_of, with_boxes
from detector_scores import Array, JudgedBoxes, fit_curve, judged_boxes
from numpy.typing import NDArray

from nanomot import create_tracker
from nanomot.digests import content_hash
from nanomot.evaluation.runner import TrackerSpec
from nanomot.evaluation.scoring import DevSequence, Scorers
from nanomot.resources import configs_dir
from nanomot.trackers.parameters import search_ranges

TRACKER = "nanotrack"
CALIBRATED = ("evidence_zero", "birth_threshold")
METRICS = ("HOTA", "MOTA", "IDF1")
JITTER = 0.1
OFFSETS = (-0.04, 0.0, 0.04)
SHIPPED, ESTIMATED, REFINED = "shipped", "estimated", "refined"
_DIGITS = 2

Values = Mapping[str, float]


@dataclass(frozen=True)
class Boxes:
    """A detector's boxes on all sequences, and what they are."""

    devs: list[DevSequence]
    judged: list[JudgedBoxes]

    def without(self, index: int) -> list[JudgedBoxes]:
        """What the boxes of all sequences but one are."""
        return [part for place, part in enumerate(self.judged) if place != index]


class Tracking:
    """Scores of parameters on each sequence, means over metrics aside: (runs, metrics)."""

    def __init__(self, devs: Sequence[DevSequence], runs: int, workers: int) -> None:
        self._devs, self._workers = devs, workers
        self._shipped = asdict(create_tracker(TRACKER).parameters)
        ranges = search_ranges(type(create_tracker(TRACKER).parameters))
        self._limits = {name: at.limits for name, at in ranges.items() if at.kind is float}
        factors = np.random.default_rng(0).uniform(1 - JITTER, 1 + JITTER, (runs, len(self._limits)))
        self._factors = factors.tolist()

    def _specs(self, values: Values) -> list[TrackerSpec]:
        specs = []
        for row in self._factors:
            moved = {**self._shipped, **values}
            for factor, (name, limits) in zip(row, self._limits.items(), strict=True):
                moved[name] = float(np.clip(moved[name] * factor, limits.low, limits.high))
            specs.append(TrackerSpec(TRACKER, TRACKER, overrides=moved))
        return specs

    def scores(self, index: int, candidates: Sequence[Values]) -> Array:
        """(candidates, runs, metrics) on the sequence of this index."""
        with Scorers([self._devs[index]], self._workers) as scorers:
            rows = scorers.rows([spec for values in candidates for spec in self._specs(values)])
        name = self._devs[index].name
        flat = [[row[name][metric] for metric in METRICS] for row in rows or ()]
        return np.array(flat).reshape(len(candidates), len(self._factors), len(METRICS))


def estimate(
    reference: Sequence[JudgedBoxes], detector: Sequence[JudgedBoxes], shipped: Values
) -> tuple[dict[str, float], list[float]]:
    """The scores at which the detector is as reliable as the reference at its values, and these reliabilities."""
    before, after = fit_curve(reference), fit_curve(detector)
    reliabilities = [before.at(shipped[name]) for name in CALIBRATED]
    scores = [round(after.score_of(probability), _DIGITS) for probability in reliabilities]
    return dict(zip(CALIBRATED, scores, strict=True)), reliabilities


def grid_around(values: Values) -> list[dict[str, float]]:
    """Candidates for the refinement, the middle first."""
    offsets = sorted(itertools.product(OFFSETS, repeat=len(CALIBRATED)), key=lambda offset: sum(map(abs, offset)))
    return [
        {
            name: round(float(np.clip(values[name] + by, 0.0, 1.0)), _DIGITS)
            for name, by in zip(CALIBRATED, offset, strict=True)
        }
        for offset in offsets
    ]


@dataclass(frozen=True)
class Outcome:
    """What a detector's calibration is worth.

    Attributes:
        values: method -> its values, from all sequences.
        left_out: method -> (sequences, runs, metrics) with values from the other sequences.
    """

    values: dict[str, dict[str, float]]
    left_out: dict[str, Array]

    def gain(self, method: str) -> tuple[float, float]:
        """How much better than the shipped values, mean of all metrics and sequences; its standard error over runs."""
        by_run: Array = (self.left_out[method] - self.left_out[SHIPPED]).mean(axis=(0, 2))
        return float(by_run.mean()), float(by_run.std(ddof=1) / np.sqrt(len(by_run))) if len(by_run) > 1 else 0.0

    @property
    def best(self) -> str:
        """The method to be used: the estimate where that is a gain, else the refinement where that is one."""
        for method in (ESTIMATED, REFINED):
            gain, error = self.gain(method)
            by_sequence: Array = (self.left_out[method] - self.left_out[SHIPPED]).mean(axis=(1, 2))
            # What scenes differ by is more than what runs differ by, and few scenes do not tell by how much.
            if gain > 2.0 * error and (by_sequence > 0.0).all():
                return method
        return SHIPPED


def calibrate(reference: Boxes, detector: Boxes, runs: int, workers: int) -> Outcome:
    """Estimate, refine and check by tracking."""
    shipped_all = asdict(create_tracker(TRACKER).parameters)
    shipped = {name: float(shipped_all[name]) for name in CALIBRATED}
    tracking = Tracking(detector.devs, runs, workers)
    estimated, _ = estimate(reference.judged, detector.judged, shipped)
    grid = grid_around(estimated)
    count = len(detector.devs)
    apart = [estimate(reference.without(at), detector.without(at), shipped)[0] for at in range(count)]
    scores = [tracking.scores(at, [shipped, apart[at], *grid]) for at in range(count)]
    on_grid: Array = np.stack([score[2:].mean(axis=(1, 2)) for score in scores])
    chosen = [int(np.delete(on_grid, at, axis=0).sum(axis=0).argmax()) for at in range(count)]
    return Outcome(
        {SHIPPED: shipped, ESTIMATED: estimated, REFINED: grid[int(on_grid.sum(axis=0).argmax())]},
        {
            SHIPPED: np.stack([score[0] for score in scores]),
            ESTIMATED: np.stack([score[1] for score in scores]),
            REFINED: np.stack([score[2 + at] for score, at in zip(scores, chosen, strict=True)]),
        },
    )


def table(label: str, names: Sequence[str], outcome: Outcome) -> str:
    """Rows of a Markdown table."""
    lines = []
    for method, values in outcome.values.items():
        means = outcome.left_out[method].mean(axis=1)
        cells = [_cell(row) for row in (*means, means.mean(axis=0))]
        gain, error = outcome.gain(method)
        mark = " *" if method == outcome.best else ""
        numbers = " / ".join(f"{values[name]:.2f}" for name in CALIBRATED)
        lines.append(f"| {label} | {method}{mark} | {numbers} | {' | '.join(cells)} | {gain:+.2f} ± {error:.2f} |")
    return "\n".join(lines)


def _cell(row: NDArray[np.float64]) -> str:
    return " / ".join(f"{value:.1f}" for value in row)


def calibration_text(setting: Setting, names: Sequence[str], outcome: Outcome, command: str) -> str:
    """The file's content."""
    shown = ESTIMATED if outcome.best == SHIPPED else outcome.best
    gain, error = outcome.gain(shown)
    means = {method: outcome.left_out[method].mean(axis=(0, 1)) for method in (SHIPPED, shown)}
    known, digest = setting.known_names, content_hash(setting.path)
    found = " / ".join(f"{value:.2f}" for _, value in sorted(outcome.values[shown].items()))
    verdict = "the shipped values hold" if outcome.best == SHIPPED else outcome.best
    lines = [
        f"# {setting.label}: the scores at which {TRACKER} believes this detector ({verdict}).",
        f"# Sequences: {', '.join(names)}; {shown}: {found}.",
        f"# Left out one at a time, {' / '.join(METRICS)}: {_cell(means[SHIPPED])} with the shipped values, "
        f"{_cell(means[shown])}",
        f"# with values of the others; on average {gain:+.2f}, standard error {error:.2f}.",
        f"# {command}",
        f"names: [{', '.join(known)}]",
        f"sha256: {digest}",
        f"{TRACKER}:",
        *(f"  {name}: {value:.2f}" for name, value in sorted(outcome.values[outcome.best].items())),
    ]
    return "\n".join(lines) + "\n"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--models", nargs="+", required=True, metavar="MODEL[@SHAPE]")
    made.add_argument("--reference", default="nanodet-plus-m-416@native", metavar="MODEL[@SHAPE]")
    made.add_argument("--benchmark", default="MOT17")
    made.add_argument("--split", default="train")
    made.add_argument("--data-root", type=Path, default=Path("data"))
    made.add_argument("--sequences", nargs="+", required=True, metavar="BENCHMARK/NAME", help="at least two")
    made.add_argument("--frames", action="append", default=[], metavar="SEQ=PATH")
    made.add_argument("--cache", type=Path, required=True, help="folder that keeps boxes")
    made.add_argument("--runs", type=int, default=4, help="jittered runs (%(default)s)")
    made.add_argument("--threads", type=int, default=1, help="of the network (%(default)s)")
    made.add_argument("--workers", type=int, default=1, help="processes that track (%(default)s)")
    made.add_argument("--write", action="store_true", help="write the files")
    made.add_argument("--out", type=Path, default=configs_dir() / "calibration", help="where (configs/calibration)")
    return made


def main() -> None:
    """Calibrate every model, print the table and write the files."""
    args = parser().parse_args()
    if len(args.sequences) < 2:
        raise SystemExit("--sequences: at least two are needed, for one is left out at a time.")
    cv2.setNumThreads(1)
    sequences = sequences_of(args)
    parameters = asdict(create_tracker(TRACKER).parameters)
    limits = {"nms_iou": parameters["nms_iou"], "least": parameters["low_threshold"]}

    def boxes(setting: Setting) -> Boxes:
        devs = with_boxes(setting, sequences, args.cache, args.threads)
        return Boxes(devs, [judged_boxes(dev, **limits) for dev in devs])

    reference = boxes(Setting.parse(args.reference))
    shipped = {name: float(parameters[name]) for name in CALIBRATED}
    _, reliabilities = estimate(reference.judged, reference.judged, shipped)
    said = ", ".join(f"{p:.3f} at {shipped[name]:.2f}" for p, name in zip(reliabilities, CALIBRATED, strict=True))
    print(f"{args.reference}: a box is a person with probability {said}\n")
    names = [sequence.name for sequence, _ in sequences]
    print(
        f"| detector | values | {' / '.join(CALIBRATED)} | {' | '.join(names)} | mean ({' / '.join(METRICS)}) | gain |"
    )
    print("|---|---|---|" + "---|" * (len(names) + 2), flush=True)
    for word in args.models:
        setting = Setting.parse(word)
        outcome = calibrate(reference, boxes(setting), args.runs, args.workers)
        print(table(setting.label, names, outcome), flush=True)
        if args.write:
            # A name says what others can do as well; the folder of a file does not.
            model = Path(word).name
            command = ["python", "scripts/calibrate_detector.py", "--models", model, "--runs", str(args.runs)]
            _write(args.out, setting, outcome, names, shlex.join([*command, "--sequences", *args.sequences]))


def _write(folder: Path, setting: Setting, outcome: Outcome, names: Sequence[str], command: str) -> None:
    path = folder / f"{setting.label.replace(' ', '@')}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(calibration_text(setting, names, outcome, command), encoding="utf-8")


if __name__ == "__main__":
    main()
