from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import detectors
from detectors import loader
from detectors.motion import MotionDetector
from detectors.onnx_detector import OnnxDetector
from detectors.replay import ReplayDetector
from detectors.tiles import TiledDetector
from nanomot.detections import Detector
from nanomot.errors import NanomotError
from nanomot.timing import StageClock
from tests.detectors.graphs import fixed_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return fixed_model(tmp_path / "mine.onnx", [np.zeros((1, 126, 85))], (96, 64))


def test_a_path_gives_a_network(model: Path) -> None:
    clock = StageClock()
    detector = detectors.load_detector(model, conf=0.2, threads=1, imgsz="native", clock=clock)
    assert isinstance(detector, OnnxDetector)
    assert isinstance(detector, Detector)
    assert detector.clock is clock


def test_tiles_go_around_it(model: Path) -> None:
    detector = detectors.load_detector(str(model), tiles="2x1", threads=1, imgsz="native")
    assert isinstance(detector, TiledDetector)
    assert len(detector.detect(np.zeros((64, 64, 3), np.uint8))) == 0


def test_motion_and_replay_need_no_network(tmp_path: Path, caplog) -> None:
    clock = StageClock()
    motion = detectors.load_detector("motion", clock=clock)
    assert isinstance(motion, MotionDetector)
    assert motion.clock is clock
    path = tmp_path / "det.txt"
    path.write_text("1,-1,10,20,30,40,0.9\n", encoding="utf-8")
    assert isinstance(detectors.load_detector(path), ReplayDetector)
    assert not caplog.records
    detectors.load_detector("motion", imgsz="native", tiles="3x1")
    assert "motion: runs no network, so imgsz, tiles has no effect." in caplog.text


def test_an_unknown_name_is_one_sentence() -> None:
    with pytest.raises(NanomotError, match="no-such-model"):
        detectors.load_detector("no-such-model")


def offer(monkeypatch, value: str) -> None:
    entry = EntryPoint(name="theirs", value=value, group=loader.ENTRY_POINTS)
    monkeypatch.setattr(loader, "entry_points", lambda *, group: [entry] if group == loader.ENTRY_POINTS else [])


class Theirs:
    def __init__(self, **options) -> None:
        self.options = options


def test_packages_of_others_offer_detectors(monkeypatch) -> None:
    offer(monkeypatch, f"{__name__}:Theirs")
    detector = detectors.load_detector("theirs", conf=0.3, classes=["person"])
    assert type(detector).__name__ == "Theirs"
    assert detector.options["conf"] == 0.3
    assert set(detector.options) >= {"nms", "imgsz", "classes", "tiles", "threads", "device", "manifest", "clock"}


def test_a_broken_package_is_named(monkeypatch) -> None:
    offer(monkeypatch, "no_such_module_at_all:Detector")
    with pytest.raises(NanomotError, match=r"'theirs'.*no_such_module_at_all"):
        detectors.load_detector("theirs")
