"""HOTA, CLEAR and identity metrics from TrackEval, with the preprocessing of MOTChallenge."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanomot.errors import NanomotError

COMBINED = "COMBINED"
"""The row over all sequences together."""

_TRACKER = "nanomot"
_PERCENTAGES = {
    "HOTA": ("HOTA", "DetA", "AssA", "LocA"),
    "CLEAR": ("MOTA", "CLR_Re", "CLR_Pr"),
    "Identity": ("IDF1", "IDP", "IDR"),
}
_COUNTS = ("CLR_FP", "CLR_FN", "IDSW", "Frag", "MT", "ML")
_NAMES = {"CLR_Re": "recall", "CLR_Pr": "precision", "CLR_FP": "FP", "CLR_FN": "FN"}


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


def judge(sequences: Mapping[str, SequenceFiles], *, benchmark: str = "MOT17") -> dict[str, dict[str, float]]:
    """Judge results with TrackEval (Luiten et al., IJCV 2021: HOTA; Bernardin 2008: CLEAR; Ristani 2016: IDF1).

    Args:
        sequences: name -> files.
        benchmark: whose preprocessing applies, ``"MOT15"``, ``"MOT16"``, ``"MOT17"`` or ``"MOT20"``.

    Returns:
        Sequence name or ``COMBINED`` -> metric -> percentage (HOTA, DetA, AssA, LocA, MOTA, recall, precision, IDF1,
        IDP, IDR) or count (FP, FN, IDSW, Frag, MT, ML).

    Raises:
        NanomotError: a file is missing or malformed; TrackEval's own words are kept.
    """
    if not sequences:
        raise NanomotError("There is no sequence to judge.")
    for files in sequences.values():
        for path in (files.truth, files.result):
            if not path.is_file():
                raise NanomotError(f"{path}: this file is missing, so its sequence cannot be judged.")
    from trackeval.utils import TrackEvalException

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            per_metric = _evaluate(_stage(sequences, Path(folder), benchmark), list(sequences))
        except TrackEvalException as error:
            raise NanomotError(f"TrackEval cannot judge these files: {' '.join(str(error).split())}") from error
    return {name: _row(per_metric, name) for name in (*sequences, COMBINED)}


def _stage(sequences: Mapping[str, SequenceFiles], folder: Path, benchmark: str) -> Any:
    """Copy the files into the one layout that TrackEval reads, and open it."""
    from trackeval.datasets import MotChallenge2DBox

    results = folder / "trackers" / _TRACKER / "data"
    results.mkdir(parents=True)
    for name, files in sequences.items():
        truth = folder / "truth" / name / "gt"
        truth.mkdir(parents=True)
        shutil.copyfile(files.truth, truth / "gt.txt")
        shutil.copyfile(files.result, results / f"{name}.txt")
    return MotChallenge2DBox(
        {
            "GT_FOLDER": str(folder / "truth"),
            "TRACKERS_FOLDER": str(folder / "trackers"),
            "TRACKERS_TO_EVAL": [_TRACKER],
            "BENCHMARK": benchmark,
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": {name: files.length for name, files in sequences.items()},
            "PRINT_CONFIG": False,
        }
    )


def _evaluate(dataset: Any, names: list[str]) -> dict[str, dict[str, Any]]:
    from trackeval.metrics import CLEAR, HOTA, Identity

    metrics = {"HOTA": HOTA(), "CLEAR": CLEAR({"PRINT_CONFIG": False}), "Identity": Identity({"PRINT_CONFIG": False})}
    per_metric: dict[str, dict[str, Any]] = {key: {} for key in metrics}
    for name in names:
        data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data(_TRACKER, name), "pedestrian")
        for key, metric in metrics.items():
            per_metric[key][name] = metric.eval_sequence(data)
    for key, metric in metrics.items():
        per_metric[key][COMBINED] = metric.combine_sequences(per_metric[key])
    return per_metric


def _row(per_metric: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, float]:
    row: dict[str, float] = {}
    for key, fields in _PERCENTAGES.items():
        for field in fields:
            value = per_metric[key][name][field]
            # HOTA's family is an average over the thresholds alpha.
            row[_NAMES.get(field, field)] = 100.0 * float(value.mean() if hasattr(value, "mean") else value)
    for field in _COUNTS:
        row[_NAMES.get(field, field)] = int(per_metric["CLEAR"][name][field])
    return row
