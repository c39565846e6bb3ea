"""The scripts that make the documentation's numbers and pictures run, on small inputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_val import make_sequence
from tests.evaluation.walks import make_walk

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

    truth = tmp_path / "MOT17" / "train" / "MOT17-01-FRCNN"
    make_sequence(truth, Scene(seed=1))
    (tmp_path / "boxes").mkdir()
    (tmp_path / "boxes" / "MOT17-01-FRCNN.txt").write_text((truth / "det" / "det.txt").read_text())
    words = ("--data-root", tmp_path, "--detections", tmp_path / "boxes", "--sequences", "MOT17-01")

    def table(*more):
        done = script("bench_accuracy.py", *words, *more)
        assert done.returncode == 0, done.stderr
        return [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")][1:]

    assert len(table()) == 7
    assert all(float(row[1]) > 60 for row in table())
    plain, without = table("--trackers", "nanotrack", "--ablation")[:2]
    assert without[0].strip().startswith("nanotrack without")
    jittered = table("--trackers", "nanotrack", "--jitter", 2, "--copies", "half", "--each")
    assert [row[0].strip() for row in jittered] == [
        "nanotrack, MOT17-01-FRCNN", "nanotrack, MOT17-01-FRCNN~half", "nanotrack, COMBINED"
    ]  # fmt: skip
    assert all(len(row) == len(plain) + 1 for row in jittered)


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


def test_judge_bench(tmp_path):
    for seed, name in enumerate(("a", "b"), start=1):
        make_walk(tmp_path / "truth" / name, seed)
    (tmp_path / "mot").mkdir()
    for name, kept in (("a", 1), ("b", 3)):
        truth = (tmp_path / "truth" / name / "gt" / "gt.txt").read_text().splitlines(keepends=True)
        (tmp_path / "mot" / f"{name}.txt").write_text("".join(truth[::kept]))
    words = ("--results", tmp_path / "mot", "--truth", tmp_path / "truth", "--turns", 2)
    done = script("bench_judge.py", *words, "--json", tmp_path / "seconds.json")
    assert done.returncode == 0, done.stderr
    assert "2 sequences, the same figures to the last bit" in done.stdout
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines()[4:]] == ["TrackEval's Evaluator", "nanomot"]
    seconds = json.loads((tmp_path / "seconds.json").read_text())
    assert all(len(turns) == 2 and min(map(min, turns)) > 0 for turns in seconds.values())


@pytest.mark.shared
@pytest.mark.slow
def test_pipeline_bench(shared):
    model = shared / "models" / "detectors" / "nanodet-plus-m_416.onnx"
    clip = shared / "data" / "video" / "vtest.avi"
    done = script("bench_pipeline.py", "--model", model, "--path", clip, "--frames", 20, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    assert "of the bare rate" in done.stdout
