"""``nanomot track`` from its arguments to files and exit status."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from nanomot.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def read_mot(path):
    return np.loadtxt(path, delimiter=",", ndmin=2)


@pytest.fixture
def sequence(tmp_path):
    """Twelve small pictures and stored detections of two people on them."""
    folder = tmp_path / "walk"
    folder.mkdir()
    lines = []
    for number in range(1, 13):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((120, 160, 3), 20 * number, np.uint8))
        for left in (10 + number, 100 - number):
            lines.append(f"{number},-1,{left + 0.25},20,30,80,0.8,-1,-1,-1\n")
    boxes = tmp_path / "det.txt"
    boxes.write_text("".join(lines))
    return folder, boxes


def track(tmp_path, *words):
    return main(["track", "--project", str(tmp_path / "runs"), *map(str, words)])


def test_everything_at_once(sequence, tmp_path, capsys):
    folder, boxes = sequence
    status = track(tmp_path, "--path", folder, "--model", boxes, "--save", "--save-mot", "--save-csv", "--save-jsonl")
    assert status == 0
    out = capsys.readouterr().out
    assert "12 frames, 2 tracks" in out
    result = tmp_path / "runs" / "exp"
    rows = read_mot(result / "mot" / "walk.txt")
    assert rows.shape == (24, 10)
    assert sorted(set(rows[:, 0])) == list(range(1, 13))
    assert set(rows[:, 1]) == {1, 2}
    np.testing.assert_allclose(rows[:, 6], 0.8)
    assert (rows[:, 2] % 1 != 0).any()
    with (result / "walk.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 24
    assert float(table[-1]["time"]) == pytest.approx(11 / 30, abs=1e-3)
    objects = [json.loads(line) for line in (result / "walk.jsonl").read_text().splitlines()]
    assert len(objects) == 12
    video = cv2.VideoCapture(str(result / "walk.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    for path in (result / "mot" / "walk.txt", result / "walk.mp4", result / "walk.csv", result / "walk.jsonl"):
        assert str(path) in out


def test_runs_are_numbered_and_results_overwritten(sequence, tmp_path):
    folder, boxes = sequence
    words = ("--path", folder, "--model", boxes)
    assert track(tmp_path, *words) == track(tmp_path, *words) == track(tmp_path, *words) == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["exp", "exp2", "exp3"]
    before = (tmp_path / "runs" / "exp" / "mot" / "walk.txt").read_text()
    assert track(tmp_path, *words, "--exist-ok") == 0
    assert (tmp_path / "runs" / "exp" / "mot" / "walk.txt").read_text() == before


def test_only_detect(sequence, tmp_path):
    folder, boxes = sequence
    assert track(tmp_path, "--path", folder, "--model", boxes, "--only-detect") == 0
    assert (read_mot(tmp_path / "runs" / "exp" / "mot" / "walk.txt")[:, 1] == -1).all()


def test_region_of_interest(sequence, tmp_path):
    folder, boxes = sequence
    assert track(tmp_path, "--path", folder, "--model", boxes, "--roi", "0,0 79,0 79,119 0,119") == 0
    assert len(set(read_mot(tmp_path / "runs" / "exp" / "mot" / "walk.txt")[:, 1])) == 1


@pytest.mark.parametrize("method", ["nanotrack", "bytetrack", "sparsetrack", "sort"])
def test_every_method(sequence, tmp_path, method):
    folder, boxes = sequence
    words = ("--path", folder, "--model", boxes, "--tracking-method", method, "--set", "track_buffer=10", "--per-class")
    assert track(tmp_path, *words) == 0
    assert len(read_mot(tmp_path / "runs" / "exp" / "mot" / "walk.txt")) > 0


def test_reid_model_is_checked_and_named_once(sequence, tmp_path, caplog):
    import onnx

    folder, boxes = sequence
    model = tmp_path / "reid.onnx"
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "relu", [], [])), str(model))
    assert track(tmp_path, "--path", folder, "--model", boxes, "--reid-model", model) == 0
    assert sum("not used" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--path", "nowhere.mp4"], "nowhere.mp4"),
        (["--path", "{walk}", "--tracking-method", "nanotrak"], "did you mean 'nanotrack'"),
        (["--path", "{walk}", "--set", "nonsense"], "KEY=VALUE"),
        (["--path", "{walk}", "--set", "depth=["], "--set depth"),
        (["--path", "{walk}", "--set", "birth_treshold=0.5"], "did you mean 'birth_threshold'"),
        (["--path", "{walk}", "--config", "none.yaml"], "none.yaml"),
        (["--path", "{walk}", "--reid-model", "none.onnx"], "none.onnx"),
        (["--path", "{walk}", "--reid-model", "{boxes}"], "is not an ONNX model"),
        (["--path", "{walk}", "--model", "no-such-model"], "no-such-model"),
        (["--path", "{walk}", "--conf", "1.5"], "--conf"),
        (["--path", "{walk}", "--nms", "0"], "--nms"),
        (["--path", "{walk}", "--roi", "1,2"], "polygon"),
        (["--path", "{walk}", "--project", "{boxes}"], "cannot be made"),
        (["--demo", "video"], "needs --path"),
    ],
)
def test_mistakes_end_with_one_sentence(sequence, tmp_path, capsys, words, named):
    folder, boxes = sequence
    filled = [word.format(walk=folder, boxes=boxes) for word in words]
    assert main(["track", "--project", str(tmp_path / "runs"), "--model", str(boxes), *filled]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert "Traceback" not in error
    assert not (tmp_path / "runs").exists()


def test_help_names_every_published_flag(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["track", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    published = "demo config conf classes only-detect device project name exist-ok save save-mot show per-class roi"
    for flag in (*published.split(), "model", "reid-model", "path", "tracking-method"):
        assert f"--{flag}" in text


def test_the_scene_is_judged(tmp_path, capsys, monkeypatch):
    import nanomot.cli.scene as scene
    from nanomot.synthetic import Scene

    monkeypatch.setattr(scene, "Scene", lambda: Scene(frames=80))
    monkeypatch.chdir(tmp_path)
    assert main(["track"]) == 0
    out = capsys.readouterr().out
    assert "HOTA" in out
    assert "MOTA" in out
    assert "IDF1" in out
    assert (tmp_path / "runs" / "track" / "exp" / "scene.mp4").is_file()


def test_a_folder_of_the_users_that_shadows_ours(sequence, tmp_path):
    folder, boxes = sequence
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "__init__.py").write_text("")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    words = [sys.executable, "-m", "nanomot", "track", "--path", str(folder), "--model", str(boxes)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "shadows" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_complete_up_to_its_frame(tmp_path, number):
    words = [sys.executable, "-m", "nanomot", "track", "--path", "scene", "--save", "--project", str(tmp_path / "runs")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        part = tmp_path / "runs" / "exp" / "scene.part.mp4"
        deadline = time.monotonic() + 60
        while not part.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.6)
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "(interrupted)" in out
    frames = int(out.split(":")[1].split()[0])
    assert 0 < frames < 300
    video = cv2.VideoCapture(str(tmp_path / "runs" / "exp" / "scene.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == frames
    assert video.read()[0]
    assert (tmp_path / "runs" / "exp" / "mot" / "scene.txt").is_file()


@pytest.mark.parametrize("name", ["walk.mp4", "walk.part.mp4", "walk.csv"])
def test_outputs_never_replace_inputs(sequence, tmp_path, capsys, name):
    folder, boxes = sequence
    run = tmp_path / "runs" / "exp"
    run.mkdir(parents=True)
    precious = run / name
    precious.write_text("track_buffer: 20\n")
    words = ["--path", folder, "--model", boxes, "--exist-ok", "--save", "--save-csv", "--config", precious]
    assert track(tmp_path, *words) == 2
    assert "would replace it" in capsys.readouterr().err
    assert precious.read_text() == "track_buffer: 20\n"


@pytest.mark.parametrize(
    "text",
    ["1: 2\n", "mode: [1]\n", "modes: 5\n", "modes: {a: 3}\n", "track_buffer: 2020-13-45\n", "a: " + "[" * 5000],
)
def test_malformed_parameter_files_are_one_sentence(sequence, tmp_path, capsys, text):
    folder, boxes = sequence
    config = tmp_path / "mine.yaml"
    config.write_text(text)
    assert track(tmp_path, "--path", folder, "--model", boxes, "--config", config) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--threads", "100000"], "--threads"),
        (["--fps", "inf"], "--fps"),
        (["--reconnect-limit", "nan"], "--reconnect-limit"),
        (["--classes", "\u00b2"], "\u00b2"),
    ],
)
def test_numbers_out_of_range(sequence, tmp_path, capsys, words, named):
    folder, boxes = sequence
    assert track(tmp_path, "--path", folder, "--model", boxes, *words) == 2
    assert named in capsys.readouterr().err


def test_an_empty_reid_model_is_refused(sequence, tmp_path, capsys):
    folder, boxes = sequence
    (tmp_path / "empty.onnx").write_bytes(b"")
    assert track(tmp_path, "--path", folder, "--model", boxes, "--reid-model", tmp_path / "empty.onnx") == 2
    assert "is not an ONNX model" in capsys.readouterr().err


def test_boxes_far_outside_can_be_drawn(sequence, tmp_path):
    folder, boxes = sequence
    with boxes.open("a") as file:
        file.writelines(f"{number},-1,8e8,8e8,1e8,1e8,0.9,-1,-1,-1\n" for number in range(1, 13))
    assert track(tmp_path, "--path", folder, "--model", boxes, "--save") == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_a_full_standard_output(sequence, tmp_path):
    folder, boxes = sequence
    words = [sys.executable, ROOT / "track.py", "--path", folder, "--model", boxes, "--project", tmp_path / "runs"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(list(map(str, words)), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert (tmp_path / "runs" / "exp" / "mot" / "walk.txt").is_file()
