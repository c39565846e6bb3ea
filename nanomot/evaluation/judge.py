"""Metrics from TrackEval, with the preprocessing of MOTChallenge, and from motmetrics as a second judge."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nanomot.errors import NanomotError
from nanomot.evaluation.moments import persons
from nanomot.evaluation.result_files import read_tracks, read_truth
from nanomot.evaluation.staging import SequenceRows, judged_data, metric_families, open_dataset
from nanomot.timing import StageClock

_LOG = logging.getLogger("nanomot")

COMBINED = "COMBINED"
"""The row over all sequences together."""

Row = dict[str, float]

_PERCENTAGES = {
    "HOTA": ("HOTA", "DetA", "AssA", "LocA"),
    "CLEAR": ("MOTA", "CLR_Re", "CLR_Pr"),
    "Identity": ("IDF1", "IDP", "IDR"),
}
_COUNTS = ("CLR_FP", "CLR_FN", "IDSW", "Frag", "MT", "ML")
_NAMES = {"CLR_Re": "recall", "CLR_Pr": "precision", "CLR_FP": "FP", "CLR_FN": "FN"}
_MATCH_IOU = 0.5


@dataclass(frozen=True)
class SequenceFiles:
    """What is needed to judge one sequence.

    Attributes:
        truth: ground truth in MOTChallenge format (``gt.txt``).
        result: tracks in MOTChallenge format.
        length: number of frames.
    """

    truth: Path
    result: Path
    length: int


@dataclass(frozen=True)
class Verdict:
    """All that the judges say.

    Attributes:
        rows: sequence or ``COMBINED`` -> metric -> percentage or count, by TrackEval.
        second: sequence or ``COMBINED`` -> MOTA, IDF1, IDSW by motmetrics; empty where it was not asked.
        hota_curves: sequence or ``COMBINED`` -> HOTA in percent at the 19 overlaps .05, .1, ... .95.
    """

    rows: dict[str, Row]
    second: dict[str, Row] = field(default_factory=dict)
    hota_curves: dict[str, list[float]] = field(default_factory=dict)


def read_rows(files: SequenceFiles, *, benchmark: str = "MOT17") -> SequenceRows:
    """Read truth and result of one sequence, strictly; a warning where one of them names nobody.

    Raises:
        NanomotError: a file is missing or malformed; the message names file and line.
    """
    has_classes = benchmark != "MOT15"
    rows = SequenceRows(
        read_truth(files.truth, files.length, has_classes=has_classes),
        read_tracks(files.result, files.length),
        files.length,
    )
    if not len(persons(rows.truth, has_classes=has_classes)):
        _LOG.warning("%s: this ground truth names nobody to be tracked; percentages of it mean nothing.", files.truth)
    if not len(rows.result):
        _LOG.warning("%s: this result file is empty, and is judged as if nobody had been tracked.", files.result)
    return rows


def judge(sequences: Mapping[str, SequenceFiles], *, benchmark: str = "MOT17") -> dict[str, Row]:
    """The rows of :func:`judge_fully`, of files.

    Raises:
        NanomotError: as :func:`read_rows` and :func:`judge_fully`.
    """
    return judge_fully(
        {name: read_rows(files, benchmark=benchmark) for name, files in sequences.items()}, benchmark=benchmark
    ).rows


def judge_fully(
    sequences: Mapping[str, SequenceRows],
    *,
    benchmark: str = "MOT17",
    second_judge: bool = False,
    clock: StageClock | None = None,
) -> Verdict:
    """Judge results with TrackEval (Luiten et al., IJCV 2021: HOTA; Bernardin 2008: CLEAR; Ristani 2016: IDF1).

    Args:
        sequences: name -> rows of truth and result.
        benchmark: whose preprocessing applies, ``"MOT15"``, ``"MOT16"``, ``"MOT17"`` or ``"MOT20"``.
        second_judge: ask motmetrics as well, on what TrackEval's preprocessing leaves.
        clock: is told how long ``TrackEval`` and ``motmetrics`` take.

    Returns:
        Rows with HOTA, DetA, AssA, LocA, MOTA, recall, precision, IDF1, IDP, IDR in percent and the counts FP, FN,
        IDSW, Frag, MT, ML; see :class:`Verdict`.

    Raises:
        NanomotError: there is nothing to judge, or TrackEval refuses; its own words are kept.
    """
    if not sequences:
        raise NanomotError("There is no sequence to judge.")
    clock = clock or StageClock()
    with clock("TrackEval"):
        from trackeval.utils import TrackEvalException

    accumulators: dict[str, Any] | None = {} if second_judge else None
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            with clock("TrackEval"):
                dataset = open_dataset(sequences, Path(folder), benchmark)
            per_metric = _evaluate(dataset, list(sequences), accumulators, clock)
        except TrackEvalException as error:
            raise NanomotError(f"TrackEval cannot judge these files: {' '.join(str(error).split())}") from error
    names = (*sequences, COMBINED)
    second = {}
    if accumulators is not None:
        with clock("motmetrics"):
            second = _ask_motmetrics(accumulators)
    return Verdict(
        rows={name: _row(per_metric, name) for name in names},
        second=second,
        hota_curves={name: [100.0 * float(value) for value in per_metric["HOTA"][name]["HOTA"]] for name in names},
    )


def _evaluate(
    dataset: Any, names: list[str], accumulators: dict[str, Any] | None, clock: StageClock
) -> dict[str, dict[str, Any]]:
    metrics = metric_families()
    per_metric: dict[str, dict[str, Any]] = {key: {} for key in metrics}
    for name in names:
        with clock("TrackEval"):
            data = judged_data(dataset, name)
            for key, metric in metrics.items():
                per_metric[key][name] = metric.eval_sequence(data)
        if accumulators is not None:
            with clock("motmetrics"):
                accumulators[name] = _accumulate(data)
    for key, metric in metrics.items():
        per_metric[key][COMBINED] = metric.combine_sequences(per_metric[key])
    return per_metric


def _accumulate(data: Mapping[str, Any]) -> Any:
    """One sequence's frames for motmetrics: distances are 1 - IoU, nan where boxes overlap too little to match.

    motmetrics' own IoU helper calls a function that NumPy 2 no longer has.
    """
    import motmetrics

    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for truth, found, overlaps in zip(data["gt_ids"], data["tracker_ids"], data["similarity_scores"], strict=True):
        accumulator.update(truth, found, np.where(overlaps >= _MATCH_IOU, 1.0 - overlaps, np.nan))
    return accumulator


def _ask_motmetrics(accumulators: Mapping[str, Any]) -> dict[str, Row]:
    import motmetrics

    table = motmetrics.metrics.create().compute_many(
        list(accumulators.values()),
        metrics=["mota", "idf1", "num_switches"],
        names=list(accumulators),
        generate_overall=True,
    )
    rows = {}
    for name, row in table.iterrows():
        rows[COMBINED if name == "OVERALL" else str(name)] = {
            "MOTA": 100.0 * float(row["mota"]),
            "IDF1": 100.0 * float(row["idf1"]),
            "IDSW": int(row["num_switches"]),
        }
    return rows


def _row(per_metric: Mapping[str, Mapping[str, Any]], name: str) -> Row:
    row: Row = {}
    for key, fields in _PERCENTAGES.items():
        for name_of_field in fields:
            value = per_metric[key][name][name_of_field]
            # HOTA's family is an average over the thresholds alpha.
            row[_NAMES.get(name_of_field, name_of_field)] = 100.0 * float(np.mean(value))
    for name_of_field in _COUNTS:
        row[_NAMES.get(name_of_field, name_of_field)] = int(per_metric["CLEAR"][name][name_of_field])
    return row
