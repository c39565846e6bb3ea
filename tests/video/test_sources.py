from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nanomot.errors import NanomotError
from nanomot.video import sources
from nanomot.video.files import VideoFileSource
from nanomot.video.frames import ImageSequenceSource, sequence_name
from nanomot.video.opencv import require_opencv, silent_stderr
from nanomot.video.sources import open_source
from tests.video.clips import number_of, picture, write_clip


class FakeLive:
    def __init__(self, target: object, **options: object) -> None:
        self.target, self.options = target, options


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LiveSource", FakeLive)


@pytest.mark.parametrize("demo", [None, "webcam"])
def test_an_index_is_a_webcam(live, demo):
    source = open_source("0", demo=demo, reconnect_limit=7.0)
    assert source.target == 0
    assert source.options == {"reconnect_limit": 7.0}


def test_a_device_file_is_a_webcam(live):
    assert open_source("/dev/video2").target == 2


def test_a_file_called_like_an_index(live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "0.avi", 3).rename(tmp_path / "0")
    assert isinstance(open_source("0"), VideoFileSource)
    assert open_source("0", demo="webcam").target == 0


def test_what_the_path_is_wins_over_demo(tmp_path, caplog):
    path = write_clip(tmp_path / "a.avi", 3)
    assert open_source(path, demo="video").frame_count == 3
    assert caplog.records == []
    assert open_source(path, demo="webcam").frame_count == 3
    (record,) = caplog.records
    assert "a.avi: is read as video, although --demo says webcam" in record.getMessage()


def test_demo_and_fps_are_checked(tmp_path):
    with pytest.raises(NanomotError, match="demo: must be one of image, video, webcam, not 'film'"):
        open_source(tmp_path, demo="film")
    with pytest.raises(NanomotError, match="fps"):
        open_source(tmp_path, fps=0.0)


@pytest.mark.parametrize("demo", [None, "image", "video"])
def test_missing_path(tmp_path, demo):
    with pytest.raises(NanomotError, match=r"gone\.mp4: there is no such file"):
        open_source(tmp_path / "gone.mp4", demo=demo)


def test_percent_sign_in_a_name_is_no_pattern(tmp_path):
    for number in range(3):
        write_clip(tmp_path / f"clip_{number}.avi", 2)
    path = write_clip(tmp_path / "clip_%d.avi", 5)
    assert len(list(open_source(path))) == 5


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_video_behind_a_url_ends_like_a_file(server, tmp_path):
    write_clip(tmp_path / "a.avi", 6)
    with open_source(f"{server}/a.avi") as source:
        assert not source.live
        assert source.name == "127.0.0.1_a.avi"
        assert [number_of(frame.image) for frame in source] == list(range(6))


def test_url_that_does_not_answer(server):
    with pytest.raises(NanomotError, match=r"gone\.mp4: cannot be opened"):
        open_source(f"{server}/gone.mp4")


def test_image_sequence_source():
    source = ImageSequenceSource((picture(number) for number in range(3)), fps=10.0, name="my scene", frame_count=3)
    assert (source.name, source.fps, source.frame_count, source.live) == ("my_scene", 10.0, 3, False)
    with source as opened:
        frames = list(opened)
    assert [(frame.index, frame.time, frame.valid) for frame in frames] == [
        (0, 0.0, True),
        (1, 0.1, True),
        (2, 0.2, True),
    ]
    assert np.array_equal(frames[2].image, picture(2))


@pytest.mark.parametrize(
    ("text", "name"),
    [("a b/c", "a_b_c"), ("../../etc", "etc"), ("", "video"), ("...", "video"), ("Straße-1.2", "Straße-1.2")],
)
def test_sequence_name_is_fit_for_a_file(text, name):
    assert sequence_name(text) == name
    assert len(sequence_name(text * 200)) <= 100


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("libGL.so.1: cannot open shared object file: No such file or directory"), "libgl1"),
        (ModuleNotFoundError("No module named 'cv2'", name="cv2"), "install opencv-python"),
    ],
)
def test_require_opencv_names_the_way_out(monkeypatch, error, advice):
    def fail(name: str) -> None:
        raise error

    require_opencv()
    monkeypatch.setattr("nanomot.video.opencv.importlib.import_module", fail)
    with pytest.raises(NanomotError, match=advice) as caught:
        require_opencv()
    assert "opencv-python-headless" in str(caught.value)
    assert str(error) in str(caught.value)


def test_silent_stderr_hides_c_output_and_comes_back(capfd):
    import os

    with silent_stderr():
        os.write(2, b"hidden")
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"
