from __future__ import annotations

import builtins
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nanomot.cli import companions
from nanomot.cli.interruption import graceful_stop
from nanomot.cli.main import main
from nanomot.cli.options import parse_assignments, parse_classes
from nanomot.cli.outputs import Outputs, run_folder
from nanomot.errors import NanomotError

ROOT = Path(__file__).resolve().parents[2]


def test_version_and_help(capsys):
    for words in (["--version"], ["--help"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
    assert "nanomot" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["fly"], ["track", "--bogus"]])
def test_wrong_words_end_with_status_two(words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_python_m_nanomot():
    done = subprocess.run([sys.executable, "-m", "nanomot", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("nanomot ")


def test_opencv_without_its_system_libraries(monkeypatch, capsys):
    def broken(name, *args, **kwargs):
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("importlib.import_module", broken)
    assert main(["models", "list"]) == 2
    error = capsys.readouterr().err
    assert "libGL.so.1" in error
    assert "opencv-python-headless" in error


def test_missing_packages_are_named():
    code = (
        "import builtins, runpy, sys\n"
        "real = builtins.__import__\n"
        "def fake(name, *rest):\n"
        "    if name.split('.')[0] == 'numpy': raise ModuleNotFoundError(name='numpy')\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = fake\n"
        "runpy.run_path('track.py', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "numpy is missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert builtins.__import__ is not None


def test_an_interrupted_load_ends_with_130(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("nanomot.cli.main.check_companions", interrupted)
    assert main(["track"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_missing_companion(monkeypatch):
    monkeypatch.setattr(companions, "find_spec", lambda name: None)
    with pytest.raises(NanomotError, match="missing beside nanomot"):
        companions.check_companions()


def test_the_second_signal_interrupts_at_once():
    import os
    import signal

    with graceful_stop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(2)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_other_threads_cannot_be_signalled():
    seen = []

    def work():
        with graceful_stop() as stop:
            seen.append(stop.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_classes_and_assignments():
    assert parse_classes(None, "person?") == "person?"
    assert parse_classes(["person,dog", "3"], "x") == ["person", "dog", 3]
    assert parse_classes(["all"], "x") is None
    assert parse_assignments(["a=1", "b=0.5", "c=true", "d=x=y"]) == {"a": 1, "b": 0.5, "c": True, "d": "x=y"}
    with pytest.raises(NanomotError, match="KEY=VALUE"):
        parse_assignments(["=3"])


def test_run_folders(tmp_path):
    assert run_folder(tmp_path, "exp", exist_ok=False).name == "exp"
    assert run_folder(tmp_path, "exp", exist_ok=False).name == "exp2"
    assert run_folder(tmp_path, "exp", exist_ok=True).name == "exp"
    (tmp_path / "file").write_text("")
    for exist_ok in (False, True):
        with pytest.raises(NanomotError, match="is a file"):
            run_folder(tmp_path, "file", exist_ok=exist_ok)


def test_every_output_is_closed(caplog):
    closed = []

    class Sink:
        def __init__(self, name, fails):
            self.name, self.fails = name, fails

        def write(self, frame, tracks):
            pass

        def close(self):
            closed.append(self.name)
            if self.fails:
                raise NanomotError(f"{self.name} is full")

    outputs = Outputs()
    for name, fails in (("a", True), ("b", True), ("c", False)):
        outputs.add(Path(name), lambda path, name=name, fails=fails: Sink(name, fails))
    with pytest.raises(NanomotError, match="b is full"):
        outputs.close()
    assert closed == ["a", "b", "c"]
    assert "a is full" in caplog.text


def test_the_window_gives_up_once(monkeypatch, caplog):
    import cv2
    import numpy as np

    from nanomot import Detections, Tracks
    from nanomot.cli.window import Window
    from nanomot.pipeline import Step
    from nanomot.video.drawing import Drawer
    from nanomot.video.frames import Frame

    step = Step(Frame(0, 0.0, np.zeros((60, 80, 3), np.uint8)), Detections.empty(), Tracks.empty())
    shown = []
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append(picture.shape), raising=False)
    monkeypatch.setattr(cv2, "waitKey", lambda delay: ord("x") if len(shown) < 2 else ord("q"), raising=False)
    monkeypatch.setattr("nanomot.cli.window.display_works", lambda: True)
    window = Window("test")
    assert window.show(step, Drawer())
    assert not window.show(step, Drawer())

    def broken(title, picture):
        raise cv2.error("no display")

    monkeypatch.setattr(cv2, "imshow", broken, raising=False)
    window = Window("test")
    assert window.show(step, Drawer())
    assert window.show(step, Drawer())
    assert caplog.text.count("no display") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="displays are named by DISPLAY on Linux alone")
def test_a_display_that_is_not_there(monkeypatch, caplog):
    """Qt aborts the process that cannot reach its display: the run must not be that process."""
    from nanomot.cli.window import Window

    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    Window("test")
    assert "no display" in caplog.text


def test_trackers_are_listed_with_their_parameters(capsys):
    from nanomot.trackers import MODES, TRACKERS
    from nanomot.trackers.parameters import config_path

    assert main(["trackers"]) == 0
    listed = capsys.readouterr().out
    for name in [*TRACKERS, *MODES]:
        assert name in listed or name in MODES
        assert main(["trackers", name]) == 0
        assert config_path(name).read_text(encoding="utf-8").strip() in capsys.readouterr().out
    assert "reference" in listed
    assert main(["trackers", "nanotrak"]) == 2
    assert "did you mean 'nanotrack'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "hint"), [("walk.mp4", "did you mean --path walk.mp4?"), ("--save-cvs", "did you mean --save-csv?")]
)
def test_surplus_words_are_told_with_the_verbs_usage(word, hint, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["track", word])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: nanomot track")
    assert hint in error


def test_an_early_interruption_ends_without_traceback():
    """Ctrl-C while libraries are imported waits for the end of the import."""
    import signal
    import time

    for delay in (0.15, 0.4):
        words = [sys.executable, "track.py", "--project", "/nonexistent/never"]
        with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
        assert process.returncode in (130, 2)
        assert "Traceback" not in error


def test_names_of_runs_stay_in_the_project(tmp_path):
    for name in ("..", "../x", "/x", "a/b", ""):
        with pytest.raises(NanomotError, match="--name"):
            run_folder(tmp_path, name, exist_ok=True)
