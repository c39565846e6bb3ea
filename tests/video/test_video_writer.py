from __future__ import annotations

import collections
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from nanomot.detections import Tracks
from nanomot.errors import NanomotError
from nanomot.video import video_writer
from nanomot.video.files import VideoFileSource
from nanomot.video.frames import Frame
from nanomot.video.video_writer import VideoWriter, best_codec
from tests.video.clips import number_of, picture

Usage = collections.namedtuple("Usage", "total used free")


def read(path: Path) -> list[Frame]:
    with VideoFileSource(path) as source:
        return list(source)


def test_what_is_written_can_be_read_back(tmp_path):
    path = tmp_path / "out" / "a.mp4"
    with VideoWriter(path, fps=12.5) as writer:
        for number in range(10):
            writer.write_image(picture(number))
            assert not path.exists()
    frames = read(path)
    assert [number_of(frame.image) for frame in frames] == list(range(10))
    assert [frame.time for frame in frames] == pytest.approx([index / 12.5 for index in range(10)], abs=1e-3)
    assert [item.name for item in path.parent.iterdir()] == ["a.mp4"]


def test_sink_draws_before_it_writes(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", fps=10, draw=lambda frame, tracks: picture(frame.index + 5)) as writer:
        writer.write(Frame(0, 0.0, picture(0)), Tracks.empty())
    assert number_of(read(tmp_path / "a.mp4")[0].image) == 5
    with VideoWriter(tmp_path / "b.mp4", fps=10) as writer:
        writer.write(Frame(0, 0.0, picture(3)), Tracks.empty())
    assert number_of(read(tmp_path / "b.mp4")[0].image) == 3


@pytest.mark.parametrize(("width", "height"), [(63, 47), (64, 47), (63, 48)])
def test_odd_sizes_grow_by_a_pixel(tmp_path, width, height):
    with VideoWriter(tmp_path / "a.mp4", fps=10) as writer:
        for number in range(3):
            writer.write_image(picture(number, width, height))
    frames = read(tmp_path / "a.mp4")
    assert len(frames) == 3
    assert frames[0].image.shape == (48, 64, 3)


def test_other_sizes_are_letterboxed_with_one_warning(tmp_path, caplog):
    with VideoWriter(tmp_path / "a.mp4", fps=10) as writer:
        writer.write_image(picture(20))
        writer.write_image(picture(20, 64, 96))
        writer.write_image(picture(20, 32, 48))
    frames = read(tmp_path / "a.mp4")
    assert [frame.image.shape for frame in frames] == [(48, 64, 3)] * 3
    tall = frames[1].image.astype(int)
    assert abs(tall[24, 32] - 168).max() < 12, "the picture is in the middle"
    assert abs(tall[24, 4] - 114).max() < 12, "with borders at its sides"
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("asked", "written"), [(None, 30.0), (0.1, 1.0), (5000.0, 240.0), (30000 / 1001, 29.97)])
def test_frame_rates(tmp_path, asked, written):
    with VideoWriter(tmp_path / "a.mp4", fps=asked) as writer:
        for number in range(3):
            writer.write_image(picture(number))
    with VideoFileSource(tmp_path / "a.mp4") as source:
        assert source.fps == pytest.approx(written, rel=1e-3)


def test_nothing_written_leaves_nothing(tmp_path):
    VideoWriter(tmp_path / "a.mp4", fps=10).close()
    assert list(tmp_path.iterdir()) == []


def test_output_that_cannot_be_made(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(NanomotError, match="is a folder"):
        VideoWriter(tmp_path / "a.mp4", fps=10)
    writer = VideoWriter(tmp_path / "b.strange", fps=10)
    with pytest.raises(NanomotError, match=r"b\.strange: OpenCV cannot write"):
        writer.write_image(picture(0))


def test_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(NanomotError, match=r"a\.part\.mp4: cannot be written \(Permission denied\)"):
        VideoWriter(tmp_path / "a.mp4", fps=10).write_image(picture(0))


def write_twenty(writer: VideoWriter) -> None:
    for number in range(20):
        writer.write_image(picture(number))


def test_disk_that_fills_up_ends_the_video_playably(tmp_path, monkeypatch):
    free = iter([10**9] * 5 + [10**6] * 5)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, next(free)))
    writer = VideoWriter(tmp_path / "a.mp4", fps=10)
    with pytest.raises(NanomotError, match=r"a\.mp4: the disk has only 1\.0 MB left; the video ends after 4 frames"):
        write_twenty(writer)
    writer.close()
    assert [number_of(frame.image) for frame in read(tmp_path / "a.mp4")] == [0, 1, 2, 3]


def test_disk_full_from_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, 10**6))
    with pytest.raises(NanomotError, match="ends after 0 frames"):
        VideoWriter(tmp_path / "a.mp4", fps=10).write_image(picture(0))
    assert list(tmp_path.iterdir()) == []


def test_file_that_cannot_be_played_is_reported_and_not_renamed(tmp_path, monkeypatch):
    writer = VideoWriter(tmp_path / "a.mp4", fps=10)
    writer.write_image(picture(0))
    monkeypatch.setattr(video_writer, "_is_playable", lambda path: False)
    with pytest.raises(NanomotError, match=r"could not be finished.*a\.part\.mp4"):
        writer.close()
    assert not (tmp_path / "a.mp4").exists()


def test_rename_that_fails(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", fps=10)
    writer.write_image(picture(0))
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(NanomotError, match=r"a\.mp4: cannot be written"):
        writer.close()


def test_best_codec_is_probed_quietly_and_prefers_h264(capfd, monkeypatch):
    best_codec.cache_clear()
    assert best_codec() in ("avc1", "mp4v")
    assert capfd.readouterr().err == ""
    best_codec.cache_clear()
    monkeypatch.setattr(video_writer, "_is_playable", lambda path: True)
    assert best_codec() == "avc1"
    best_codec.cache_clear()


def test_input_picture_is_not_changed(tmp_path):
    image = picture(3, 63, 47)
    before = image.copy()
    with VideoWriter(tmp_path / "a.mp4", fps=10) as writer:
        writer.write_image(image)
    assert np.array_equal(image, before)
    assert cv2.VideoCapture(str(tmp_path / "a.mp4")).isOpened()
