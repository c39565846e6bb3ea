"""``--camera-motion`` in ``nanomot track`` and ``nanomot val``, on a camera that pans over people who stand still."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from nanomot.camera_motion import SparseFlow
from nanomot.cli.main import main
from tests.cameras import camera_move, seen, texture

LENGTH, STEP = 12, 30.0
PEOPLE = np.array([[60.0, 100, 100, 200], [200, 120, 240, 220]])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A benchmark of one sequence, whose public boxes are the truth; its frames lie elsewhere."""
    root = tmp_path_factory.mktemp("moving")
    folder, frames = root / "MOT17" / "train" / "MOT17-01-FRCNN", root / "frames"
    for place in (folder / "gt", folder / "det", frames):
        place.mkdir(parents=True)
    canvas = texture(3, 640, 360, margin=360)
    truth, boxes = [], []
    for index in range(LENGTH):
        picture = seen(canvas, camera_move(x=STEP * index, width=640, height=360), 640, 360)
        cv2.imwrite(str(frames / f"{index + 1:06d}.jpg"), picture)
        for person, (x1, y1, x2, y2) in enumerate(PEOPLE + STEP * index * np.array([1, 0, 1, 0]), start=1):
            place = f"{x1},{y1},{x2 - x1},{y2 - y1}"
            truth.append(f"{index + 1},{person},{place},1,1,1\n")
            boxes.append(f"{index + 1},-1,{place},0.9,-1,-1,-1\n")
    (folder / "gt" / "gt.txt").write_text("".join(truth))
    (folder / "det" / "det.txt").write_text("".join(boxes))
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=25\nseqLength={LENGTH}\n"
        "imWidth=640\nimHeight=360\nimExt=.jpg\n"
    )
    return root


@pytest.fixture
def val(data, tmp_path, monkeypatch):
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path / "cache"))

    def run(*words):
        places = ["--data-root", str(data), "--project", str(tmp_path / "runs"), "--exist-ok"]
        boxes = ["--detections", "public", "--tracker", "bytetrack"]
        quick = ["--no-plots", "--no-page", "--no-second-judge"]
        status = main(["val", *places, *boxes, *quick, *map(str, words)])
        results = tmp_path / "runs" / "exp" / "results.json"
        return json.loads(results.read_text())["COMBINED"] if status == 0 else status

    return run


@pytest.mark.parametrize("kind", ["sparse", "ecc"])
def test_val_carries_tracks_along(val, data, kind):
    frames = ("--frames", f"MOT17-01={data / 'frames'}")
    assert val(*frames)["IDF1"] < 50
    assert val(*frames, "--camera-motion", kind)["IDF1"] > 99


def test_val_estimates_once(val, data, tmp_path, monkeypatch):
    words = ("--frames", f"MOT17-01={data / 'frames'}", "--camera-motion", "sparse")
    expected = val(*words)
    assert len(list((tmp_path / "cache" / "camera_motion").iterdir())) == 1
    monkeypatch.setattr(SparseFlow, "look", lambda *_: pytest.fail("the warps are in the cache"))
    assert val(*words) == expected


def test_workers_get_the_warps(val, data):
    words = ("--frames", f"MOT17-01={data / 'frames'}", "--camera-motion", "sparse")
    assert val(*words, "--workers", 2)["IDF1"] > 99


def test_val_needs_the_frames(val, capsys):
    assert val("--camera-motion", "sparse") == 2
    assert "--frames MOT17-01=PATH" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["none", "sparse"])
def test_track_carries_tracks_along(data, tmp_path, kind):
    boxes = data / "MOT17" / "train" / "MOT17-01-FRCNN" / "det" / "det.txt"
    words = ["--path", data / "frames", "--model", boxes, "--tracker", "bytetrack", "--camera-motion", kind]
    assert main(["track", *map(str, words), "--project", str(tmp_path)]) == 0
    (result,) = (tmp_path / "exp" / "mot").iterdir()
    rows = result.read_text().splitlines()
    if kind == "none":
        assert len(rows) < LENGTH
    else:
        assert [row.split(",")[1] for row in rows] == ["1", "2"] * LENGTH


def test_unknown_estimators_are_named(capsys):
    with pytest.raises(SystemExit):
        main(["track", "--camera-motion", "sift"])
    assert "sparse" in capsys.readouterr().err
