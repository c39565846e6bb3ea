"""What is held out shows nothing that was tuned on, whatever it is called."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace

import pytest

from nanomot.cli.main import main
from nanomot.cli.tuning_data import fingerprint, tuned_and_held_out
from nanomot.errors import NanomotError
from tests.evaluation.walks import make_walk


@pytest.fixture
def folder(tmp_path):
    """A user's folder: two videos, one of them twice under other names."""
    for number, name in enumerate(("MOT17-09-FRCNN", "street"), start=1):
        make_walk(tmp_path / "mine" / name, number)
    shutil.copytree(tmp_path / "mine" / "MOT17-09-FRCNN", tmp_path / "mine" / "MOT17-09-SDP")
    return tmp_path / "mine"


def chosen(folder, *sequences, held_out=None, detections="public", frames=()):
    args = argparse.Namespace(
        **{"benchmark": str(folder), "data_root": folder, "split": "train", "frames": list(frames), "conf": 0.1},
        **{"detections": str(detections), "classes": None, "sequences": list(sequences), "held_out": held_out},
    )
    return tuned_and_held_out(args)


def names(devs):
    return [dev.name for dev in devs]


def test_copies_of_a_video_are_not_held_out(folder):
    tuned, held_out = chosen(folder, "MOT17-09-FRCNN")
    assert (names(tuned), names(held_out)) == (["MOT17-09-FRCNN"], ["street"])
    with pytest.raises(NanomotError, match="MOT17-09-SDP: is the same video as one of --sequences"):
        chosen(folder, "MOT17-09-FRCNN", held_out=["street", "MOT17-09-SDP"])


def test_a_copy_is_not_tuned_on_twice(folder, tmp_path):
    boxes = tmp_path / "boxes"
    boxes.mkdir()
    for path in folder.iterdir():
        shutil.copy(path / "det" / "det.txt", boxes / f"{path.name}.txt")
    tuned, held_out = chosen(folder, "MOT17-09-FRCNN", "MOT17-09-SDP", "street", held_out=[], detections=boxes)
    assert (names(tuned), held_out) == (["MOT17-09-FRCNN", "street"], [])


def test_empty_truths_tell_nothing(folder):
    for name in ("MOT17-09-FRCNN", "street"):
        (folder / name / "gt" / "gt.txt").write_text("")
    assert names(chosen(folder, "MOT17-09-FRCNN")[1]) == ["MOT17-09-SDP", "street"]


def test_frames_must_be_of_a_benchmark_that_is_looked_at(folder, tmp_path):
    other = tmp_path / "other"
    make_walk(other / "lane", 3)
    words = ["street", f"{other}/lane"]
    assert names(chosen(folder, *words, held_out=[], frames=[f"lane={other}", f"street={other}"])[0]) == [
        "street",
        "lane",
    ]
    with pytest.raises(NanomotError, match="there is no sequence 'lane'; there are MOT17-09-FRCNN, "):
        chosen(folder, "street", held_out=[], frames=[f"lane={other}"])


def test_how_scores_are_read_is_part_of_a_search(folder):
    (dev,), _ = chosen(folder, "street", held_out=[])
    scaled = replace(dev, boxes_of=replace(dev.boxes_of, score_ranges={"street": (-1.0, 1.0)}))
    shifted = replace(dev, sequence=replace(dev.sequence, offset=3))
    found = [fingerprint([each]) for each in (dev, scaled, shifted)]
    assert json.loads(json.dumps(found[1]))["street"]["score_range"] == [-1.0, 1.0]
    assert found[0] != found[1]
    assert found[0] != found[2]


def test_a_search_on_scores_of_another_range_is_another_search(tmp_path, capsys):
    pytest.importorskip("optuna")
    make_walk(tmp_path / "mine" / "train" / "street", 1)
    content = "folder: mine\npreprocessing: MOT17\nsplits: {train: train}\n"
    words = ["--benchmark", str(tmp_path / "own.yaml"), "--data-root", str(tmp_path), "--project", str(tmp_path)]
    words += ["--sequences", "street", "--held-out", "--detections", "public", "--tracker", "sort", "--trials", "1"]
    (tmp_path / "own.yaml").write_text(content)
    assert main(["tune", *words]) == 0
    (tmp_path / "own.yaml").write_text(content + "public_scores: {all: [0.2, 1]}\n")
    assert main(["tune", *words]) == 2
    assert "belongs to a search with other settings (sequences: street" in capsys.readouterr().err
