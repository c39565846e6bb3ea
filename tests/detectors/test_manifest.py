from __future__ import annotations

from pathlib import Path

import pytest

from detectors.classes import COCO_NAMES, PERSON_IF_KNOWN, names_of, wanted_ids
from detectors.manifest import Manifest, load_manifest, manifest_for, parse_manifest, with_conventions
from detectors.registry import RECOGNISERS
from nanomot.errors import NanomotError


def test_an_unknown_key_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(NanomotError, match=r"my\.yaml: unknown key 'regmax'; did you mean 'reg_max'\?"):
        parse_manifest({"regmax": 7}, "my.yaml")
    with pytest.raises(NanomotError, match="known keys are"):
        parse_manifest({"zzzz": 7}, "my.yaml")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", 0),
        ("classes", []),
        ("classes", ["a", "a"]),
        ("classes", True),
        ("reg_max", "7"),
        ("reg_max", 0),
        ("strides", 8),
        ("strides", [8, 0]),
        ("strides", [8.5]),
        ("cell_offset", 2),
        ("cell_offset", "half"),
        ("scores", "maybe"),
        ("decoded", "yes"),
        ("imgsz", [320]),
        ("resize", "crop"),
        ("pad", 300),
        ("mean", [1, 2]),
        ("std", [1, 2, 0]),
        ("color", "gray"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_their_key(key, value) -> None:
    with pytest.raises(NanomotError, match=rf"m: {key} is .*, but must be "):
        parse_manifest({key: value}, "m")


def test_a_manifest_goes_over_its_side_car_and_that_over_the_zoo(tmp_path: Path) -> None:
    model = tmp_path / "mine.onnx"
    (tmp_path / "mine.yaml").write_text("classes: [person, dog]\nreg_max: 10\n", encoding="utf-8")
    zoo = {"reg_max": 4, "mean": [1, 2, 3]}
    manifest = manifest_for(model, {"reg_max": 2}, zoo)
    assert manifest == Manifest(classes=("person", "dog"), reg_max=2, mean=(1, 2, 3))
    assert manifest_for(model, None, zoo).reg_max == 10
    assert manifest_for(tmp_path / "other.onnx", None, zoo).reg_max == 4
    assert (manifest.num_classes, manifest.class_names) == (2, ("person", "dog"))
    assert (Manifest(classes=3).num_classes, Manifest(classes=3).class_names) == (3, None)


def test_a_value_that_says_the_same_as_the_default_still_goes_first() -> None:
    assert Manifest(scores="auto").over(Manifest(scores="logits")).scores == "auto"
    assert Manifest(decoded=False).over(Manifest(decoded=True)).decoded is False


def test_manifests_come_from_files_and_shipped_names(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("reg_max: 10\n", encoding="utf-8")
    assert load_manifest(path).reg_max == 10
    assert load_manifest("yolox-legacy").color == "rgb"
    with pytest.raises(NanomotError, match="yolox-legacy"):
        load_manifest("yolo-legacy")


@pytest.mark.parametrize("family", sorted(RECOGNISERS))
def test_every_family_has_complete_conventions(family) -> None:
    manifest = with_conventions(Manifest(), family)
    assert None not in (manifest.resize, manifest.pad, manifest.mean, manifest.std, manifest.color)
    assert with_conventions(Manifest(pad=3), family).pad == 3


def test_class_names() -> None:
    assert len(COCO_NAMES) == len(set(COCO_NAMES)) == 80
    assert (COCO_NAMES[0], COCO_NAMES[2], COCO_NAMES[15], COCO_NAMES[56], COCO_NAMES[79]) == (
        *("person", "car", "cat", "chair", "toothbrush"),
    )
    assert names_of(80, None) == COCO_NAMES
    assert names_of(2, ("a", "b")) == ("a", "b")
    assert names_of(3, None) == ()


def test_wanted_classes_by_number_and_name() -> None:
    assert wanted_ids(None, COCO_NAMES, 80, "m") is None
    assert wanted_ids(["car", 0, "Person", "16"], COCO_NAMES, 80, "m").tolist() == [0, 2, 16]
    assert wanted_ids("dog", COCO_NAMES, 80, "m").tolist() == [16]
    assert wanted_ids([0, 1], ("a", "b"), 2, "m") is None


def test_people_are_kept_where_the_model_knows_them_by_name() -> None:
    assert wanted_ids(PERSON_IF_KNOWN, COCO_NAMES, 80, "m").tolist() == [0]
    assert wanted_ids(PERSON_IF_KNOWN, ("car", "Pedestrian", "bus"), 3, "m").tolist() == [1]
    assert wanted_ids(PERSON_IF_KNOWN, ("car", "bus"), 2, "m") is None
    assert wanted_ids(PERSON_IF_KNOWN, (), 2, "m") is None


def test_wrong_classes_are_refused(caplog) -> None:
    with pytest.raises(NanomotError, match="did you mean 'person'"):
        wanted_ids(["persn"], COCO_NAMES, 80, "m")
    with pytest.raises(NanomotError, match="has no class 'xyzzy'"):
        wanted_ids(["xyzzy"], COCO_NAMES, 80, "m")
    with pytest.raises(NanomotError, match="0 to 79"):
        wanted_ids([80], COCO_NAMES, 80, "m")
    with pytest.raises(NanomotError, match="`classes`"):
        wanted_ids(["person"], (), 2, "m")
    with pytest.raises(NanomotError, match="no class is asked for"):
        wanted_ids([], COCO_NAMES, 80, "m")
    assert wanted_ids(["person"], (), 1, "m") is None
    assert "taken for 'person'" in caplog.text
