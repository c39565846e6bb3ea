from __future__ import annotations

from pathlib import Path

import pytest

from nanomot import NanomotError
from nanomot.evaluation.benchmarks import benchmark_names, find_sequences, load_benchmark


def sequence(folder, length=10, rate=25):
    folder.mkdir(parents=True)
    (folder / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={length}\nframeRate={rate}\n")


@pytest.mark.parametrize("name", benchmark_names())
def test_shipped_benchmarks(name):
    benchmark = load_benchmark(name.lower())
    assert benchmark.preprocessing in ("MOT15", "MOT16", "MOT17", "MOT20")
    assert "train" in benchmark.splits
    assert benchmark.address.startswith("https://")


def test_names_without_the_detector():
    benchmark = load_benchmark("MOT17")
    assert benchmark.without_detector("MOT17-02-SDP") == "MOT17-02"
    assert benchmark.without_detector("MOT17-02") == "MOT17-02"
    assert load_benchmark("MOT16").without_detector("MOT16-02") == "MOT16-02"


def test_a_folder_is_a_benchmark(tmp_path):
    sequence(tmp_path / "b")
    sequence(tmp_path / "a")
    found = find_sequences(load_benchmark(str(tmp_path)), tmp_path, "train")
    assert [item.name for item in found] == ["a", "b"]
    assert found[0].truth is None
    assert found[0].frames is None


def test_halves_know_where_they_begin(tmp_path):
    sequence(tmp_path / "MOT17" / "train" / "MOT17-02-SDP", 21)
    (tmp_path / "MOT17" / "train" / "MOT17-02-SDP" / "img1").mkdir()
    sequence(tmp_path / "MOT17" / "val_half" / "MOT17-02-SDP", 10)
    (found,) = find_sequences(load_benchmark("MOT17"), tmp_path, "val_half")
    assert (found.offset, found.base_name) == (11, "MOT17-02")
    assert found.frames == tmp_path / "MOT17" / "train" / "MOT17-02-SDP"
    (moved,) = find_sequences(load_benchmark("MOT17"), tmp_path, "val_half", frames={"MOT17-02": "a.mp4"})
    assert str(moved.frames) == "a.mp4"


@pytest.mark.parametrize(
    ("split", "root", "words"),
    [
        ("train", "a b", "`nanomot data download MOT17 --data-root 'a b'` fetches it; or get it from https://mot"),
        (
            "test",
            "data",
            "`nanomot data download MOT17` fetches it; or get it from https://motchallenge.net/data/MOT17/",
        ),
        ("val_half", "data", "holds no sequence of MOT17. Get it from https://motchallenge.net/data/MOT17/ and unpack"),
    ],
)
def test_missing_data(split, root, words):
    with pytest.raises(NanomotError) as caught:
        find_sequences(load_benchmark("MOT17"), Path(root), split)
    assert words in str(caught.value)
    assert str(Path(root) / "MOT17" / split) in str(caught.value)


def test_missing_data_of_ones_own(tmp_path):
    with pytest.raises(NanomotError, match=r"holds no sequence of .*\.$"):
        find_sequences(load_benchmark(str(tmp_path)), tmp_path, "train")
    path = tmp_path / "own.yaml"
    path.write_text(
        "folder: x\npreprocessing: MOT17\nsplits: {train: train}\nsequences: {train: [a]}\n"
        "archives: [{url: 'https://example.org/a.zip'}]\naddress: https://example.org\n"
    )
    with pytest.raises(NanomotError, match=r"own\. Get it from https://example\.org and"):
        find_sequences(load_benchmark(str(path)), tmp_path, "train")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("folder: x\n", "no value for"),
        ("folder: x\npreprocessing: MOT17\nsplits: {}\nspeed: 1\n", "unknown key 'speed'"),
    ],
)
def test_faulty_files(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(NanomotError, match=words):
        load_benchmark(str(path))


@pytest.mark.parametrize("ini", ["seqLength=0\nframeRate=25\n", "seqLength=ten\nframeRate=25\n", "frameRate=25\n"])
def test_faulty_sequences(tmp_path, ini):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "seqinfo.ini").write_text("[Sequence]\n" + ini)
    with pytest.raises(NanomotError, match=r"seqinfo\.ini"):
        find_sequences(load_benchmark(str(tmp_path)), tmp_path, "train")


def test_scores_of_public_boxes():
    benchmark = load_benchmark("MOT17")
    assert benchmark.score_range("MOT17-02-DPM") == (-0.5, 1.0)
    assert benchmark.score_range("MOT17-02-FRCNN") is None
    assert load_benchmark("MOT20").score_range("MOT20-01") == (-1.0, 0.0)


@pytest.mark.parametrize("limits", ["5", "[1]", "[2, 1]", "[a, b]"])
def test_faulty_ranges_of_scores(tmp_path, limits):
    path = tmp_path / "mine.yaml"
    path.write_text(f"folder: x\npreprocessing: MOT17\nsplits: {{}}\npublic_scores: {{all: {limits}}}\n")
    with pytest.raises(NanomotError, match=r"public_scores of all must be \[low, high\]"):
        load_benchmark(str(path))


@pytest.mark.parametrize("deep", ["MOT17", "MOT17/train"])
def test_a_data_root_that_is_too_deep_is_told(tmp_path, deep):
    (tmp_path / "MOT17" / "train").mkdir(parents=True)
    with pytest.raises(NanomotError, match=f"Did you mean --data-root {tmp_path}?"):
        find_sequences(load_benchmark("MOT17"), tmp_path / deep, "train")
