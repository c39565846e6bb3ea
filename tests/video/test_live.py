from __future__ import annotations

import logging

import numpy as np
import pytest

from nanomot.errors import NanomotError
from nanomot.video.live import LiveSource, mask_password, open_live_capture, url_name

URL = "rtsp://admin:hunter2@camera.local:554/hall/1?token=abc"


class World:
    """A clock, a camera that works at certain times, and a record of what was tried."""

    def __init__(self, *outages: tuple[float, float]) -> None:
        self.now = 100.0
        self.outages = outages
        self.opened: list[float] = []
        self.slept: list[float] = []

    def works(self) -> bool:
        return not any(start <= self.now < end for start, end in self.outages)

    def open(self, target: int | str) -> Camera:
        self.opened.append(self.now)
        return Camera(self)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def source(self, target: int | str = URL, **options: float) -> LiveSource:
        return LiveSource(target, open_capture=self.open, sleep=self.sleep, clock=lambda: self.now, **options)


class Camera:
    def __init__(self, world: World) -> None:
        self.world = world
        self.alive = world.works()
        self.released = False

    def isOpened(self) -> bool:
        return self.alive

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.world.now += 0.1
        self.alive = self.alive and self.world.works() and not self.released
        return self.alive, np.zeros((4, 4, 3), np.uint8) if self.alive else None

    def get(self, prop: int) -> float:
        return 10.0

    def release(self) -> None:
        self.released = True


def test_frames_carry_monotonic_time_from_zero():
    source = World().source(0)
    frames = [frame for frame, _ in zip(source, range(3), strict=False)]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.1, 0.2])
    assert (source.name, source.fps, source.frame_count, source.live) == ("webcam_0", 10.0, None, True)


def test_outage_is_bridged_with_growing_pauses_and_time_goes_on(caplog):
    world = World((101.0, 105.0))
    frames = []
    for frame in world.source():
        frames.append(frame)
        if frame.time > 6.0:
            break
    assert [frame.index for frame in frames] == list(range(len(frames)))
    gaps = np.diff([frame.time for frame in frames])
    assert (gaps > 3.9).sum() == 1, "one outage, no frame within"
    assert world.slept == pytest.approx([0.5, 1.0, 2.0, 4.0])
    assert len(world.opened) == 1 + len(world.slept)
    assert "connected again" in caplog.text
    assert "hunter2" not in caplog.text
    assert "abc" not in caplog.text


def test_pauses_start_small_again_after_a_good_frame():
    world = World((101.0, 103.0), (110.0, 111.0))
    for frame in world.source():
        if frame.time > 15.0:
            break
    assert world.slept == pytest.approx([0.5, 1.0, 2.0, 0.5, 1.0])


def test_gives_up_after_the_limit_with_an_error_that_hides_the_password():
    world = World((100.95, 1e9))
    seen = []
    with pytest.raises(NanomotError, match="connection was lost") as caught:
        seen.extend(world.source(reconnect_limit=30.0))
    assert len(seen) == 9
    assert 29.9 < world.now - 101.0 < 31.5
    assert max(world.slept) <= 10.0
    assert "hunter2" not in str(caught.value)
    assert "camera.local" in str(caught.value)


def test_a_camera_that_connects_but_never_delivers_is_given_up_too():
    world = World()
    source = world.source(reconnect_limit=5.0)
    Camera.read, original = (lambda self: (False, None)), Camera.read
    try:
        with pytest.raises(NanomotError, match="connection was lost"):
            next(iter(source))
    finally:
        Camera.read = original
    assert sum(world.slept) == pytest.approx(5.0)


def test_limit_zero_never_reconnects():
    world = World((100.45, 1e9))
    with pytest.raises(NanomotError):
        list(world.source(reconnect_limit=0.0))
    assert world.slept == []


@pytest.mark.parametrize("target", [7, URL])
def test_first_connection_fails_at_once(target):
    world = World((0.0, 1e9))
    with pytest.raises(NanomotError, match="cannot be opened") as caught:
        world.source(target)
    assert world.slept == []
    assert "hunter2" not in str(caught.value)


def test_close_ends_the_iteration():
    world = World()
    source = world.source()
    iterator = iter(source)
    next(iterator)
    source.close()
    assert list(iterator) == []


def test_close_during_a_pause_ends_without_an_error():
    world = World((100.45, 1e9))
    source = world.source()

    def close_instead(seconds: float) -> None:
        source.close()

    source._sleep = close_instead
    assert len(list(source)) == 4
    assert len(world.opened) == 1


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("rtsp://admin:hunter2@cam/1", "rtsp://admin:***@cam/1"),
        ("rtsp://admin:hun@ter:2@cam/1", "rtsp://admin:***@cam/1"),
        ("http://cam/v?user=me&Password=hunter2&x=1", "http://cam/v?user=me&Password=***&x=1"),
        ("http://cam/v?api_key=hunter2", "http://cam/v?api_key=***"),
        ("http://cam:80/v", "http://cam:80/v"),
    ],
)
def test_mask_password(url, masked):
    assert mask_password(url) == masked


@pytest.mark.parametrize(
    ("url", "name"),
    [(URL, "camera.local_hall/1"), ("http://cam", "cam"), ("http://cam:80/a.mp4?x=1", "cam_a.mp4")],
)
def test_url_name_holds_no_secret(url, name):
    assert url_name(url) == name


def test_no_webcam_of_that_number_is_a_quiet_failure(caplog):
    with caplog.at_level(logging.WARNING):
        assert not open_live_capture(987).isOpened()
