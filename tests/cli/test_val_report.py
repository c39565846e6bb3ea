"""What ``nanomot val`` leaves beside the tables, and ``nanomot detect``."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile

import numpy as np
import pytest

from nanomot.cli.main import main
from nanomot.cli.run_record import plain
from nanomot.synthetic import Scene
from nanomot.trackers import create_tracker
from tests.cli.test_val import make_sequence
from tests.detectors.graphs import fixed_model

SEQUENCE = "MOT17-01-FRCNN"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    make_sequence(root / "MOT17" / "train" / SEQUENCE, Scene(seed=1), frames=True)
    boxes = root / "MOT17" / "train" / SEQUENCE / "det" / "det.txt"
    # Every person is missed in five frames, so that there is something to fill.
    kept = [line for line in boxes.read_text().splitlines() if not 30 <= int(line.split(",")[0]) < 35]
    boxes.write_text("\n".join(kept) + "\n")
    (root / "mine").mkdir()
    (root / "mine" / SEQUENCE).symlink_to(root / "MOT17" / "train" / SEQUENCE)
    return root


@pytest.fixture
def val(data, tmp_path, monkeypatch):
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path / "cache"))

    def run(*words, verb="val"):
        project = ["--project", str(tmp_path / "runs")] if verb == "val" else []
        return main([verb, "--data-root", str(data), *project, *map(str, words)])

    return run


FAST = ("--no-plots", "--no-page", "--no-second-judge")


def test_plots_page_and_times(val, tmp_path, capsys):
    assert val("--detections", "public", "--tracking-method", "sort", "--set", "track_buffer=2") == 0
    folder = tmp_path / "runs" / "exp"
    assert {path.name for path in folder.iterdir()} == {
        "hota_over_alpha.png",
        "mot",
        "per_sequence.png",
        "report.html",
        "results.csv",
        "results.json",
        "run.json",
    }
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>sort on MOT17 train</h1>" in page
    hota = json.loads((folder / "results.json").read_text())["COMBINED"]["HOTA"]
    assert f"{hota:.2f}" in page
    # Ids change in the frames without boxes, and the frames are here.
    assert "are not here" not in page
    assert "parser" not in json.loads((folder / "run.json").read_text())["arguments"]
    assert page.count("<figure>") == min(int(re.search(r"of (\d+) found", page).group(1)), 12) > 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("seconds: "))
    assert re.findall(r"([A-Za-z]+) \d+\.\d", line) == [
        *("boxes", "tracking", "reading"),
        *("TrackEval", "motmetrics", "plots", "page"),
    ]


def test_everything_can_be_switched_off(val, tmp_path, capsys):
    assert val("--detections", "public", *FAST) == 0
    names = {path.name for path in (tmp_path / "runs" / "exp").iterdir()}
    assert names == {"mot", "results.csv", "results.json", "run.json"}
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("seconds: "))
    assert re.findall(r"([A-Za-z]+) \d+\.\d", line) == ["boxes", "tracking", "reading", "TrackEval"]


@pytest.mark.parametrize("words", [("--gsi",), ("--smooth", "rts"), ("--smooth", "linear")])
def test_smoothing_keeps_the_raw_tracks(val, tmp_path, words):
    # Without rows that the tracker predicts in gaps: smoothing is what fills them.
    seen_only = ("--set", "coast_ticks=0")
    assert val("--detections", "public", *seen_only, *FAST) == 0
    assert val("--detections", "public", *seen_only, *FAST, *words) == 0
    plain, folder = tmp_path / "runs" / "exp", tmp_path / "runs" / "exp2"
    name = f"{SEQUENCE}.txt"
    assert (folder / "mot_raw" / name).read_bytes() == (plain / "mot" / name).read_bytes()
    rows = [json.loads((run / "results.json").read_text())["COMBINED"] for run in (plain, folder)]
    assert rows[1]["FN"] < rows[0]["FN"]
    # Not HOTA: these people bob at every step, which an ideal detector sees and a smoother takes for jitter.
    assert rows[1]["MOTA"] > rows[0]["MOTA"]
    # Judged later, and twice: never smoothed on top of smoothed.
    assert val("--eval-existing", "--name", "exp", *FAST, *words) == 0
    assert val("--eval-existing", "--name", "exp", *FAST, *words) == 0
    assert (plain / "mot" / name).read_bytes() == (folder / "mot" / name).read_bytes()
    assert (plain / "mot_raw" / name).read_bytes() == (folder / "mot_raw" / name).read_bytes()


def test_raw_tracks_of_an_earlier_run_are_gone(val, tmp_path):
    words = ("--detections", "public", "--exist-ok", *FAST)
    assert val(*words, "--smooth", "linear") == 0
    assert val(*words, "--tracking-method", "sort", "--set", "track_buffer=2") == 0
    folder = tmp_path / "runs" / "exp"
    assert not (folder / "mot_raw" / f"{SEQUENCE}.txt").exists()


def test_a_submission(val, data, tmp_path, capsys):
    assert val("--benchmark", data / "mine", "--detections", "public", "--submission", *FAST) == 0
    path = tmp_path / "runs" / "exp" / "mine-train.zip"
    assert f"submission: {path} (1 sequences)" in capsys.readouterr().out
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{SEQUENCE}.txt"]
        assert archive.read(f"{SEQUENCE}.txt").startswith(b"1,1,")


def test_a_split_without_truth_is_tracked_and_handed_in(val, data, tmp_path, capsys):
    sequence = tmp_path / "test" / SEQUENCE
    make_sequence(sequence, Scene(seed=1))
    (sequence / "gt" / "gt.txt").unlink()
    words = ("--benchmark", tmp_path / "test", "--split", "test", "--detections", "public")
    assert val(*words, "--submission", "--smooth", "linear") == 0
    assert "no ground truth is published" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "runs" / "exp").iterdir()}
    assert names == {"mot", "mot_raw", "run.json", "test-test.zip"}


def test_an_incomplete_submission_is_told_before_tracking(val, tmp_path, capsys):
    assert val("--detections", "public", "--submission") == 2
    assert "MOT17-02-DPM" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_several_trackers_are_judged_again(val, tmp_path):
    trackers = ("--trackers", "sort,bytetrack")
    assert val("--detections", "public", *trackers, *FAST) == 0
    place = tmp_path / "runs" / "exp" / "sort" / "results.json"
    before = place.read_text()
    place.unlink()
    assert val("--eval-existing", *trackers, *FAST) == 0
    assert place.read_text() == before


def test_detect_fills_the_cache(val, tmp_path, capsys, monkeypatch):
    words = ("--model", "motion", "--sequences", "MOT17-01")
    assert val(*words, verb="detect") == 0
    (stored,) = (tmp_path / "cache" / "detections").glob("*.npz")
    with np.load(stored) as arrays:
        count = len(arrays["frame"])
    assert f"{SEQUENCE}: {count} boxes in 60 frames, {stored}" in capsys.readouterr().out

    def unexpected(*args, **kwargs):
        raise AssertionError("detections were computed again")

    monkeypatch.setattr("nanomot.cli.boxes_of.load_from", unexpected)
    assert val(*words, *FAST) == 0


def test_the_model_is_known_by_its_content(val, tmp_path, capsys):
    """A network that finds nothing."""
    model = fixed_model(tmp_path / "mine.onnx", [np.zeros((1, 126, 85))], (96, 64))
    words = ("--model", model, "--imgsz", "native", "--threads", 1)
    assert val(*words, verb="detect") == 0
    assert f"{SEQUENCE}: 0 boxes in 60 frames" in capsys.readouterr().out
    assert val(*words, *FAST) == 0
    known = json.loads((tmp_path / "runs" / "exp" / "run.json").read_text())["model"]
    assert known == {"path": str(model), "sha256": hashlib.sha256(model.read_bytes()).hexdigest()}


def test_parameters_of_other_packages():
    assert plain(create_tracker("sort").parameters)["iou_threshold"] == 0.3
    assert plain({"gate"}) == "{'gate'}"


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--sequences", "MOT17-77"], "MOT17-77"), (["--conf", "2"], "--conf"), (["--split", "x"], "x")],
)
def test_mistakes_of_detect(val, capsys, words, named):
    assert val("--model", "motion", *words, verb="detect") == 2
    error = capsys.readouterr().err
    assert named in error
    assert "Traceback" not in error
