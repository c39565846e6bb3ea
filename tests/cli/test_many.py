"""``nanomot track`` on several videos, here, in processes and on a cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nanomot.cli.main import main
from nanomot.cli.many import unique_names
from nanomot.errors import NanomotError
from nanomot.video.sources import matching_sources
from tests.video.clips import damage_avi, picture, write_clip
from tests.workload import appears

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Three films, two of one name, a broken one, and boxes that suit all; paths are relative."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a/walk.avi", "b/walk.avi", "b/run.avi")):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, 8 + number)
    damage_avi(tmp_path / "clips" / "b" / "run.avi", [4])
    (tmp_path / "clips" / "b" / "broken.avi").write_bytes(b"RIFF\0\0\0")
    boxes = [f"{number},-1,{5 + number},5,12,30,0.9,-1,-1,-1\n" for number in range(1, 11)]
    (tmp_path / "det.txt").write_text("".join(boxes))
    return "clips/**/*.avi"


def track(clips, name, *words):
    return main(["track", "--path", clips, "--model", "det.txt", "--project", "runs", "--name", name, *words])


def contents(name):
    folder = Path("runs") / name
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_video_has_its_folder_and_a_broken_one_stops_no_other(clips, capsys):
    assert track(clips, "serial", "--save", "--save-csv", "--save-jsonl") == 2
    said = capsys.readouterr()
    assert "3 of 4 videos tracked" in said.out
    assert said.err.count("clips/b/broken.avi") == 1
    assert "1 of 4 videos failed, the others are complete:\n  clips/b/broken.avi: " in said.err
    files = contents("serial")
    for video, stem in (("walk", "walk"), ("walk-2", "walk"), ("run", "run")):
        assert files[Path(video) / "mot" / f"{stem}.txt"].count(b"\n") >= 7
        for suffix in ("mp4", "csv", "jsonl"):
            assert files[Path(video) / f"{stem}.{suffix}"]
            assert str(Path("runs/serial") / video / f"{stem}.{suffix}") in said.out
    assert files[Path("walk-2/mot/walk.txt")] != files[Path("walk/mot/walk.txt")]


@pytest.mark.parametrize("others", [["--workers", "2"], ["--cluster", "{address}"]])
def test_others_make_the_same_bytes(clips, others, request, capsys, caplog):
    words = ["--save", "--save-csv", "--save-jsonl", "--set", "track_buffer=12", "--roi", "0,0 64,0 64,48 0,48"]
    assert track(clips, "serial", *words) == 2
    summary = capsys.readouterr().out
    caplog.clear()
    filled = [word.format(address=request.getfixturevalue("address")) if "{" in word else word for word in others]
    assert track(clips, "others", *words, *filled) == 2
    assert contents("others") == contents("serial")
    said = capsys.readouterr()
    assert said.err.count("clips/b/broken.avi: ") == 1
    assert sorted(line for line in said.out.splitlines() if line.startswith("  ")) == sorted(
        line.replace("runs/serial", "runs/others") for line in summary.splitlines() if line.startswith("  ")
    )
    # A warning of another process reaches the user with the video's name.
    texts = [record.getMessage() for record in caplog.records]
    assert any("clips/b/run.avi: 1 of 10 frames could not be decoded" in text for text in texts)


def test_a_tracker_file_need_not_be_on_the_cluster(clips, address, tmp_path):
    (tmp_path / "mine.yaml").write_text("track_threshold: 0.95\n")
    words = ["--config", "mine.yaml", "--tracking-method", "bytetrack"]
    assert track("clips/a/*.avi", "serial", *words) == 0
    assert track("clips/a/*.avi", "cluster", *words, "--cluster", address) == 0
    assert contents("serial") == contents("cluster")
    assert contents("serial") == {Path("walk/mot/walk.txt"): b""}


def test_a_mode_that_is_a_method_is_the_same_on_the_cluster(clips, address):
    words = ["--mode", "reference", "--set", "fallback=true"]
    assert track("clips/a/*.avi", "serial", *words) == 0
    assert track("clips/a/*.avi", "cluster", *words, "--cluster", address) == 0
    assert contents("serial") == contents("cluster")
    assert all(contents("serial").values())


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--path", "clips/*.mkv"], "nothing matches"),
        (["--path", "clips/a/walk.avi", "--workers", "2"], "share out several videos"),
        (["--path", "clips/*/*.avi", "--workers", "0"], "--workers must lie between"),
        (["--path", "clips/*/*.avi", "--workers", "2", "--cluster", "tcp://127.0.0.1:9"], "has its own workers"),
        (["--path", "clips/*/*.avi", "--workers", "2", "--show"], "--show"),
        (["--path", "clips/*/*.avi", "--cluster", "nowhere"], "is not the address of a Dask scheduler"),
        (["--path", "clips/*/*.avi", "--model", "none.onnx"], "none.onnx"),
        (["--path", "clips/*/*.avi", "--set", "depth=1"], "depth"),
    ],
)
def test_mistakes_end_with_one_sentence(clips, words, named, capsys):
    assert main(["track", "--model", "det.txt", "--project", "runs", *words]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert "Traceback" not in error
    assert not Path("runs").exists()


def test_an_interrupted_video_counts_as_incomplete(clips, capsys, monkeypatch):
    @contextlib.contextmanager
    def interrupted():
        stop = threading.Event()
        stop.set()
        yield stop

    monkeypatch.setattr("nanomot.cli.many.graceful_stop", interrupted)
    assert track(clips, "exp") == 130
    said = capsys.readouterr().out
    assert "(interrupted)" in said
    assert "interrupted; 0 of 4 videos are complete" in said


def test_patterns(tmp_path, caplog):
    import cv2

    for name in ("clip10.avi", "clip2.avi", "x[1].avi"):
        (tmp_path / name).touch()
    for folder in ("seq1", "seq2"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "seq1" / "1.png"), picture(1))
    cv2.imwrite(str(tmp_path / "poster.png"), picture(1))

    def found(pattern):
        places = matching_sources(str(tmp_path / pattern))
        return places and [Path(place).name for place in places]

    assert found("clip*.avi") == ["clip2.avi", "clip10.avi"]
    assert found("seq*") == ["seq1", "seq2"]
    assert found("x[1].avi") is None  # a file of that very name
    assert found("clip2.avi") is None
    assert matching_sources("rtsp://camera/stream?x=*") is None
    assert found("[cp]*") == ["clip2.avi", "clip10.avi"]
    assert "1 pictures among the matches are left out" in caplog.text
    with pytest.raises(NanomotError, match="name their folder"):
        found("seq1/*.png")


def test_equal_names_are_kept_apart():
    places = ["a/walk.mp4", "b/Walk.avi", "c/walk-2.mp4", "d/walk.mp4", "e/my clip.mp4"]
    assert unique_names(places) == ["walk", "Walk-2", "walk-2-2", "walk-3", "my_clip"]


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_an_interruption_keeps_what_is_done(tmp_path, workers):
    for number in range(3):
        write_clip(tmp_path / f"long{number}.avi", 29)
    write_clip(tmp_path / "first.avi", 3)
    slow = tmp_path / "slow.py"
    # A tracker that takes its time, so that the interruption comes in the middle of a video.
    slow.write_text(
        "import sys, time\n"
        "import nanomot.trackers.base as base\n"
        "from nanomot.cli.main import main\n"
        "update = base.Tracker.update\n"
        "def slowly(self, *args, **options):\n"
        "    time.sleep(0.2)\n"
        "    return update(self, *args, **options)\n"
        "base.Tracker.update = slowly\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    (tmp_path / "det.txt").write_text("1,-1,5,5,12,30,0.9,-1,-1,-1\n")
    words = [
        sys.executable,
        str(slow),
        "track",
        "--path",
        str(tmp_path / "*.avi"),
        "--model",
        str(tmp_path / "det.txt"),
    ]
    words += ["--project", str(tmp_path / "runs"), *workers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert appears(tmp_path / "runs", "exp/first/mot/first.txt")
        # As Ctrl-C in a terminal: to all processes of the group.
        os.killpg(process.pid, signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert "interrupted; 1 of 4 videos are complete" in out
    assert (tmp_path / "runs" / "exp" / "first" / "mot" / "first.txt").read_text().startswith("1,1,5.00,5.00,")
    assert not list((tmp_path / "runs").rglob("*.part*"))
