"""Rows of truth and result handed to TrackEval as what it makes of MOTChallenge files, without its reader of text."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanomot.evaluation.result_files import CLASS, FRAME, ID, PLACE, SCORE

_TRACKER = "nanomot"
"""The name under which TrackEval knows the results."""


@dataclass(frozen=True, eq=False)
class SequenceRows:
    """What is needed to judge one sequence, as :mod:`nanomot.evaluation.result_files` reads it.

    Attributes:
        truth: (N, 8 or more) rows.
        result: (M, 7 or more) rows.
        length: number of frames.
    """

    truth: NDArray[np.float64]
    result: NDArray[np.float64]
    length: int


def open_dataset(sequences: Mapping[str, SequenceRows], folder: Path, benchmark: str) -> Any:
    """TrackEval's dataset of the ``sequences``.

    Args:
        sequences: name -> rows; those of the moment at which :func:`judged_data` is called.
        folder: an empty one, for the layout of files that TrackEval wants to see.
        benchmark: whose preprocessing applies, ``"MOT15"`` to ``"MOT20"``.
    """
    for name in sequences:
        for path in (_truth(folder) / name / "gt" / "gt.txt", _results(folder) / _TRACKER / "data" / f"{name}.txt"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    dataset = _dataset_class()(
        {
            "GT_FOLDER": str(_truth(folder)),
            "TRACKERS_FOLDER": str(_results(folder)),
            "TRACKERS_TO_EVAL": [_TRACKER],
            "BENCHMARK": benchmark,
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": {name: rows.length for name, rows in sequences.items()},
            "PRINT_CONFIG": False,
        }
    )
    dataset.rows = sequences
    return dataset


def judged_data(dataset: Any, sequence: str) -> Any:
    """What TrackEval's preprocessing leaves of a sequence's rows: what its metrics are computed from."""
    return dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data(_TRACKER, sequence), "pedestrian")


@functools.cache
def metric_families() -> dict[str, Any]:
    """TrackEval's families of metrics by their names."""
    from trackeval.metrics import CLEAR, HOTA, Identity

    quiet = {"PRINT_CONFIG": False}
    return {"HOTA": HOTA(), "CLEAR": CLEAR(quiet), "Identity": Identity(quiet)}


def _truth(folder: Path) -> Path:
    return folder / "truth"


def _results(folder: Path) -> Path:
    return folder / "trackers"


@functools.cache
def _dataset_class() -> Any:
    from trackeval.datasets import MotChallenge2DBox

    class Dataset(MotChallenge2DBox):  # type: ignore[misc]  # TrackEval has no types
        """TrackEval's reader of MOTChallenge files, which finds the rows of files already read."""

        def _load_raw_file(self, tracker: str, seq: str, is_gt: bool) -> dict[str, Any]:
            found = self.rows[seq]
            raw = _raw_truth(found) if is_gt else _raw_result(found)
            return {**raw, "num_timesteps": found.length, "seq": seq}

    return Dataset


def _raw_truth(found: SequenceRows) -> dict[str, Any]:
    ids, places, rows = _by_frame(found.truth, found.length)
    return {
        "gt_ids": ids,
        "gt_dets": places,
        "gt_classes": [frame[:, CLASS].astype(int) for frame in rows],
        "gt_crowd_ignore_regions": [np.empty((0, 4))] * found.length,
        "gt_extras": [{"zero_marked": frame[:, SCORE].astype(int)} for frame in rows],
    }


def _raw_result(found: SequenceRows) -> dict[str, Any]:
    ids, places, rows = _by_frame(found.result, found.length)
    return {
        "tracker_ids": ids,
        "tracker_dets": places,
        "tracker_classes": [np.ones(len(frame), int) for frame in rows],
        "tracker_confidences": [frame[:, SCORE] for frame in rows],
    }


def _by_frame(
    rows: NDArray[np.float64], length: int
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Ids, boxes (left, top, width, height) and whole rows of every frame, in the order of the file."""
    order = np.argsort(rows[:, FRAME], kind="stable")
    rows = rows[order]
    # TrackEval makes tables as long as the largest id.
    ids = np.unique(rows[:, ID], return_inverse=True)[1]
    ends = np.searchsorted(rows[:, FRAME], np.arange(2, length + 1))
    frames = np.split(rows, ends)
    return np.split(ids, ends), [frame[:, PLACE] for frame in frames], frames
