"""``nanomot tune`` on a small benchmark made for the test."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nanomot.evaluation.scoring as scoring
from nanomot import create_tracker
from nanomot.cli.main import main
from nanomot.resources import load_yaml
from tests.evaluation.walks import make_walk

pytest.importorskip("optuna")

BAD_START = ("--tracker", "sort", "--set", "track_threshold=0.95", "min_hits=9", "--detections", "public")
"""A start that finds nothing at all."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for number in (1, 2, 3):
        make_walk(root / "MOT17" / "train" / f"MOT17-{number:02d}-FRCNN", number)
    make_walk(root / "MOT15" / "train" / "TUD-Campus", 4)
    make_walk(root / "MOT16" / "train" / "MOT16-01", 1)
    make_walk(root / "MOT17" / "train" / "MOT17-04-FRCNN", 5)
    (root / "MOT17" / "train" / "MOT17-04-FRCNN" / "gt" / "gt.txt").unlink()
    return root


@pytest.fixture
def base(data, tmp_path):
    return ["tune", "--data-root", str(data), "--project", str(tmp_path / "runs")]


@pytest.fixture
def tune(base):
    return lambda *more: main([*base, *map(str, more)])


def table_of(folder):
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_search_from_a_bad_start(tune, tmp_path, data, capsys):
    assert tune("--sequences", "MOT17-01", *BAD_START, "--trials", 25) == 0
    folder = tmp_path / "runs" / "exp"
    out = capsys.readouterr().out
    report = json.loads((folder / "tuning.json").read_text())
    table = report["tables"]["single runs"]
    # All other sequences that have a truth are held out.
    assert list(table) == ["tuned on, before", "tuned on, after", "held out, before", "held out, after"]
    assert set(table["tuned on, after"]) == {"MOT17-01-FRCNN", "COMBINED"}
    assert set(table["held out, after"]) == {"MOT17-02-FRCNN", "MOT17-03-FRCNN", "COMBINED"}
    for where in ("tuned on", "held out"):
        before, after = (table[f"{where}, {when}"]["COMBINED"]["HOTA"] for when in ("before", "after"))
        assert before == 0
        assert after > 90
        assert f"{after:.2f}" in out
    trials = table_of(folder)
    assert len(trials) == 25
    assert float(trials[0]["min_hits"]) == 9
    assert report["start"]["score"] == float(trials[0]["score"]) == table["tuned on, before"]["COMBINED"]["HOTA"]
    assert report["best"]["score"] == max(float(trial["score"]) for trial in trials)
    assert report["environment"]["optuna"]
    made = create_tracker("sort", config=folder / "best.yaml").parameters
    for name, value in load_yaml(folder / "best.yaml").items():
        assert getattr(made, name) == value
    heading = "".join(line for line in (folder / "best.yaml").read_text().splitlines(True) if line.startswith("#"))
    assert "Held out (MOT17-02-FRCNN, MOT17-03-FRCNN): HOTA" in heading
    assert "--set track_threshold=0.95 min_hits=9" in heading
    # nanomot val takes the file and finds the same figures.
    val = ["val", "--data-root", str(data), "--project", str(tmp_path / "val"), "--detections", "public"]
    val += ["--tracker", "sort", "--config", str(folder / "best.yaml"), "--sequences", "MOT17-02", "MOT17-03"]
    assert main([*val, "--no-plots", "--no-page", "--no-second-judge"]) == 0
    rows = json.loads((tmp_path / "val" / "exp" / "results.json").read_text())
    for name, row in table["held out, after"].items():
        assert row == pytest.approx({metric: rows[name][metric] for metric in row})


def test_held_out_sequences_are_not_seen_before_the_search_has_ended(tune, monkeypatch, tmp_path):
    loaded, lines = [], []
    read = scoring.read_truth
    journal = tmp_path / "runs" / "exp" / "study.journal"

    def watched(path, *args, **options):
        loaded.append(path.parent.parent.name)
        lines.append(len(journal.read_bytes()))
        return read(path, *args, **options)

    monkeypatch.setattr(scoring, "read_truth", watched)
    assert tune("--sequences", "MOT17-01", "--held-out", "MOT17-03", *BAD_START, "--trials", 3) == 0
    assert loaded == ["MOT17-01-FRCNN", "MOT17-01-FRCNN", "MOT17-03-FRCNN"]
    # Nothing was added to the search after the first look at what is held out.
    assert lines[2] == len(journal.read_bytes()) > lines[0]


def test_the_same_command_goes_on(tune, tmp_path, capsys):
    words = ("--sequences", "MOT17-01", "--held-out", "--parameters", "min_hits,track_threshold=0.4:0.99", *BAD_START)
    assert tune(*words, "--trials", 12, "--name", "whole") == 0
    assert tune(*words, "--trials", 5) == 0
    assert tune(*words, "--trials", 12) == 0
    folders = [tmp_path / "runs" / name for name in ("whole", "exp")]
    assert table_of(folders[0]) == table_of(folders[1])
    values = [float(trial["track_threshold"]) for trial in table_of(folders[0])]
    assert 0.4 <= min(values) < max(values) <= 0.99
    assert "held out" not in capsys.readouterr().out
    assert tune(*words, "--trials", 12, "--objective", "MOTA") == 2
    assert "objective: HOTA there, MOTA here" in capsys.readouterr().err


def test_jitter_copies_and_other_benchmarks(tune, tmp_path, capsys):
    words = ["--sequences", "MOT17-01", "MOT15/TUD-Campus", "--held-out", "MOT17-02", "--augment", "reverse,half"]
    words += ["--tracker", "bytetrack", "--detections", "public", "--jitter", "2", "--objective", "mean"]
    assert tune(*words, "--trials", 2, "--fix", "track_buffer=20", "birth_threshold=0.7") == 0
    folder = tmp_path / "runs" / "exp"
    report = json.loads((folder / "tuning.json").read_text())
    assert list(report["settings"]["sequences"]) == [
        f"{name}{copy}" for name in ("MOT17-01-FRCNN", "TUD-Campus") for copy in ("", "~reverse", "~half")
    ]
    assert report["settings"]["sequences"]["TUD-Campus~half"]["rules"] == "MOT15"
    assert list(report["tables"]) == ["single runs", "means of 2 jittered runs"]
    assert not {"track_buffer", "fuse_score"} & set(report["settings"]["searched"])
    assert "match_threshold" in report["settings"]["searched"]
    assert load_yaml(folder / "best.yaml")["track_buffer"] == 20
    assert "copies of them (reverse,half), means of 2 jittered runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "--sequences must name"),
        (["--sequences", "MOT17-01", "--held-out", "MOT17-02", "MOT17-01-FRCNN"], "cannot be held out"),
        (["--sequences", "MOT17-01", "--held-out", "MOT16/MOT16-01"], "the same video"),
        (["--sequences", "MOT17-77"], "MOT17-77"),
        (["--sequences", "MOT17-04"], "no ground truth"),
        (["--sequences", "MOT17-01", "--detections", "model", "--model", "motion"], "has no frames"),
        (["--sequences", "MOT17-01", "--trials", "0"], "--trials must be at least 1"),
        (["--sequences", "MOT17-01", "--augment", "sideways"], "reverse, half"),
        (["--sequences", "MOT17-01", "--tracker", "sorted"], "did you mean 'sort'"),
        (["--sequences", "MOT17-01", "--parameters", "min_hit"], "did you mean 'min_hits'"),
        (["--sequences", "MOT17-01", "--parameters", "min_hits=few"], "min_hits=LOW:HIGH"),
        (["--sequences", "MOT17-01", "--parameters", "iou_threshold=0.5:1.5"], "no range within"),
        (["--sequences", "MOT17-01", "--parameters", "per_class=0:1"], "no range within"),
        (["--sequences", "MOT17-01", "--parameters", "min_hits=5:9"], "leaves out 3, where the search starts"),
        (["--sequences", "MOT17-01", "--parameters", ","], "no parameter left"),
        (["--sequences", "MOT17-01", "--parameters", "min_hits", "--fix", "min_hits=2"], "searched and fixed"),
        (["--sequences", "MOT17-01", "--fix", "min_hits=-2"], "min_hits"),
        (["--sequences", "MOT17-01", "--name", "a/b"], "--name"),
    ],
)
def test_mistakes_end_with_one_sentence(tune, capsys, words, named):
    assert tune("--tracker", "sort", "--detections", "public", *words) == 2
    error = capsys.readouterr().err
    assert named in error
    assert "Traceback" not in error


def test_a_video_is_taken_once_and_only_where_it_has_boxes(tmp_path, caplog):
    caplog.set_level("INFO")
    boxes = tmp_path / "boxes"
    boxes.mkdir()
    for number, detector in itertools.product((1, 2, 3), ("DPM", "SDP")):
        folder = tmp_path / "MOT17" / "train" / f"MOT17-{number:02d}-{detector}"
        make_walk(folder, number)
        if number < 3:
            shutil.copy(folder / "det" / "det.txt", boxes / f"MOT17-{number:02d}.txt")
    words = ["tune", "--data-root", str(tmp_path), "--project", str(tmp_path), "--detections", str(boxes)]
    assert main([*words, "--tracker", "sort", "--sequences", "MOT17-01", "--trials", "1"]) == 0
    table = json.loads((tmp_path / "exp" / "tuning.json").read_text())["tables"]["single runs"]
    assert set(table["tuned on, after"]) == {"MOT17-01-DPM", "COMBINED"}
    assert set(table["held out, after"]) == {"MOT17-02-DPM", "COMBINED"}
    assert "for want of truth or boxes: MOT17-03-DPM" in caplog.text


@pytest.mark.parametrize(("tracker", "mode"), [("nanotrack", "reference"), ("bytetrack", "bytetrack-cpp")])
def test_the_best_of_a_mode_needs_no_mode_to_be_used(tune, tmp_path, tracker, mode):
    words = ("--sequences", "MOT17-01", "--held-out", "--detections", "public", "--trials", 2)
    assert tune(*words, "--tracker", tracker, "--mode", mode, "--parameters", "track_threshold") == 0
    best = tmp_path / "runs" / "exp" / "best.yaml"
    threshold = load_yaml(best)["track_threshold"]
    wanted = create_tracker(tracker, mode=mode, track_threshold=threshold)
    made = create_tracker(tracker, config=best)
    assert (type(made), made.parameters) == (type(wanted), wanted.parameters)


def test_a_search_that_was_stopped_at_once(tune, monkeypatch, capsys):
    monkeypatch.setattr("nanomot.cli.tune.Tuner.run", lambda *args, **options: False)
    assert tune("--sequences", "MOT17-01", *BAD_START) == 130
    assert "No trial was finished" in capsys.readouterr().out


def test_numbers_without_a_range_are_searched_only_where_one_is_given():
    from nanomot.cli.tune import _searched
    from nanomot.errors import NanomotError
    from nanomot.trackers.parameters import Range, SearchRange

    ranges = {
        "a": SearchRange(float),
        "wide": SearchRange(int, 0, 10**6, False, Range(0, 10**6)),
        "b": SearchRange(bool),
    }
    start = {"a": 0.5, "wide": 10, "b": True}
    assert list(_searched("it", None, ranges, {}, start)) == ["a"]
    assert list(_searched("it", "b, wide=5:50", ranges, {}, start)) == ["b", "wide"]
    assert _searched("it", "wide=5:50", ranges, {}, start)["wide"] == SearchRange(int, 5, 50, False, Range(0, 10**6))
    with pytest.raises(NanomotError, match="say which: wide=LOW:HIGH"):
        _searched("it", "wide", ranges, {}, start)


def test_without_optuna(tune, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune("--sequences", "MOT17-01", *BAD_START) == 2
    assert 'python -m pip install "nanomot[tune]"' in capsys.readouterr().err


def start(base, *more):
    command = [sys.executable, "-m", "nanomot", *base, "--sequences", "MOT17-01", *BAD_START, *map(str, more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_trials(folder, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        journal = folder / "study.journal"
        if journal.exists() and journal.read_bytes().count(b'"row"') >= count:
            return
        time.sleep(0.02)
    raise AssertionError("the search does not get on")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_killing_a_search_loses_nothing(base, tune, tmp_path):
    assert tune("--sequences", "MOT17-01", *BAD_START, "--held-out", "--trials", 25, "--name", "whole") == 0
    folder = tmp_path / "runs" / "exp"
    killed = start(base, "--held-out", "--trials", 1000)
    wait_for_trials(folder, 5)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    begun = time.monotonic()
    assert tune("--sequences", "MOT17-01", *BAD_START, "--held-out", "--trials", 25) == 0
    assert time.monotonic() - begun < 25  # no lock of the dead is waited for
    tables = [table_of(tmp_path / "runs" / name) for name in ("whole", "exp")]
    assert [trial.pop("trial") for trial in tables[0]] == [str(number) for number in range(25)]
    for trial in tables[1]:
        trial.pop("trial")  # the one that was killed leaves a gap
    assert tables[0] == tables[1][:25]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks at processes in /proc")
def test_workers_do_not_outlive_a_killed_search(base, tmp_path):
    killed = start(base, "--held-out", "--trials", 10000, "--workers", 2)
    wait_for_trials(tmp_path / "runs" / "exp", 2)
    children = Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split()
    assert len(children) >= 2
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    deadline = time.monotonic() + 20
    while any(alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [child for child in children if alive(child)]


def test_ctrl_c_keeps_what_was_found(base, tune, tmp_path):
    folder = tmp_path / "runs" / "exp"
    stopped = start(base, "--trials", 10000)
    wait_for_trials(folder, 3)
    stopped.send_signal(signal.SIGINT)
    out, error = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert "Traceback" not in error
    assert str(folder) in out
    assert not (folder / "tuning.json").exists()
    create_tracker("sort", config=folder / "best.yaml")
    done = len(table_of(folder))
    assert done >= 3
    assert tune("--sequences", "MOT17-01", *BAD_START, "--trials", done + 2) == 0
    assert len(table_of(folder)) == done + 2
