"""The same tracks as independent programs: ByteTrack-cpp, and the figures of the published NanoTrack code."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nanomot import Detections, create_tracker
from nanomot.evaluation import COMBINED, SequenceFiles, judge

pytestmark = pytest.mark.shared

LENGTHS = {"MOT17-02-FRCNN": 600, "MOT17-09-FRCNN": 525}


def golden_rows(path, keys):
    rows = json.loads(path.read_text())["results"]
    return np.array([[float(row[key]) for key in keys] for row in rows])


def test_bytetrack_equals_bytetrack_cpp_on_palace(shared):
    folder = shared / "data" / "golden" / "ByteTrack-cpp_palace"
    found = golden_rows(folder / "detection_results.json", ("frame_id", "x", "y", "width", "height", "prob"))
    expected = golden_rows(folder / "tracking_results.json", ("frame_id", "x", "y", "width", "height", "track_id"))
    tracker = create_tracker("bytetrack", mode="bytetrack-cpp")
    names: dict[int, int] = {}
    for frame in range(int(found[:, 0].max()) + 1):
        now, golden = found[found[:, 0] == frame], expected[expected[:, 0] == frame]
        boxes = np.hstack((now[:, 1:3], now[:, 1:3] + now[:, 3:5]))
        tracks = tracker.update(Detections(boxes, now[:, 5]))
        assert len(tracks) == len(golden), f"frame {frame}"
        golden_boxes = np.hstack((golden[:, 1:3], golden[:, 1:3] + golden[:, 3:5]))
        distance = np.abs(tracks.boxes[:, None] - golden_boxes[None]).max(axis=2)
        nearest = distance.argmin(axis=1)
        assert (distance[np.arange(len(tracks)), nearest] < 0.05).all(), f"frame {frame}"
        for track_id, golden_id in zip(tracks.ids.tolist(), golden[nearest, 5].astype(int).tolist(), strict=True):
            assert names.setdefault(track_id, golden_id) == golden_id, f"frame {frame}"
    assert len(set(names.values())) == len(names)


def nanodet_boxes(shared, name, length):
    stored = np.load(shared / "data" / "detections" / "nanodet-plus-m_416" / f"{name}.npz")
    keep = stored["scores"] >= 0.1
    frames, boxes, scores = stored["frame"][keep], stored["boxes_xyxy"][keep], stored["scores"][keep]
    return [Detections(boxes[row], scores[row]) for row in (frames == frame for frame in range(1, length + 1))]


@pytest.fixture(scope="module")
def light_boxes(shared):
    """NanoDet-Plus-m-416 boxes of MOT17-02 and -09 above .1, frame by frame."""
    return {name: nanodet_boxes(shared, name, length) for name, length in LENGTHS.items()}


def scores_of(tracker, sequences, shared, tmp_path, benchmark="MOT17"):
    files = {}
    for name, frames in sequences.items():
        tracker.reset()
        lines = []
        for number, found in enumerate(frames, start=1):
            tracks = tracker.update(found)
            for box, track_id, score, _ in tracks:
                x1, y1, x2, y2 = box
                lines.append(
                    f"{number},{track_id},{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f},{score:.4f},-1,-1,-1\n"
                )
        result = tmp_path / f"{name}.txt"
        result.write_text("".join(lines))
        truth = shared / "data" / "mot" / benchmark / "train" / name / "gt" / "gt.txt"
        files[name] = SequenceFiles(truth, result, len(frames))
    return judge(files, benchmark=benchmark)[COMBINED]


@pytest.mark.parametrize(
    ("name", "options", "hota", "mota", "idf1"),
    [
        ("nanotrack", {"mode": "reference"}, 27.45, 19.94, 30.52),
        ("nanotrack", {"mode": "reference", "rhd": False}, 28.04, 20.64, 31.50),
        ("nanotrack", {"mode": "reference", "dtc": False}, 26.81, 18.74, 29.04),
        ("nanotrack", {"mode": "reference", "fallback": True}, 26.92, 19.50, 30.21),
        ("sparsetrack", {}, 27.23, 19.41, 28.33),
        ("botsort", {}, 27.83, 20.58, 30.37),  # ultralytics, without camera motion and ReID
    ],
)
def test_figures_of_the_published_code(name, options, hota, mota, idf1, light_boxes, shared, tmp_path):
    row = scores_of(create_tracker(name, **options), light_boxes, shared, tmp_path)
    assert row["HOTA"] == pytest.approx(hota, abs=0.1)
    assert row["MOTA"] == pytest.approx(mota, abs=0.2)
    assert row["IDF1"] == pytest.approx(idf1, abs=0.1)


def test_the_default_keeps_its_accuracy(light_boxes, shared, tmp_path):
    """A floor, somewhat below what it reaches: a change that costs more than rounding parameters does is none."""
    row = scores_of(create_tracker("nanotrack"), light_boxes, shared, tmp_path)
    assert row["HOTA"] >= 32.0
    assert row["MOTA"] >= 22.5
    assert row["IDF1"] >= 35.5


@pytest.mark.parametrize(("name", "length", "rate"), [("TUD-Stadtmitte", 179, 25.0), ("ETH-Sunnyday", 354, 14.0)])
def test_the_default_is_no_worse_than_byte_elsewhere(name, length, rate, shared, tmp_path):
    """A small scene of a camera that stands and one of a camera that moves, which the default was not made on."""
    sequences, rows = {name: nanodet_boxes(shared, name, length)}, {}
    for method in ("nanotrack", "bytetrack"):
        tracker = create_tracker(method, frame_rate=rate)
        rows[method] = scores_of(tracker, sequences, shared, tmp_path, benchmark="MOT15")
    assert rows["nanotrack"]["HOTA"] >= rows["bytetrack"]["HOTA"] - 0.5
    assert rows["nanotrack"]["MOTA"] >= rows["bytetrack"]["MOTA"] - 1.0
