"""The benchmark's measure, worked out by hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from nanomot.detections import Detections

_PATH = Path(__file__).resolve().parents[2] / "scripts" / "bench_detectors.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_detectors", _PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_detectors"] = module
    spec.loader.exec_module(module)
    return module


BOX, FAR_BOX, HIDDEN = [0, 0, 10, 20], [100, 0, 110, 20], [50, 0, 60, 20]
TRUTH = (np.array([BOX, FAR_BOX, HIDDEN], dtype=float), np.array([True, True, False]))


def test_a_perfect_detector_scores_one(bench) -> None:
    assert bench.average_precision([Detections([BOX, FAR_BOX], [0.9, 0.2])], [TRUTH]) == pytest.approx(1.0)


def test_ignored_boxes_neither_help_nor_harm(bench) -> None:
    assert bench.average_precision([Detections([HIDDEN, BOX], [0.9, 0.8])], [TRUTH]) == pytest.approx(0.5)


def test_false_and_double_boxes_cost_precision(bench) -> None:
    nowhere = [200, 0, 210, 20]
    found = Detections([nowhere, BOX, BOX, FAR_BOX], [0.9, 0.8, 0.7, 0.6])
    # Hits at ranks 2 and 4: both reach a precision of 1/2.
    assert bench.average_precision([found], [TRUTH]) == pytest.approx(0.5)


def test_nothing_found_is_zero(bench) -> None:
    assert bench.average_precision([Detections.empty()], [TRUTH]) == 0.0


def test_truth_is_read_with_what_counts(bench, tmp_path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(
        "1,1,10,20,30,40,1,1,0.5\n1,2,10,20,30,40,0,1,1\n1,3,10,20,30,40,1,7,1\n2,1,0,0,5,5,1,1,0.3\n", encoding="utf-8"
    )
    truth = bench.read_truth(path)
    assert truth[1][0][0].tolist() == [10, 20, 40, 60]
    assert truth[1][1].tolist() == [True, False, False]
    assert truth[2][1].tolist() == [False]
