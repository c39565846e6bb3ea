from __future__ import annotations

from pathlib import Path

import pytest

from nanomot.errors import NanomotError
from nanomot.evaluation.archives import (
    Archive,
    Record,
    arrange,
    parse_archives,
    read_record,
    record_path,
    sha256_of,
    write_record,
)
from nanomot.evaluation.benchmarks import benchmark_names, load_benchmark

SPLITS = {"train": "train", "test": "test"}


def placed(names, archive=None):
    places = arrange([tuple(name.split("/")) for name in names], archive or Archive("https://x/a.zip"), SPLITS)
    return [None if place is None else "/".join(place) for place in places]


@pytest.mark.parametrize("around", ["", "MOT17/", "data/MOT17/"])
def test_folders_around_everything_are_taken_off(around):
    inner = ["train/A/seqinfo.ini", "train/A/img1/1.jpg", "test/test/gt/gt.txt"]
    assert placed([f"{around}{name}" for name in inner]) == inner


def test_a_split_may_have_another_name_in_the_archive():
    archive = Archive("https://x/train1.zip", split="train", folder="train1")
    assert placed(["train1/A/seqinfo.ini", "train/B/seqinfo.ini"], archive) == [
        "train/A/seqinfo.ini",
        "train/B/seqinfo.ini",
    ]


def test_what_is_no_sequence_is_left_out():
    names = ["MOT/train/A/x", "MOT/README", "MOT/train/list.txt", "__MACOSX/MOT/train/A/._x", "MOT/train/A/.DS_Store"]
    assert placed(names) == ["train/A/x", None, None, None, None]
    assert placed(["notes/train.txt", "train/A/x"]) == [None, "train/A/x"]


@pytest.mark.parametrize("names", [[], ["A/x"], ["train/x"], ["images/A/x", "README"], ["__MACOSX/train/A/x"]])
def test_archives_without_sequences(names):
    with pytest.raises(NanomotError, match=r"a\.zip: holds none of the folders train, test"):
        placed(names)


@pytest.mark.parametrize("name", benchmark_names())
def test_shipped_archives(name):
    archives = load_benchmark(name).archives
    assert len({archive.name for archive in archives}) == len(archives) > 0
    assert load_benchmark(name).licence
    for archive in archives:
        assert archive.url.startswith("https://")
        assert archive.name.endswith(".zip")
        assert archive.sha256 is None or archive.size is not None


def test_every_split_with_known_sequences_can_be_fetched():
    for name in benchmark_names():
        benchmark = load_benchmark(name)
        for split in benchmark.sequences:
            assert any(archive.split in ("", split) for archive in benchmark.archives), (name, split)


def test_names_are_without_query_and_escapes():
    assert Archive("https://x/y/a%20b.zip?download=true#top").name == "a b.zip"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("https://x/a.zip", "must be a list"),
        (["https://x/a.zip"], "an archive has the keys"),
        ([{"size": 3}], "an archive has the keys"),
        ([{"url": "https://x/a.zip", "md5": "x"}], "an archive has the keys"),
        ([{"url": "ftp://x/a.zip"}], "an archive's url"),
        ([{"url": "https://x/"}], "an archive's url"),
        ([{"url": "https://x/.."}], "an archive's url"),
        ([{"url": 3}], "an archive's url"),
        ([{"url": "https://x/a.zip", "size": "5 GB"}], "an archive's size"),
        ([{"url": "https://x/a.zip", "size": True}], "an archive's size"),
        ([{"url": "https://x/a.zip", "sha256": "abc"}], "an archive's sha256"),
        ([{"url": "https://x/a.zip", "split": "half"}], "an archive's split"),
        ([{"url": "https://x/a.zip", "folder": "train1"}], "an archive's folder"),
    ],
)
def test_faulty_archives(values, words):
    with pytest.raises(NanomotError, match=f"mine.yaml: .*{words}|mine.yaml: archives {words}"):
        parse_archives(Path("mine.yaml"), values, SPLITS)


def test_records(tmp_path):
    path = tmp_path / "a.zip"
    assert read_record(path) is None
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "x").write_bytes(b"123")
    record = Record("https://x/a.zip", 10, "0" * 64, {"train/x": 3})
    write_record(path, record)
    assert read_record(path) == record
    assert record.is_unpacked(tmp_path)
    assert not Record("https://x/a.zip", 10, "0" * 64).is_unpacked(tmp_path)
    (tmp_path / "train" / "x").write_bytes(b"12")
    assert not record.is_unpacked(tmp_path)
    (tmp_path / "train" / "x").unlink()
    assert not record.is_unpacked(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"url": 3}', '{"url": "", "size": 1, "sha256": 3}', "\xff"])
def test_faulty_records(tmp_path, text):
    record_path(tmp_path / "a.zip").write_text(text, encoding="latin-1")
    with pytest.raises(NanomotError, match=r"a\.zip\.json: is not the record of an archive .*delete it"):
        read_record(tmp_path / "a.zip")


def test_files_that_cannot_be_read(tmp_path):
    record_path(tmp_path / "a.zip").mkdir()
    with pytest.raises(NanomotError, match="cannot be read"):
        read_record(tmp_path / "a.zip")
    with pytest.raises(NanomotError, match="cannot be read"):
        sha256_of(tmp_path)
