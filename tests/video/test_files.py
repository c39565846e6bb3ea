from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from nanomot.errors import NanomotError
from nanomot.video import files
from nanomot.video.files import VideoFileSource
from nanomot.video.frames import Frame
from nanomot.video.mp4 import visible_window
from nanomot.video.timeline import PacketTimeline
from tests.video.clips import (
    avi_chunks,
    damage_avi,
    hide_start_of_mp4,
    index_first,
    number_of,
    retime_mp4,
    write_clip,
)

CLIPS = {
    "ETH-Sunnyday.mp4": 354,
    "MOT17-02.mp4": 600,
    "intel_car-detection.mp4": 377,
    "intel_one-by-one-person-detection.mp4": 1394,
    # 306 frames are stored, an edit list hides the first 51.
    "jitnet_downtown_intersection.mp4": 255,
    "kitti-0015.mp4": 376,
    "kitti-0016.mp4": 209,
    "vtest.avi": 795,
}

needs_packet_times = pytest.mark.skipif(
    not hasattr(cv2, "CAP_PROP_PTS"), reason="OpenCV before 4.11 does not tell the times of packets"
)


def read(path: Path) -> list[Frame]:
    with VideoFileSource(path) as source:
        return list(source)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_constant_rate_gives_every_frame_with_its_number_and_time(tmp_path, caplog):
    with VideoFileSource(write_clip(tmp_path / "plain.avi", 12, fps=25.0)) as source:
        assert (source.name, source.fps, source.frame_count, source.live) == ("plain", 25.0, 12, False)
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(12))
    assert [number_of(frame.image) for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([index / 25.0 for index in range(12)])
    assert all(frame.valid for frame in frames)
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.dtype == np.uint8
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("codec", ["mp4v", "MJPG"])
def test_variable_rate_gives_the_container_s_times_and_no_extra_frame(tmp_path, caplog, codec):
    path = write_clip(tmp_path / "variable.mp4", 8, codec=codec)
    scale = 12800
    durations = [512, 512, 2048, 512, 100, 700, 12800, 512]
    frames = read(retime_mp4(path, durations))
    assert [frame.time for frame in frames] == pytest.approx(
        [sum(durations[:index]) / scale for index in range(8)], abs=1e-3
    )
    assert [number_of(frame.image) for frame in frames] == list(range(8))
    assert all(frame.valid for frame in frames)
    assert warnings_of(caplog) == []


def test_damaged_frames_keep_their_numbers_and_one_warning_counts_them(tmp_path, caplog):
    frames = read(damage_avi(write_clip(tmp_path / "damaged.avi", 12), [4, 5, 9]))
    assert [frame.index for frame in frames if not frame.valid] == [4, 5, 9]
    assert [number_of(frame.image) for frame in frames if frame.valid] == [0, 1, 2, 3, 6, 7, 8, 10, 11]
    assert number_of(frames[5].image) == 3, "the last good picture stands in"
    assert [frame.time for frame in frames] == pytest.approx([index / 25.0 for index in range(12)])
    (warning,) = warnings_of(caplog)
    assert "damaged.avi" in warning
    assert "3 of 12" in warning


@needs_packet_times
def test_damage_at_both_ends_shifts_nothing(tmp_path):
    frames = read(damage_avi(write_clip(tmp_path / "ends.avi", 10), [0, 1, 9]))
    assert [frame.index for frame in frames if not frame.valid] == [0, 1, 9]
    assert [number_of(frame.image) for frame in frames[2:9]] == list(range(2, 9))
    assert not frames[0].image.any()
    assert frames[0].image.shape == (48, 64, 3)


@needs_packet_times
def test_damage_in_a_variable_rate_file_is_told_from_its_pauses(tmp_path):
    path = retime_mp4(write_clip(tmp_path / "both.mp4", 8, codec="MJPG"), [512, 512, 5120, 512, 512, 5120, 512, 512])
    data = bytearray(path.read_bytes())
    starts = [place for place in range(len(data)) if data[place : place + 3] == b"\xff\xd8\xff"]
    data[starts[4] : starts[5]] = bytes(starts[5] - starts[4])
    path.write_bytes(data)
    frames = read(path)
    assert len(frames) == 8
    assert [frame.index for frame in frames if not frame.valid] == [4]
    assert number_of(frames[7].image) == 7


def test_without_packet_times_failed_attempts_keep_the_numbers(tmp_path, monkeypatch):
    path = damage_avi(write_clip(tmp_path / "old.avi", 12), [4, 5, 9])
    original = PacketTimeline.__init__

    def as_before_opencv_4_11(self: PacketTimeline, path: Path) -> None:
        original(self, path)
        self.usable = False

    monkeypatch.setattr(PacketTimeline, "__init__", as_before_opencv_4_11)
    frames = read(path)
    assert [frame.index for frame in frames if not frame.valid] == [4, 5, 9]
    assert [frame.time for frame in frames] == pytest.approx([index / 25.0 for index in range(12)])


def test_truncated_file_delivers_what_it_has_and_says_so(tmp_path, caplog):
    path = write_clip(tmp_path / "cut.avi", 20)
    data = path.read_bytes()
    path.write_bytes(data[: avi_chunks(data)[12][0]])
    frames = read(path)
    assert [number_of(frame.image) for frame in frames if frame.valid] == list(range(12))
    assert any("cut.avi: ended after" in warning and "of 20 frames" in warning for warning in warnings_of(caplog))


def test_truncated_mp4_with_its_index_in_front(tmp_path, caplog):
    path = index_first(write_clip(tmp_path / "fast.mp4", 20, codec="MJPG"))
    assert len(read(path)) == 20
    assert warnings_of(caplog) == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    valid = [frame for frame in read(path) if frame.valid]
    assert 5 < len(valid) < 19
    assert [number_of(frame.image) for frame in valid] == list(range(len(valid)))
    assert any("ended after" in warning for warning in warnings_of(caplog))


def test_what_an_edit_list_hides_is_neither_counted_nor_missed(tmp_path, caplog):
    path = hide_start_of_mp4(write_clip(tmp_path / "edited.mp4", 12, codec="MJPG"), 4 * 512)
    assert visible_window(path) == pytest.approx((0.16, 0.64))
    with VideoFileSource(path) as source:
        frames = list(source)
        assert source.frame_count == len(frames) == 8
    assert [number_of(frame.image) for frame in frames] == list(range(4, 12))
    assert warnings_of(caplog) == []


def test_arbitrary_damage_gives_frames_in_order_or_one_clear_error(tmp_path):
    rng = np.random.default_rng(3)
    clips = [write_clip(tmp_path / "a.avi", 12), write_clip(tmp_path / "b.mp4", 12, codec="mp4v")]
    errors = 0
    for case in range(30):
        original = clips[case % 2]
        data = bytearray(original.read_bytes())
        for place in rng.integers(0, len(data), 40):
            data[place] = rng.integers(256)
        path = tmp_path / f"damaged{original.suffix}"
        path.write_bytes(data[: rng.integers(len(data) // 2, len(data) + 1)])
        try:
            frames = read(path)
        except NanomotError:
            errors += 1
            continue
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert (np.diff([frame.time for frame in frames]) > 0).all()
    assert 0 < errors < 30


def test_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NanomotError, match=r"a\.mp4: cannot be read \(Permission denied\)"):
        VideoFileSource(tmp_path / "a.mp4")


def test_unknown_number_of_frames():
    capture = FakeCapture([0.0, 0.1], 10.0)
    capture.count = -9e18
    source = VideoFileSource("film", name="film", capture=capture)
    assert source.frame_count is None
    assert len(list(source)) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "0 bytes"),
        (b"just some words\n" * 500, "text file"),
        (bytes(range(256)) * 64, "not a video"),
    ],
)
def test_what_is_not_a_video_is_an_error_that_names_the_file(tmp_path, capfd, content, reason):
    path = tmp_path / "holiday.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NanomotError, match=r"holiday\.mp4") as caught:
        VideoFileSource(path)
    assert reason in str(caught.value)
    assert capfd.readouterr().err == ""


def test_mp4_cut_before_its_index_and_file_without_a_good_frame(tmp_path):
    path = write_clip(tmp_path / "cut.mp4", 12, codec="mp4v")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(NanomotError, match=r"cut\.mp4"):
        VideoFileSource(path)
    path = damage_avi(write_clip(tmp_path / "ruined.avi", 3), [0, 1, 2])
    with pytest.raises(NanomotError, match=r"ruined\.avi.*not one frame"):
        VideoFileSource(path)


class FakeCapture:
    """A capture that returns what a test says: frame rate, number of frames and a time stamp per frame."""

    def __init__(self, times: list[float], fps: float) -> None:
        self.times, self.fps, self.position = times, fps, -1
        self.count = float(len(times))

    def get(self, prop: int) -> float:
        known = {cv2.CAP_PROP_FPS: self.fps, cv2.CAP_PROP_FRAME_COUNT: self.count}
        if prop == cv2.CAP_PROP_POS_MSEC:
            return self.times[self.position] * 1000.0
        return known.get(prop, 8.0)

    def grab(self) -> bool:
        self.position += 1
        return self.position < len(self.times)

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((8, 8, 3), np.uint8)

    def release(self) -> None:
        self.position = len(self.times)


@pytest.mark.parametrize("times", [[0.0, 0.0, 0.0, 0.0], [0.0, 0.1, 0.05, 0.3]])
def test_time_stamps_that_do_not_increase_are_replaced(times):
    source = VideoFileSource("film", name="film", capture=FakeCapture(times, 10.0))
    assert [frame.time for frame in source] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_many_bad_time_stamps_are_worth_one_warning(caplog):
    source = VideoFileSource("film", name="film", capture=FakeCapture([0.0] * 40, 10.0))
    assert [frame.time for frame in source] == pytest.approx([index / 10 for index in range(40)])
    (warning,) = warnings_of(caplog)
    assert "time stamps" in warning


def test_reordered_frames_of_an_avi_lose_their_delay_and_nothing_else(tmp_path, monkeypatch):
    """AVI has no display times: OpenCV shows the first frame late by the decoder's delay, and the last ones at 0."""
    path = write_clip(tmp_path / "b_frames.avi", 8, fps=10.0)
    decode = VideoFileSource._decode
    seen = []

    def delayed(self: VideoFileSource) -> object:
        decoded = decode(self)
        if decoded is None:
            return None
        seen.append(decoded)
        time = decoded[0] + 0.2 if len(seen) <= 6 else 0.0
        return time, *decoded[1:]

    monkeypatch.setattr(VideoFileSource, "_decode", delayed)
    frames = read(path)
    assert [frame.time for frame in frames] == pytest.approx([index / 10 for index in range(8)])
    assert all(frame.valid for frame in frames)


@pytest.mark.parametrize("fps", [0.0, float("nan"), 90000.0])
def test_absurd_frame_rate_becomes_30_with_a_warning(fps, caplog):
    source = VideoFileSource("film", name="film", capture=FakeCapture([0.0, 0.0], fps))
    assert source.fps is None
    assert [frame.time for frame in source] == pytest.approx([0.0, 1 / 30])
    assert "frame rate is not known" in warnings_of(caplog)[0]


def test_closing_early_is_safe(tmp_path):
    source = VideoFileSource(write_clip(tmp_path / "a.avi", 5))
    iterator = iter(source)
    next(iterator)
    source.close()
    source.close()
    assert list(iterator) == []


@needs_packet_times
def test_failing_decoder_does_not_retry_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MOST_FAILURES", 3)
    frames = read(damage_avi(write_clip(tmp_path / "long.avi", 12), [4, 5, 6, 7]))
    assert len(frames) == 12
    assert [frame.index for frame in frames if frame.valid] == [0, 1, 2, 3]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), CLIPS.items())
def test_every_frame_of_real_clips(shared, caplog, name, count):
    seen = 0
    last = -1.0
    with VideoFileSource(shared / "data" / "video" / name) as source:
        for frame in source:
            assert frame.index == seen
            assert frame.valid
            assert frame.time > last
            last = frame.time
            seen += 1
        assert seen == source.frame_count == count
    assert last == pytest.approx((count - 1) / source.fps, abs=0.01)
    assert warnings_of(caplog) == []
