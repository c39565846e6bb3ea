"""The scripts that make the documentation's numbers and pictures run, on small inputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_val import make_sequence

ROOT = Path(__file__).resolve().parents[2]


def script(name, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_soak():
    done = script("soak.py", "--frames", 400, "--objects", 8)
    assert done.returncode == 0, done.stderr
    assert "passed" in done.stdout


def test_accuracy_table(tmp_path):
    from nanomot.synthetic import Scene

    truth = tmp_path / "truth" / "MOT17-01-FRCNN"
    make_sequence(truth, Scene(seed=1))
    (tmp_path / "boxes").mkdir()
    (tmp_path / "boxes" / "MOT17-01-FRCNN.txt").write_text((truth / "det" / "det.txt").read_text())
    done = script("bench_accuracy.py", "--detections", tmp_path / "boxes", "--truth", tmp_path / "truth")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ") and "HOTA" not in line]
    assert len(rows) == 7
    assert all(float(row.split("|")[2]) > 60 for row in rows)


@pytest.mark.shared
@pytest.mark.slow
def test_pipeline_bench(shared):
    model = shared / "models" / "detectors" / "nanodet-plus-m_416.onnx"
    clip = shared / "data" / "video" / "vtest.avi"
    done = script("bench_pipeline.py", "--model", model, "--path", clip, "--frames", 20, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    assert "of the bare rate" in done.stdout
