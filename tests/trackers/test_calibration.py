"""Calibrations: found by a model's names or content, and in their place among other values."""

from __future__ import annotations

import hashlib
import re

import pytest
import yaml

from nanomot import create_tracker
from nanomot.errors import NanomotError
from nanomot.resources import configs_dir
from nanomot.trackers import calibration
from nanomot.trackers.calibration import calibration_names, calibration_of_model, load_calibration

MODEL = b"weights"


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Two calibrations in place of the shipped ones; all else is as it is shipped."""
    folder = tmp_path / "configs" / "calibration"
    folder.mkdir(parents=True)
    digest = hashlib.sha256(MODEL).hexdigest()
    (folder / "tiny-m.yaml").write_text(
        f"names: [tiny-m, tiny-m-320, tiny_m_320]\nsha256: {digest}\n"
        "nanotrack: {birth_threshold: 0.3, evidence_zero: 0.25}\n"
    )
    (folder / "big.yaml").write_text("nanotrack: {nms_iou: 0.6}\nbytetrack: {track_threshold: 0.7}\n")
    monkeypatch.setattr(calibration, "configs_dir", lambda: folder.parent)
    return folder


@pytest.mark.parametrize("name", ["tiny-m", "tiny-m_320", "TINY_M_320.onnx", "tiny-m-320"])
def test_any_name_of_the_model(shipped, name):
    parameters = create_tracker("nanotrack", calibration=name).parameters
    assert (parameters.birth_threshold, parameters.evidence_zero) == (0.3, 0.25)
    usual = create_tracker("nanotrack").parameters
    assert parameters.track_threshold == usual.track_threshold
    assert usual.birth_threshold > 0.3


def test_a_file_of_the_users(shipped, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("nanotrack: {nms_iou: 0.5}\n")
    assert create_tracker("nanotrack", calibration=mine).parameters.nms_iou == 0.5
    assert load_calibration(str(mine)).name == str(mine)


def test_later_ones_win(shipped, tmp_path):
    """Shipped values < calibration < the user's file < overrides."""
    config = tmp_path / "config.yaml"
    config.write_text("birth_threshold: 0.8\nmodes: {eager: {evidence_zero: 0.1}}\n")

    def values(**options):
        made = create_tracker("nanotrack", calibration="tiny-m", **options).parameters
        return made.birth_threshold, made.evidence_zero

    assert values() == (0.3, 0.25)
    assert values(config=config) == (0.8, 0.25)
    assert values(config=config, mode="eager") == (0.8, 0.1)
    assert values(config=config, birth_threshold=0.9) == (0.9, 0.25)
    assert values(evidence_zero=0.4) == (0.3, 0.4)


def test_a_tracker_takes_only_what_is_its_own(shipped):
    assert create_tracker("bytetrack", calibration="tiny-m").parameters == create_tracker("bytetrack").parameters
    reference = create_tracker("nanotrack", mode="reference")
    assert create_tracker("nanotrack", mode="reference", calibration="tiny-m").parameters == reference.parameters
    assert create_tracker("bytetrack", calibration="big").parameters.track_threshold == 0.7
    assert create_tracker("nanotrack", calibration="big").parameters.nms_iou == 0.6


def test_the_calibration_of_a_model(shipped, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    for name, content in (("renamed.onnx", MODEL), ("tiny-m_320.onnx", b"other"), ("own.onnx", b"own")):
        (folder / name).write_bytes(content)
    (folder / "tiny-m.npz").write_bytes(b"boxes")
    (folder / "tiny-m").mkdir()
    assert calibration_of_model("tiny_m").name == "tiny-m"
    assert calibration_of_model(folder / "renamed.onnx").name == "tiny-m"
    assert calibration_of_model(str(folder / "tiny-m_320.onnx")).name == "tiny-m"
    for unknown in ("motion", "nanodet-plus-m-416", folder / "own.onnx", folder / "tiny-m.npz", folder / "tiny-m"):
        assert calibration_of_model(unknown) is None


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("tiny-n", None, "There is no calibration 'tiny-n', and it is no YAML file; did you mean 'tiny-m'"),
        ("{folder}/gone.yaml", None, "gone.yaml: cannot be read"),
        ("{folder}/x.yaml", "birth_threshold: 0.4\n", "x.yaml: birth_threshold must map parameters"),
        ("{folder}/x.yaml", "names: me\n", "x.yaml: names must be a list"),
        ("{folder}/x.yaml", "nanotrack: {birth_treshold: 0.4}\n", "did you mean 'birth_threshold'"),
        ("{folder}/x.yaml", "nanotrack: {birth_threshold: 4}\n", "must lie between 0 and 1"),
    ],
)
def test_what_is_wrong_is_named(shipped, tmp_path, name, content, words):
    if content is not None:
        (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(NanomotError) as caught:
        create_tracker("nanotrack", calibration=name.format(folder=tmp_path))
    assert words in str(caught.value)


def test_every_shipped_calibration_suits_its_trackers():
    from detectors.catalogue import find_entry, load_zoo

    zoo = load_zoo()
    assert calibration_names()
    for name in calibration_names():
        found = load_calibration(name)
        assert found.values
        assert name in found.names
        assert re.fullmatch("([0-9a-f]{64})?", found.sha256)
        for tracker, values in found.values.items():
            parameters = create_tracker(tracker, calibration=name).parameters
            assert {key: getattr(parameters, key) for key in values} == dict(values)
        entry = find_entry(name, zoo)
        if entry is not None:
            assert {entry.name, *entry.aliases} <= set(found.names)


def test_no_name_belongs_to_two_models():
    names = [name for known in calibration_names() for name in load_calibration(known).names]
    assert len(names) == len(set(names))
    for path in (configs_dir() / "calibration").glob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text()), dict)
