"""``--calibration`` of ``nanomot track`` and ``nanomot val``."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from nanomot.cli.main import main
from nanomot.synthetic import Scene
from nanomot.trackers import calibration
from tests.cli.test_val import make_sequence
from tests.detectors.graphs import fixed_model

SEQUENCE = "MOT17-01-FRCNN"


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A calibration of one small network, which finds nothing."""
    folder = tmp_path / "configs" / "calibration"
    folder.mkdir(parents=True)
    (folder / "tiny-m.yaml").write_text(
        "names: [tiny-m, tiny-m_64]\nnanotrack: {birth_threshold: 0.95, evidence_zero: 0.25}\n"
    )
    monkeypatch.setattr(calibration, "configs_dir", lambda: folder.parent)
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path / "cache"))
    return fixed_model(tmp_path / "tiny-m_64.onnx", [np.zeros((1, 126, 85))], (96, 64))


@pytest.fixture
def data(tmp_path):
    make_sequence(tmp_path / "data" / "MOT17" / "train" / SEQUENCE, Scene(seed=1), frames=True)
    return tmp_path / "data"


@pytest.fixture
def said(caplog):
    """The lines about calibrations."""
    caplog.set_level(logging.INFO, "nanomot")
    return lambda: [record.message for record in caplog.records if "calibration of" in record.message]


def val(data, tmp_path, *words):
    fast = ("--no-second-judge", "--no-plots", "--no-page", "--exist-ok", "--imgsz", "native")
    project = tmp_path / "runs"
    assert main(["val", "--data-root", str(data), "--project", str(project), *fast, *map(str, words)]) == 0
    known = json.loads((project / "exp" / "run.json").read_text())
    return {label: (of["calibration"], of["parameters"]) for label, of in known["trackers"].items()}


def test_val_takes_that_of_its_model(shipped, data, tmp_path, said):
    (taken, parameters) = val(data, tmp_path, "--model", shipped)["nanotrack"]
    assert taken == "tiny-m"
    assert (parameters["birth_threshold"], parameters["evidence_zero"]) == (0.95, 0.25)
    assert said() == ["calibration of tiny-m: birth_threshold 0.95, evidence_zero 0.25"]


@pytest.mark.parametrize("words", [("--calibration", "none"), ("--tracker", "bytetrack"), ("--mode", "reference")])
def test_val_takes_none(shipped, data, tmp_path, said, words):
    ((taken, _),) = val(data, tmp_path, "--model", shipped, *words).values()
    assert taken is None
    assert said() == []


def test_nothing_is_known_of_stored_boxes(shipped, data, tmp_path, said):
    words = ("--detections", "public", "--model", shipped)
    assert val(data, tmp_path, *words)["nanotrack"][0] is None
    assert said() == []
    assert val(data, tmp_path, *words, "--calibration", "tiny-m")["nanotrack"][0] == "tiny-m"
    result = tmp_path / "runs" / "exp" / "mot" / f"{SEQUENCE}.txt"
    assert result.read_text() == "", "the boxes' score is .9"


def test_the_users_words_win_and_only_the_rest_is_told(shipped, data, tmp_path, said):
    (tmp_path / "mine.yaml").write_text("birth_threshold: 0.6\n")
    words = ("--model", shipped, "--config", tmp_path / "mine.yaml")
    assert val(data, tmp_path, *words)["nanotrack"][1]["birth_threshold"] == 0.6
    assert said() == ["calibration of tiny-m: evidence_zero 0.25"]
    taken, parameters = val(data, tmp_path, *words, "--set", "evidence_zero=0.5")["nanotrack"]
    assert taken is None
    assert parameters["evidence_zero"] == 0.5
    assert len(said()) == 1


def test_a_cluster_gives_the_same_files(shipped, data, tmp_path, address):
    boxes = tmp_path / "boxes"
    boxes.mkdir()
    lines = (data / "MOT17" / "train" / SEQUENCE / "det" / "det.txt").read_text().splitlines()
    kept = [line.replace(",0.9,", ",0.97,") for line in lines if int(line.split(",")[0]) % 5]
    (boxes / f"{SEQUENCE}.txt").write_text("\n".join(kept))
    words = ("--detections", boxes, "--calibration", mine(tmp_path, 0.98))
    result = tmp_path / "runs" / "exp" / "mot" / f"{SEQUENCE}.txt"
    for extra in ((), ("--cluster", address)):
        assert val(data, tmp_path, *words, *extra)["nanotrack"][1]["birth_threshold"] == 0.98
        assert result.read_bytes() == b""
    val(data, tmp_path, "--detections", boxes)
    assert result.read_bytes() != b""


def mine(tmp_path, birth):
    """A file of the user's, which other processes can read."""
    path = tmp_path / "calibration.yaml"
    path.write_text(f"nanotrack: {{birth_threshold: {birth}}}\n")
    return path


def track(tmp_path, *words):
    return main(["track", "--project", str(tmp_path / "runs"), *map(str, words)])


@pytest.fixture
def walk(tmp_path):
    """Boxes of the score .9 on ten pictures' worth of frames."""
    import cv2

    folder = tmp_path / "walk"
    folder.mkdir()
    for number in range(1, 11):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((120, 160, 3), np.uint8))
    boxes = tmp_path / "det.txt"
    boxes.write_text("".join(f"{number},-1,{10 + number},20,30,80,0.9,-1,-1,-1\n" for number in range(1, 11)))
    return folder, boxes


def test_track_takes_that_of_its_model(shipped, walk, tmp_path, said):
    words = ("--path", walk[0], "--model", shipped, "--imgsz", "native")
    assert track(tmp_path, *words) == 0
    assert said() == ["calibration of tiny-m: birth_threshold 0.95, evidence_zero 0.25"]
    for more in (("--calibration", "none"), ("--only-detect",), ("--tracking-method", "sort")):
        assert track(tmp_path, *words, *more) == 0
    assert len(said()) == 1


def test_track_stored_boxes(shipped, walk, tmp_path, said):
    folder, boxes = walk
    words = ("--path", folder, "--model", boxes)
    assert track(tmp_path, *words) == 0
    assert said() == []
    assert track(tmp_path, *words, "--calibration", "tiny-m") == 0
    results = [(tmp_path / "runs" / name / "mot" / "walk.txt").read_text() for name in ("exp", "exp2")]
    assert results[0]
    assert results[1] == "", "nobody is born below .95"
    assert len(said()) == 1


def test_several_videos(shipped, walk, tmp_path, said):
    """One calibration holds in every video, also where others track it."""
    (tmp_path / "walx").mkdir()
    (tmp_path / "walx" / "1.png").write_bytes((walk[0] / "1.png").read_bytes())
    words = ("--path", f"{tmp_path}/wal[kx]", "--model", walk[1], "--calibration", mine(tmp_path, 0.95), "--exist-ok")
    for more in ((), ("--workers", 2)):
        assert track(tmp_path, *words, *more) == 0
        assert (tmp_path / "runs" / "exp" / "walk" / "mot" / "walk.txt").read_text() == ""
    assert len(said()) == 2, "once a run, not once a video"


def test_an_unknown_one_is_named(shipped, walk, tmp_path, capsys):
    assert track(tmp_path, "--path", walk[0], "--model", walk[1], "--calibration", "tiny-n") == 2
    assert "There is no calibration 'tiny-n'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.shared
@pytest.mark.slow
def test_a_detector_of_other_scores_is_believed_less(shared, tmp_path, said):
    """Nine in ten of FastestDet's boxes of score .5 show nobody: with the shipped values they become tracks."""
    from nanomot.evaluation import SequenceFiles, judge

    folder = shared / "data" / "mot" / "MOT15" / "train" / "TUD-Stadtmitte"
    model = tmp_path / "renamed.onnx"
    model.write_bytes((shared / "models" / "detectors" / "fastestdet_352.onnx").read_bytes())
    accuracy = {}
    for name, words in (("own", ()), ("none", ("--calibration", "none"))):
        assert track(tmp_path, "--path", folder, "--model", model, "--threads", 1, "--name", name, *words) == 0
        result = tmp_path / "runs" / name / "mot" / "TUD-Stadtmitte.txt"
        files = {"TUD-Stadtmitte": SequenceFiles(folder / "gt" / "gt.txt", result, 179)}
        accuracy[name] = judge(files, benchmark="MOT15")["COMBINED"]["MOTA"]
    (line,) = said()
    assert line.startswith("calibration of fastestdet_352: birth_threshold 0.7")
    assert accuracy["own"] > 65
    assert accuracy["none"] < 45
