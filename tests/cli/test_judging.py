"""What ``nanomot val`` says of result files, whoever made them, and what it writes down about them."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil

import pytest

from nanomot.cli.main import main
from tests.evaluation.walks import make_walk

NAMES = ("MOT17-01-FRCNN", "MOT17-02-FRCNN")
FAST = ("--no-plots", "--no-page", "--no-second-judge")


@pytest.fixture
def data(tmp_path):
    for seed, name in enumerate(NAMES, start=1):
        make_walk(tmp_path / "MOT17" / "train" / name, seed)
    return tmp_path


@pytest.fixture
def val(data):
    def run(*words):
        return main(["val", "--data-root", str(data), "--project", str(data / "runs"), *map(str, words)])

    return run


@pytest.fixture
def tracked(val, data):
    """The folder of a run of ``sort`` on the public boxes."""
    assert val("--detections", "public", "--tracker", "sort", *FAST) == 0
    return data / "runs" / "exp"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_tracks_put_into_the_folder_of_smoothed_ones(val, tracked, caplog):
    """They are raw, and are not replaced by what is smoothed of the old ones."""
    assert val("--eval-existing", "--gsi", *FAST) == 0
    other = "".join(f"{frame},5,{300 + frame},200,40,100,1,-1,-1,-1\n" for frame in (1, 2, 3, 6, 7))
    (tracked / "mot" / f"{NAMES[1]}.txt").write_text(other)
    assert val("--eval-existing", "--gsi", *FAST) == 0
    assert (tracked / "mot_raw" / f"{NAMES[1]}.txt").read_text() == other
    rows = [line.split(",")[:2] for line in (tracked / "mot" / f"{NAMES[1]}.txt").read_text().splitlines()]
    assert rows == [[str(frame), "5"] for frame in range(1, 8)]
    assert f"{NAMES[1]}.txt: is not what smoothing left here" in caplog.text


def test_a_smoothed_run_over_an_older_one(val, tracked, data):
    """Results of the older run are not taken for those of the new one."""
    words = ("--detections", "public", "--tracker", "bytetrack", "--smooth", "linear", *FAST)
    assert val(*words, "--name", "other") == 0
    assert val(*words, "--exist-ok") == 0
    for name in NAMES:
        for kind in ("mot", "mot_raw"):
            files = [data / "runs" / run / kind / f"{name}.txt" for run in ("exp", "other")]
            assert files[0].read_bytes() == files[1].read_bytes()


def test_a_truth_that_is_missing_is_told(val, data, capsys, caplog):
    path = data / "MOT17" / "train" / NAMES[1] / "gt" / "gt.txt"
    path.unlink()
    assert val("--detections", "public", "--trackers", "sort,bytetrack", "--no-second-judge", "--no-plots") == 0
    assert caplog.text.count(f"{path}: is missing") == 1
    out = capsys.readouterr().out
    assert "\nsort, 1 of 2 sequences judged\n" in out
    assert "\nall sequences, 1 of 2 sequences judged\n" in out
    page = (data / "runs" / "exp" / "sort" / "report.html").read_text()
    assert "<h1>sort on MOT17 train, 1 of 2 sequences judged</h1>" in page


def test_a_tracker_is_named_once(val, data, capsys):
    assert val("--detections", "public", "--trackers", "sort,bytetrack, sort") == 2
    assert "--trackers names sort twice" in capsys.readouterr().err
    assert not (data / "runs").exists()


def test_the_tables_hold_all_metrics(val, tracked, capsys):
    capsys.readouterr()
    assert val("--eval-existing", *FAST) == 0
    out = capsys.readouterr().out
    heads = [line.split() for line in out.splitlines() if "HOTA" in line or "LocA" in line]
    rows = json.loads((tracked / "results.json").read_text())
    assert sorted(heads[0] + heads[1]) == sorted(rows["COMBINED"])
    (_, line) = (line for line in out.splitlines() if line.startswith("COMBINED"))
    assert line.split()[1:] == [f"{rows['COMBINED'][metric]:.2f}" for metric in heads[1]]


def test_where_the_judges_differ(val, tracked, data, capsys):
    """A person found again after some frames, under an old track and a new one: motmetrics remembers the old."""
    train = data / "MOT17" / "train"
    truth = [f"{frame},1,100,50,40,100,1,1,1\n" for frame in range(1, 31)]
    (train / NAMES[0] / "gt" / "gt.txt").write_text("".join(truth))
    places = [*((frame, 1, 100) for frame in (1, 2)), *((frame, 9, 500) for frame in range(3, 10))]
    places += [(frame, track, left) for frame in (10, 11) for track, left in ((1, 108), (2, 100))]
    rows = [f"{frame},{track},{left},50,40,100,1,-1,-1,-1\n" for frame, track, left in places]
    (tracked / "mot" / f"{NAMES[0]}.txt").write_text("".join(rows))
    shutil.copy(train / NAMES[1] / "gt" / "gt.txt", tracked / "mot" / f"{NAMES[1]}.txt")
    capsys.readouterr()
    assert val("--eval-existing", "--no-plots") == 0
    out = capsys.readouterr().out.splitlines()
    found = json.loads((tracked / "results.json").read_text())
    first, second = found[NAMES[0]], found[NAMES[0]]["motmetrics"]
    assert (first["IDSW"], second["IDSW"]) == (1, 0)
    lines = [line for line in out if line.startswith("  MOT17")]
    assert lines == [f"  {NAMES[0]}: MOTA {second['MOTA'] - first['MOTA']:+.4g}, IDSW -1"]
    page = (tracked / "report.html").read_text()
    assert "<td>0 (-1)</td>" in page
    assert "(1 of 2 sequences differ)" in page
    with (tracked / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["motmetrics IDSW"] for row in table] == ["0", "0", "0"]


def test_judges_that_agree_are_told_to(val, tracked, data, capsys):
    for name in NAMES:
        shutil.copy(data / "MOT17" / "train" / name / "gt" / "gt.txt", tracked / "mot" / f"{name}.txt")
    capsys.readouterr()
    assert val("--eval-existing", "--no-plots", "--no-page") == 0
    assert "no sequence differs" in capsys.readouterr().out


def test_the_record_of_a_run(tracked, data):
    """Every file that figures depend on is known by its content."""
    known = json.loads((tracked / "run.json").read_text())
    assert known["environment"]["lap"]
    assert known["trackers"]["sort"]["parameters"]
    for name in NAMES:
        sequence = data / "MOT17" / "train" / name
        assert known["boxes"][name] == {
            "path": str(sequence / "det" / "det.txt"),
            "sha256": digest(sequence / "det" / "det.txt"),
        }
        judged = known["judged"]["sequences"][name]
        assert judged["truth"]["sha256"] == digest(sequence / "gt" / "gt.txt")
        assert (judged["length"], judged["frame_rate"]) == (40, 25)
        assert known["judged"]["results"]["sort"][name]["sha256"] == digest(tracked / "mot" / f"{name}.txt")
    benchmark = known["judged"]["benchmark"]
    assert benchmark["path"].endswith("MOT17.yaml")
    assert len(benchmark["sha256"]) == 64


def test_the_record_of_tracks_that_came_from_elsewhere(val, tracked, data, caplog):
    before = json.loads((tracked / "run.json").read_text())
    (tracked / "mot" / f"{NAMES[0]}.txt").write_text("1,1,5,5,40,100,1,-1,-1,-1\n")
    assert val("--eval-existing", "--split", "train", *FAST) == 0
    after = json.loads((tracked / "run.json").read_text())
    assert after["judged"]["results"]["nanotrack"][NAMES[0]]["sha256"] == digest(tracked / "mot" / f"{NAMES[0]}.txt")
    assert after["judged"]["arguments"]["eval_existing"]
    # What is known of how they were tracked stays.
    assert after["boxes"] == before["boxes"]
    assert after["arguments"]["tracking_method"] == "sort"
    for text in ("[1]", "{"):
        (tracked / "run.json").write_text(text)
        assert val("--eval-existing", *FAST) == 0
        assert set(json.loads((tracked / "run.json").read_text())) == {"judged"}
    assert "written anew" in caplog.text


def test_the_appearance_model_is_known_by_its_content(val, data):
    import onnx

    model = data / "r.onnx"
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "relu", [], [])), str(model))
    assert val("--detections", "public", "--reid-model", model, *FAST) == 0
    known = json.loads((data / "runs" / "exp" / "run.json").read_text())
    assert known["reid_model"] == {"path": str(model), "sha256": digest(model)}


def test_empty_results_are_told(val, tracked, capsys, caplog):
    path = tracked / "mot" / f"{NAMES[1]}.txt"
    path.write_text("")
    assert val("--eval-existing", *FAST) == 0
    assert f"{path}: this result file is empty" in caplog.text
    path.write_text("\n\n1,1,5,5,40,100,1,-1,-1,-1\n\n1,10000000000000000000,5,5,40,100,1,-1,-1,-1\n")
    assert val("--eval-existing", *FAST) == 2
    assert f"{path}, line 5: id 1e+19" in capsys.readouterr().err
