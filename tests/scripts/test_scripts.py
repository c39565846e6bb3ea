"""The scripts that make the documentation's numbers and pictures run, on small inputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_val import make_sequence

ROOT = Path(__file__).resolve().parents[2]


def script(name, *words, path=None):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT] if path is None else [path, ROOT]))}
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


def test_tracker_bench(tmp_path):
    figures = tmp_path / "figures.json"
    words = ("--only", "nanomot bytetrack", "nanomot sort", "--objects", 5, 10, "--frames", 20, "--seconds", 0.2)
    done = script("bench_trackers.py", *words, "--profile", "sort", "--json", figures)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| nanomot")]
    assert sorted(row[0].strip() for row in rows) == ["nanomot bytetrack"] * 2 + ["nanomot sort"] * 2
    ratios = next(row for row in rows[2:] if "bytetrack" in row[0])
    assert [float(cell) for cell in ratios[2:4]] == [1.0, 1.0]
    assert "| all |" in done.stdout
    trackers = json.loads(figures.read_text())["trackers"]
    assert all(timing["microseconds"] > 0 for row in trackers.values() for timing in row.values())
    assert set(trackers["nanomot sort"]) == {"5", "10"}


def test_tracker_bench_on_stored_boxes(tmp_path):
    (tmp_path / "street.txt").write_text("".join(f"{frame},-1,{frame},5,20,40,0.9\n" for frame in range(1, 9)))
    done = script("bench_trackers.py", "--only", "nanomot sort", "--frames", 8, "--detections", tmp_path / "street.txt")
    assert done.returncode == 0, done.stderr
    assert "| tracker | update in | street | exponent |" in done.stdout


def test_tracker_bench_names_what_is_not_installed(tmp_path):
    (tmp_path / "norfair.py").write_text("raise ImportError('as if it were not here')")
    done = script(
        "bench_trackers.py", "--only", "norfair", "nanomot sort", "--objects", 3, "--frames", 4, path=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "norfair: not installed (as if it were not here)" in done.stderr


@pytest.mark.shared
@pytest.mark.slow
def test_pipeline_bench(shared):
    model = shared / "models" / "detectors" / "nanodet-plus-m_416.onnx"
    clip = shared / "data" / "video" / "vtest.avi"
    done = script("bench_pipeline.py", "--model", model, "--path", clip, "--frames", 20, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    assert "of the bare rate" in done.stdout
