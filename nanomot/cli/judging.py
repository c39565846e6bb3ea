"""From a folder of result files to tables, plots and a page: what ``nanomot val`` does once tracks are there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.judge import SequenceFiles, Verdict, judge_fully, read_rows
from nanomot.evaluation.moments import IdSwitch, find_switches, persons, worst
from nanomot.evaluation.page import make_page
from nanomot.evaluation.plots import draw_plots
from nanomot.evaluation.report import both_tables, results_of, second_opinion, write_csv, write_json
from nanomot.evaluation.smoothed_files import smooth_files
from nanomot.evaluation.strips import SequenceTracks, draw_strips
from nanomot.evaluation.whole_file import write_whole
from nanomot.timing import StageClock

_LOG = logging.getLogger("nanomot")

RESULTS, RAW_RESULTS = "mot", "mot_raw"
_MOST_STRIPS = 12


@dataclass(frozen=True)
class Judging:
    """What is to be made of results.

    Attributes:
        rules: whose preprocessing TrackEval applies.
        split: name of the split, for messages.
        second_judge, plots, page: what is wanted beside the table.
        clock: is told how long each of them takes.
    """

    rules: str
    split: str
    second_judge: bool
    plots: bool
    page: bool
    clock: StageClock


def result_folder(folder: Path, smoothing: str | None) -> Path:
    """Where tracks are written: what is judged lies in ``mot/``, what is smoothed first in ``mot_raw/``."""
    return folder / (RAW_RESULTS if smoothing else RESULTS)


def smooth_results(folder: Path, sequences: list[Sequence], method: str) -> None:
    """Fill ``mot/`` with the smoothed tracks of ``mot_raw/``; what lies in ``mot/`` and was not made so is moved there.

    Raises:
        NanomotError: a result is missing or malformed, or there are two and nobody knows which is the raw one.
    """
    lengths = {sequence.name: sequence.length for sequence in sequences}
    smooth_files(folder / RAW_RESULTS, folder / RESULTS, lengths, method)


def missing_truth(sequences: list[Sequence]) -> str:
    """Words for headings, and a warning for each sequence without truth; nothing where all or none have it."""
    without = [sequence for sequence in sequences if sequence.truth is None]
    if not without or len(without) == len(sequences):
        return ""
    for sequence in without:
        path = sequence.folder / "gt" / "gt.txt"
        _LOG.warning("%s: is missing, so %s is not judged, and COMBINED is without it.", path, sequence.name)
    return f", {len(sequences) - len(without)} of {len(sequences)} sequences judged"


def judge_folder(
    order: Judging, sequences: list[Sequence], folder: Path, title: str, heading: str, out: TextIO
) -> Verdict | None:
    """Judge ``folder/mot/`` and leave the report beside it; None where no truth is published.

    Args:
        order: what to make.
        sequences: which.
        folder: of the run.
        title: of plots and page.
        heading: printed above the table, nothing where it is empty.
        out: where the table goes.

    Raises:
        NanomotError: a result or ground-truth file is missing or malformed.
    """
    files = {
        sequence.name: SequenceFiles(sequence.truth, folder / RESULTS / f"{sequence.name}.txt", sequence.length)
        for sequence in sequences
        if sequence.truth is not None
    }
    if not files:
        out.write(f"{order.split}: no ground truth is published for this split, so there is nothing to judge.\n")
        return None
    with order.clock("reading"):
        rows = {name: read_rows(item, benchmark=order.rules) for name, item in files.items()}
    tracks = {
        sequence.name: SequenceTracks(sequence, rows[sequence.name].truth, rows[sequence.name].result)
        for sequence in sequences
        if sequence.name in rows
    }
    verdict = judge_fully(rows, benchmark=order.rules, second_judge=order.second_judge, clock=order.clock)
    write_json(folder / "results.json", results_of(verdict))
    write_csv(folder / "results.csv", verdict)
    out.write(f"\n{heading}\n" if heading else "\n")
    out.write(both_tables(verdict.rows) + "\n")
    if verdict.second:
        out.write(f"\n{second_opinion(verdict)}\n")
    out.flush()
    _draw(order, verdict, tracks, folder, title)
    return verdict


def _draw(order: Judging, verdict: Verdict, tracks: dict[str, SequenceTracks], folder: Path, title: str) -> None:
    plots: dict[str, bytes] = {}
    if order.plots:
        with order.clock("plots"):
            plots = draw_plots(verdict, title)
            for name, content in plots.items():
                write_whole(folder / name, content)
    if order.page:
        with order.clock("page"):
            write_whole(folder / "report.html", _page(order, verdict, tracks, title, plots).encode())


def _page(
    order: Judging, verdict: Verdict, tracks: dict[str, SequenceTracks], title: str, plots: dict[str, bytes]
) -> str:
    switches: list[IdSwitch] = []
    people: dict[str, SequenceTracks] = {}
    for name, item in tracks.items():
        truth = persons(item.truth, has_classes=order.rules != "MOT15")
        people[name] = SequenceTracks(item.sequence, truth, item.result)
        switches += find_switches(name, truth, item.result)
    shown = worst(switches, _MOST_STRIPS)
    strips, bare = draw_strips(shown, people)
    return make_page(verdict, title=title, plots=plots, switches=len(switches), strips=strips, without_frames=bare)
