"""What scores are worth, and calibrations made from it, on detectors whose scores are known."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from nanomot import create_tracker
from nanomot.detections import Detections
from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.scoring import DevSequence
from nanomot.synthetic import Scene
from nanomot.trackers.calibration import load_calibration
from tests.cli.test_val import make_sequence
from tests.detectors.graphs import fixed_model

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import calibrate_detector
import detector_boxes
import detector_scores
from detector_scores import JudgedBoxes, fit_curve, judged_boxes, judged_frame

NONE = np.empty((0, 4))


def boxes(*rows):
    return np.array(rows, np.float64).reshape(-1, 4)


def found(rows, scores):
    return Detections(boxes(*rows), np.array(scores, np.float64), np.zeros(len(scores), np.int64))


def test_the_best_box_claims_a_person():
    person = boxes((0, 0, 10, 20))
    twins = found([(0, 0, 10, 20), (0, 1, 10, 21), (50, 0, 60, 20)], [0.5, 0.9, 0.8])
    assert judged_frame(twins, person, NONE).tolist() == [0, 1, 0]


def test_boxes_on_what_is_to_be_ignored_count_neither_way():
    here = found([(0, 0, 10, 20), (50, 0, 60, 20), (90, 0, 99, 20)], [0.9, 0.8, 0.7])
    ignored = boxes((0, 0, 10, 20), (50, 0, 60, 20))
    assert judged_frame(here, boxes((0, 0, 10, 20)), ignored).tolist() == [1, -1, 0]
    assert judged_frame(found([], []), NONE, ignored).tolist() == []
    assert judged_frame(here, NONE, NONE).tolist() == [0, 0, 0]


def dev_of(folder, truth, frames, rules="MOT17"):
    folder.mkdir()
    path = folder / "gt.txt"
    path.write_text("".join(f"{line}\n" for line in truth))
    sequence = Sequence(folder.name, folder.name, folder, len(frames), 25.0, None, 0, path)
    return DevSequence(sequence, rules, partial(_replay, frames))


def _replay(frames, sequence):
    return iter(frames)


def test_the_truths_classes_and_flags(tmp_path):
    truth = ["1,1,0,0,10,20,1,1,1", "1,2,50,0,10,20,0,1,1", "1,3,90,0,10,20,1,8,1", "2,1,0,0,10,20,1,1,1"]
    frame = found([(0, 0, 10, 20), (50, 0, 60, 20), (90, 0, 100, 20), (200, 0, 210, 20)], [0.9, 0.8, 0.7, 0.6])
    part = found([(0, 0, 10, 20), (0, 0, 10, 14), (0, 0, 10, 20)], [0.9, 0.8, 0.05])
    frames = [frame, part]
    judged = judged_boxes(dev_of(tmp_path / "a", truth, frames), nms_iou=0.37, least=0.1)
    assert judged.scores.tolist() == [0.9, 0.6, 0.9]
    assert judged.true.tolist() == [True, False, True]
    flat = ["1,1,0,0,10,20,1,-5,11.9,0.7", "1,3,90,0,10,20,1,-1,2,0"]
    judged = judged_boxes(dev_of(tmp_path / "b", flat, [frame], "MOT15"), nms_iou=0.37, least=0.1)
    assert judged.true.tolist() == [True, False, True, False]


def judged_by(curve, count, seed, shape=(1.0, 2.0)):
    """Boxes that are people with the probability ``curve(score)``."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(*shape, count)
    return JudgedBoxes(scores, rng.random(count) < curve(scores))


def test_a_known_curve_is_found():
    truth = detector_scores.Curve(-0.5, 2.0)
    curve = fit_curve([judged_by(np.vectorize(truth.at), 20_000, seed) for seed in (1, 2)])
    assert curve.offset == pytest.approx(-0.5, abs=0.06)
    assert curve.slope == pytest.approx(2.0, abs=0.08)
    for score in (0.2, 0.46, 0.5, 0.9):
        assert curve.score_of(curve.at(score)) == pytest.approx(score, abs=1e-9)
    assert truth.at(0.5) == pytest.approx(1 / (1 + np.exp(0.5)))


def test_every_sequence_weighs_the_same():
    strict, mild = detector_scores.Curve(-2.0, 2.0), detector_scores.Curve(1.0, 2.0)
    few = judged_by(np.vectorize(strict.at), 2_000, 1)
    many = judged_by(np.vectorize(mild.at), 20_000, 2)
    half = JudgedBoxes(many.scores[:2_000], many.true[:2_000])
    assert fit_curve([few, many]).at(0.5) == pytest.approx(fit_curve([few, half]).at(0.5), abs=0.03)
    assert fit_curve([few, many]).at(0.5) == pytest.approx(0.43, abs=0.06)


@pytest.mark.parametrize(
    ("true", "words"), [([True] * 4, "Boxes of people and of others"), ([True, True, False, False], "cannot be calib")]
)
def test_boxes_that_do_not_tell(true, words):
    with pytest.raises(NanomotError, match=words):
        fit_curve([JudgedBoxes(np.array([0.2, 0.3, 0.6, 0.7]), np.array(true))])
    with pytest.raises(NanomotError):
        fit_curve([])


def test_separable_boxes_have_a_curve():
    curve = fit_curve([JudgedBoxes(np.array([0.2, 0.3, 0.6, 0.7]), np.array([False, False, True, True]))])
    assert 0.3 < curve.score_of(0.5) < 0.6


def test_a_detector_that_says_the_same_in_other_words_is_understood():
    shipped = {"evidence_zero": 0.46, "birth_threshold": 0.5}
    plain = judged_by(np.vectorize(detector_scores.Curve(0.2, 1.5).at), 20_000, 3)
    odds = 4.0 * plain.scores / (1.0 - plain.scores)
    louder = JudgedBoxes(odds / (1.0 + odds), plain.true)
    values, reliabilities = calibrate_detector.estimate([plain], [louder], shipped)
    expected = {name: 4 * at / (1 - at) / (1 + 4 * at / (1 - at)) for name, at in shipped.items()}
    assert values == pytest.approx(expected, abs=0.011)
    assert reliabilities[0] < reliabilities[1]


def test_the_grid_stays_among_scores():
    grid = calibrate_detector.grid_around({"evidence_zero": 0.99, "birth_threshold": 0.5})
    assert grid[0] == {"evidence_zero": 0.99, "birth_threshold": 0.5}
    assert len(grid) == 9
    assert max(values["evidence_zero"] for values in grid) == 1.0


def noisy(scene, length, seed, loud):
    """Boxes of a scene's people, and as many of nobody; people's scores are about .7, others' .3."""
    rng = np.random.default_rng(seed)
    frames = []
    for index in range(length):
        people = scene.truth(index + 60).boxes
        others = people + rng.uniform(120, 200, (len(people), 1)) * [1, 0, 1, 0]
        scores = np.clip(np.r_[rng.normal(0.7, 0.12, len(people)), rng.normal(0.3, 0.1, len(people))], 0.06, 0.97)
        odds = loud * scores / (1.0 - scores)
        rows = np.r_[people, others] + rng.normal(0, 1, (2 * len(people), 4))
        frames.append(Detections(rows, odds / (1.0 + odds), np.zeros(len(rows), np.int64)))
    return frames


def devs_of(root, loud):
    length, devs = 40, []
    for number in (1, 2):
        scene, name = Scene(seed=number), f"MOT17-{number:02d}-FRCNN"
        folder = root / "MOT17" / "train" / name
        if not folder.exists():
            make_sequence(folder, scene)
        sequence = Sequence(name, name, folder, 60, 25.0, None, 0, folder / "gt" / "gt.txt")
        frames = noisy(scene, length, number, loud) + [Detections.empty()] * (60 - length)
        devs.append(DevSequence(sequence, "MOT17", partial(_replay, frames)))
    return devs


@pytest.fixture
def detectors(tmp_path, monkeypatch):
    """A reference, one that says the same, and one whose scores are far too high; models are not looked at."""
    louds = {"reference": 1.0, "same": 1.0, "loud": 8.0}
    root = tmp_path / "data"
    monkeypatch.setattr(
        calibrate_detector, "with_boxes", lambda setting, *rest: devs_of(root, louds[Path(setting.model).stem])
    )
    monkeypatch.setattr(
        calibrate_detector, "sequences_of", lambda args: [(dev.sequence, "MOT17") for dev in devs_of(root, 1.0)]
    )
    for name in louds:
        fixed_model(tmp_path / f"{name}.onnx", [np.zeros((1, 1, 85))])
    return tmp_path


def run(tmp_path, monkeypatch, *words):
    common = [
        "--sequences",
        "MOT17/MOT17-01",
        "MOT17/MOT17-02",
        "--cache",
        tmp_path / "cache",
        "--out",
        tmp_path / "out",
    ]
    argv = ["calibrate_detector.py", "--reference", tmp_path / "reference.onnx", *common, "--runs", 2, *words]
    monkeypatch.setattr(sys, "argv", list(map(str, argv)))
    calibrate_detector.main()


@pytest.mark.slow
def test_a_loud_detector_gets_values_of_its_own_and_its_like_the_shipped_ones(detectors, tmp_path, monkeypatch, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "same.yaml").write_text("nanotrack: {birth_threshold: 0.1}\n")
    run(tmp_path, monkeypatch, "--write", "--models", tmp_path / "same.onnx", tmp_path / "loud.onnx")
    out = capsys.readouterr().out
    assert "| same | shipped * |" in out
    assert "| loud | estimated * |" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["loud.yaml", "same.yaml"]
    held = load_calibration(tmp_path / "out" / "same.yaml").values["nanotrack"]
    usual = create_tracker("nanotrack").parameters
    assert held == {name: getattr(usual, name) for name in ("birth_threshold", "evidence_zero")}
    assert "the shipped values hold" in (tmp_path / "out" / "same.yaml").read_text()
    made = load_calibration(tmp_path / "out" / "loud.yaml")
    assert made.names == ("loud",)
    assert made.sha256
    parameters = create_tracker("nanotrack", calibration=tmp_path / "out" / "loud.yaml").parameters
    for name in ("evidence_zero", "birth_threshold"):
        odds = 8.0 * getattr(usual, name) / (1.0 - getattr(usual, name))
        assert getattr(parameters, name) == pytest.approx(odds / (1.0 + odds), abs=0.03)
    text = (tmp_path / "out" / "loud.yaml").read_text()
    assert "MOT17-01-FRCNN, MOT17-02-FRCNN" in text
    assert "python scripts/calibrate_detector.py --models" in text
    assert str(tmp_path) not in text


def test_one_sequence_is_not_enough(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["x", "--models", "a", "--sequences", "MOT17/x", "--cache", str(tmp_path)])
    with pytest.raises(SystemExit, match="at least two"):
        calibrate_detector.main()


def test_boxes_are_kept(tmp_path, monkeypatch):
    """A network that finds nothing, asked once."""
    make_sequence(tmp_path / "MOT17" / "train" / "MOT17-01-FRCNN", Scene(seed=1), frames=True)
    model = fixed_model(tmp_path / "empty.onnx", [np.zeros((1, 126, 85))], (96, 64))
    args = argparse.Namespace(
        sequences=["MOT17/MOT17-01"], benchmark="MOT17", split="train", data_root=tmp_path, frames=[]
    )
    sequences = detector_boxes.sequences_of(args)
    setting = detector_boxes.Setting.parse(f"{model}@native")
    assert setting.label == "empty native"
    (dev,) = detector_boxes.with_boxes(setting, sequences, tmp_path / "cache", 1)
    assert len(list(dev.boxes_of(dev.sequence))) == dev.sequence.length

    def unexpected(*args, **kwargs):
        raise AssertionError("boxes were found again")

    monkeypatch.setattr(detector_boxes, "load_detector", unexpected)
    assert detector_boxes.with_boxes(setting, sequences, tmp_path / "cache", 1)
    with pytest.raises(AssertionError):
        detector_boxes.with_boxes(detector_boxes.Setting(str(model)), sequences, tmp_path / "cache", 1)


def test_names_of_the_zoo(tmp_path, monkeypatch):
    monkeypatch.setenv("NANOMOT_MODELS", str(tmp_path))
    fixed_model(tmp_path / "nanodet-m_320.onnx", [np.zeros((1, 1, 85))])
    setting = detector_boxes.Setting.parse("nanodet-m")
    assert setting.label == "nanodet-m"
    assert {"nanodet-m", "nanodet-m-320", "nanodet-m_320"} <= set(setting.known_names)


def test_a_sequence_without_frames_is_named(tmp_path):
    make_sequence(tmp_path / "MOT17" / "train" / "MOT17-01-FRCNN", Scene(seed=1))
    args = argparse.Namespace(sequences=["MOT17-01"], benchmark="MOT17", split="train", data_root=tmp_path, frames=[])
    with pytest.raises(NanomotError, match="needs ground truth, and frames"):
        detector_boxes.sequences_of(args)
