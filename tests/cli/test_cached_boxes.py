"""The cache of boxes never answers for another model, other frames or another program, nor with half an entry."""

from __future__ import annotations

import cv2
import onnx
import pytest

import nanomot.cli.boxes_of as boxes_of
import nanomot.cli.warps_of as warps_of
from nanomot.cli.main import main
from nanomot.synthetic import Scene
from tests.detectors.graphs import nanodet_miniature

LENGTH = 8
NAMES = ("MOT17-01-FRCNN", "MOT17-02-FRCNN")


def describe(folder, *, images="img1"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nimDir={images}\nframeRate=25\nseqLength={LENGTH}\nimWidth=640\nimHeight=360\n"
        "imExt=.png\n"
    )
    (folder / "det").mkdir(exist_ok=True)
    (folder / "det" / "det.txt").write_text("".join(f"{n},-1,9,9,20,40,0.9,-1,-1,-1\n" for n in range(1, LENGTH + 1)))


def draw(folder, count=LENGTH, seed=1):
    folder.mkdir(parents=True, exist_ok=True)
    scene = Scene(seed=seed)
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"{number:06d}.png"), scene.render(number + 60))
    return folder


@pytest.fixture
def train(tmp_path, monkeypatch):
    """A split of two sequences; the first one's frames are in a folder that is not called img1."""
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "MOT17" / "train"
    describe(folder / NAMES[0], images="frames")
    draw(folder / NAMES[0] / "frames")
    describe(folder / NAMES[1])
    return folder


@pytest.fixture
def detect(train, tmp_path):
    words = ["detect", "--data-root", str(tmp_path), "--conf", "0.01", "--model"]
    return lambda model, *more: main([*words, str(model), *map(str, more)])


@pytest.fixture
def entries(tmp_path):
    return lambda kind="detections": sorted((tmp_path / "cache" / kind).glob("*"))


@pytest.fixture
def model(tmp_path):
    """A network whose weights lie beside it, in w.bin."""
    path = nanodet_miniature(tmp_path / "m.onnx", (64, 64))
    graph = onnx.load(str(path))
    onnx.save(graph, str(path), save_as_external_data=True, location="w.bin", size_threshold=1000)
    path.with_suffix(".yaml").write_text("family: nanodet\n")
    return path


def test_other_frames_are_looked_at_anew(detect, train, entries):
    words = ("motion", "--sequences", "MOT17-01")
    assert detect(*words) == 0
    assert detect(*words) == 0
    assert len(entries()) == 1
    draw(train / NAMES[0] / "frames", seed=2)
    assert detect(*words) == 0
    assert len(entries()) == 2


def test_other_weights_are_another_model(detect, model, entries):
    assert detect(model, "--sequences", "MOT17-01") == 0
    weights = model.parent / "w.bin"
    weights.write_bytes(bytes(weights.stat().st_size))
    assert detect(model, "--sequences", "MOT17-01") == 0
    assert len(entries()) == 2


def test_what_is_said_beside_a_model_belongs_to_it(detect, model, entries):
    assert detect(model, "--sequences", "MOT17-01") == 0
    model.with_suffix(".yaml").write_text("family: nanodet\ncolor: rgb\n")
    assert detect(model, "--sequences", "MOT17-01") == 0
    assert len(entries()) == 2


def test_workers_compare_the_weights(model):
    sent = boxes_of._model_digest(str(model))
    (model.parent / "w.bin").write_bytes(b"")
    assert boxes_of._model_digest(str(model)) != sent


def test_another_nanomot_computes_anew(detect, entries, monkeypatch):
    assert detect("motion", "--sequences", "MOT17-01") == 0
    monkeypatch.setattr(boxes_of, "__version__", "99.0")
    assert detect("motion", "--sequences", "MOT17-01") == 0
    assert len(entries()) == 2


def test_a_damaged_entry_is_computed_again(detect, entries, caplog):
    assert detect("motion", "--sequences", "MOT17-01") == 0
    (entry,) = entries()
    whole = entry.read_bytes()
    entry.write_bytes(whole[: len(whole) // 2])
    assert detect("motion", "--sequences", "MOT17-01") == 0
    assert entry.read_bytes() == whole
    assert "is a damaged entry of the cache" in caplog.text


def test_damaged_warps_are_computed_again(train, tmp_path, entries, caplog):
    words = ["val", "--data-root", str(tmp_path), "--project", str(tmp_path / "runs"), "--detections", "public"]
    words += ["--camera-motion", "sparse", "--sequences", "MOT17-01", "--no-plots", "--no-page"]
    (train / NAMES[0] / "gt").mkdir()
    (train / NAMES[0] / "gt" / "gt.txt").write_text("1,1,9,9,20,40,1,1,1\n")
    assert main(words) == 0
    (entry,) = entries("camera_motion")
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-9])
    assert main(words) == 0
    assert warps_of._stored(entry).shape == (LENGTH, 2, 3)
    assert caplog.text.count("is a damaged entry of the cache") == 1


@pytest.mark.parametrize("count", [LENGTH - 3, LENGTH + 3])
def test_frames_of_another_video_are_refused_and_nothing_is_kept(detect, train, tmp_path, entries, capsys, count):
    assert detect("motion", "--frames", f"MOT17-02={draw(tmp_path / 'other', count)}") == 2
    assert f"but {NAMES[1]} has {LENGTH} by its seqinfo.ini" in capsys.readouterr().err
    assert entries() == []


@pytest.mark.parametrize("word", ["MOT17-9", "MOT17-02-SDP", "mot17-02"])
def test_frames_of_a_sequence_that_is_not_there(detect, train, capsys, word):
    assert detect("motion", "--frames", f"{word}={train}", "--sequences", "MOT17-01") == 2
    assert f"there is no sequence {word!r}; there are MOT17-01, MOT17-02." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["MOT17-02", "MOT17-02-FRCNN"])
def test_frames_of_a_sequence_that_is_not_taken(detect, train, name):
    assert detect("motion", "--frames", f"{name}={train}", "--sequences", "MOT17-01") == 0


def test_all_sequences_without_frames_are_told_at_once(detect, train, tmp_path, capsys):
    describe(train / "MOT17-03-FRCNN")
    assert detect("motion") == 2
    error = capsys.readouterr().err
    assert "no frames of MOT17-02, MOT17-03; name their place by --frames MOT17-02=PATH" in error
    assert "or take those that have frames by --sequences MOT17-01" in error
    words = ["--data-root", str(tmp_path), "--detections", "public", "--camera-motion", "sparse", "--name", "exp"]
    assert main(["val", *words, "--project", str(tmp_path / "runs")]) == 2
    assert "--sequences MOT17-01, or leave out --camera-motion" in capsys.readouterr().err
