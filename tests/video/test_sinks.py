from __future__ import annotations

import csv
import errno
import io
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from nanomot.detections import Source, Tracks
from nanomot.errors import NanomotError
from nanomot.video import part_file
from nanomot.video.frames import Frame
from nanomot.video.part_file import PartFile
from nanomot.video.sinks import CsvWriter, JsonlWriter, MotWriter

IMAGE = np.zeros((4, 4, 3), np.uint8)


def frame(index: int, *, valid: bool = True) -> Frame:
    return Frame(index, index / 25.0, IMAGE, valid)


def some_tracks(count: int = 2) -> Tracks:
    rows = np.arange(count, dtype=np.float64)
    boxes = np.stack([10.125 + rows, -3.5 + rows, 30.5 + rows, 40.0 + rows], axis=1)
    return Tracks(
        boxes,
        np.arange(1, count + 1),
        0.98765 - rows / 10,
        np.arange(count) % 3,
        np.arange(count),
        np.array([Source.DETECTED, Source.PREDICTED] * count, np.int8)[:count],
        np.ones(count, np.int64),
    )


def test_mot_lines(tmp_path):
    with MotWriter(tmp_path / "mot" / "a.txt") as sink:
        sink.write(frame(0), some_tracks())
        sink.write(frame(1), Tracks.empty())
        sink.write(frame(2), some_tracks(1))
    assert (tmp_path / "mot" / "a.txt").read_bytes() == (
        b"1,1,10.12,-3.50,20.38,43.50,0.9877,-1,-1,-1\n"
        b"1,2,11.12,-2.50,20.38,43.50,0.8877,-1,-1,-1\n"
        b"3,1,10.12,-3.50,20.38,43.50,0.9877,-1,-1,-1\n"
    )


def test_mot_ids_of_any_size_and_detections_without_id(tmp_path):
    tracks = some_tracks(2)
    tracks = Tracks(
        tracks.boxes,
        np.array([2**40, -1]),
        *(getattr(tracks, name) for name in ("scores", "class_ids", "detection_indices", "sources", "ages")),
    )
    with MotWriter(tmp_path / "a.txt") as sink:
        sink.write(frame(9), tracks)
    assert [line.split(",")[:2] for line in (tmp_path / "a.txt").read_text().splitlines()] == [
        ["10", str(2**40)],
        ["10", "-1"],
    ]


def test_mot_values_survive_a_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    tracks = some_tracks(50)
    boxes = np.sort(rng.uniform(-50, 2000, (50, 2, 2)), axis=1).reshape(50, 4)
    tracks = Tracks(
        boxes, tracks.ids, rng.random(50), tracks.class_ids, tracks.detection_indices, tracks.sources, tracks.ages
    )
    with MotWriter(tmp_path / "a.txt") as sink:
        sink.write(frame(0), tracks)
    rows = np.loadtxt(tmp_path / "a.txt", delimiter=",")
    np.testing.assert_allclose(rows[:, 2:4], boxes[:, :2], atol=0.0051)
    np.testing.assert_allclose(rows[:, 4:6], boxes[:, 2:] - boxes[:, :2], atol=0.0051)
    np.testing.assert_allclose(rows[:, 6], tracks.scores, atol=0.000051)


def test_csv(tmp_path):
    with CsvWriter(tmp_path / "a.csv", class_names=['per"son, tall', "car"]) as sink:
        sink.write(frame(0), some_tracks(3))
        sink.write(frame(1), Tracks.empty())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert list(rows[0]) == ["frame", "time", "id", "class_id", "class_name", "score", "x1", "y1", "x2", "y2", "source"]
    assert [row["class_name"] for row in rows] == ['per"son, tall', "car", ""]
    assert [row["source"] for row in rows] == ["detected", "predicted", "detected"]
    assert rows[1]["x1"] == "11.12"
    assert rows[0]["score"] == "0.9877"
    assert len(rows) == 3


def test_jsonl_has_a_line_for_every_frame(tmp_path):
    with JsonlWriter(tmp_path / "a.jsonl", class_names=["Fußgänger"]) as sink:
        sink.write(frame(0), some_tracks(2))
        sink.write(frame(1, valid=False), Tracks.empty())
    first, second = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert first["frame"] == 1
    assert first["tracks"][0] == {
        "id": 1,
        "class_id": 0,
        "class_name": "Fußgänger",
        "score": 0.9877,
        "box": [10.12, -3.5, 30.5, 40.0],
        "source": "detected",
    }
    assert first["tracks"][1]["class_name"] == ""
    assert second == {"frame": 2, "time": 0.04, "valid": False, "tracks": []}


@pytest.mark.parametrize("writer", [MotWriter, CsvWriter, JsonlWriter])
def test_old_results_stay_until_the_new_ones_are_complete_and_are_replaced(tmp_path, writer):
    path = tmp_path / "a.txt"
    path.write_text("old")
    sink = writer(path)
    sink.write(frame(0), some_tracks())
    assert path.read_text() == "old"
    sink.close()
    sink.close()
    assert "old" not in path.read_text()
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_a_kill_loses_at_most_a_second(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(part_file.time, "monotonic", lambda: now[0])
    sink = MotWriter(tmp_path / "a.txt")
    sink.write(frame(0), some_tracks(1))
    now[0] = 1.01
    sink.write(frame(1), some_tracks(1))
    assert len((tmp_path / "a.txt.part").read_text().splitlines()) == 2


def test_output_that_cannot_be_made(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(NanomotError, match=r"folder: is a folder"):
        MotWriter(tmp_path / "folder")
    (tmp_path / "file").write_text("")
    with pytest.raises(NanomotError, match=r"file: the folder cannot be made"):
        MotWriter(tmp_path / "file" / "a.txt")


def test_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(self: Path, *args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NanomotError, match=r"a\.txt\.part: cannot be written \(Permission denied\)"):
        MotWriter(tmp_path / "a.txt")


def write_many(sink: MotWriter) -> None:
    for index in range(2000):
        sink.write(frame(index), some_tracks(10))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_full_disk_is_one_sentence_and_close_is_quiet(tmp_path):
    (tmp_path / "a.txt.part").symlink_to("/dev/full")
    sink = MotWriter(tmp_path / "a.txt")
    with pytest.raises(NanomotError, match=r"a\.txt: cannot be written \(No space left on device\).*a\.txt\.part"):
        write_many(sink)
    sink.close()
    assert not (tmp_path / "a.txt").exists()


def test_full_disk_found_at_the_end_keeps_what_there_is(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a.txt").write_text("old")
    sink = PartFile(tmp_path / "a.txt")
    sink.write("new")
    monkeypatch.setattr(part_file.os, "fsync", full)
    with pytest.raises(NanomotError, match="No space left"):
        sink.close()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert (tmp_path / "a.txt.part").read_text() == "new"


@pytest.mark.slow
def test_writing_is_fast(tmp_path):
    tracks = some_tracks(20)
    with MotWriter(tmp_path / "a.txt") as sink:
        durations = []
        for index in range(500):
            start = time.perf_counter()
            sink.write(frame(index), tracks)
            durations.append(time.perf_counter() - start)
    assert np.median(durations) < 120e-6
