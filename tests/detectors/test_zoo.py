"""The entries of the zoo, and what a user's own YAML files may say."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from detectors.catalogue import find_entry, load_zoo, nearest_names
from detectors.manifest import parse_manifest
from nanomot.errors import NanomotError

PUBLISHED = {
    "nanodet-m": (320, 20.6, 0.72, 0.95),
    "nanodet-plus-m-320": (320, 27.0, 0.9, 1.17),
    "nanodet-plus-m-416": (416, 30.4, 1.52, 1.17),
    "nanodet-plus-m-1.5x-320": (320, 29.9, 1.75, 2.44),
    "nanodet-plus-m-1.5x-416": (416, 34.1, 2.97, 2.44),
    "nanodet-m-416": (416, 23.5, 1.2, 0.95),
    "nanodet-m-1.5x": (320, 23.5, 1.44, 2.08),
    "nanodet-m-1.5x-416": (416, 26.8, 2.42, 2.08),
    "nanodet-m-0.5x": (320, 13.5, 0.3, 0.28),
    "nanodet-t": (320, 21.7, 0.96, 1.36),
    "nanodet-g": (416, 22.9, 4.2, 3.81),
    "nanodet-efficientlite0": (320, 24.7, 1.72, 3.11),
    "nanodet-efficientlite1": (416, 30.3, 4.06, 4.01),
    "nanodet-efficientlite2": (512, 32.6, 7.12, 4.71),
    "nanodet-repvgg-a0": (416, 27.8, 11.3, 6.75),
}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NANOMOT_MODELS", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_row_of_the_nanodet_table_has_its_published_figures(name: str) -> None:
    entry = load_zoo()[name]
    side, mean_precision, flops, params = PUBLISHED[name]
    assert entry.input == (side, side)
    assert (entry.map, entry.flops, entry.params) == (mean_precision, flops, params)
    assert entry.licence == "Apache-2.0"
    assert entry.weight is not None
    assert entry.weight.startswith("https://drive.google.com/file/d/")
    assert (entry.url is not None) == (entry.checkpoint is not None) == name.startswith("nanodet-plus")


def test_only_unusual_conventions_differ() -> None:
    zoo = load_zoo()
    wide = {name for name in PUBLISHED if zoo[name].loader_manifest().get("reg_max") == 10}
    assert wide == {"nanodet-g", "nanodet-efficientlite1", "nanodet-efficientlite2", "nanodet-repvgg-a0"}
    grey = {name for name in PUBLISHED if zoo[name].mean == (127.0, 127.0, 127.0)}
    assert grey == {f"nanodet-efficientlite{size}" for size in (0, 1, 2)}


def test_the_loader_understands_every_manifest() -> None:
    for entry in load_zoo().values():
        manifest = parse_manifest(entry.loader_manifest(), entry.name)
        assert manifest.mean == entry.mean


def test_no_name_or_file_means_two_models() -> None:
    zoo = load_zoo()
    for entry in zoo.values():
        for known in (entry.name, *entry.aliases, *entry.files):
            assert find_entry(known, zoo) is entry, known


@pytest.mark.parametrize(
    "name", ["NanoDet-Plus-m_416", "nanodet_plus_m_416", "nanodet-plus-m_416.onnx", "NANODETPLUSM416"]
)
def test_names_are_forgiving(name: str) -> None:
    entry = find_entry(name, load_zoo())
    assert entry is not None
    assert entry.name == "nanodet-plus-m-416"


def test_near_names_are_suggested() -> None:
    zoo = load_zoo()
    assert find_entry("nanodet-plsu-m-416", zoo) is None
    assert nearest_names("nanodet-plsu-m-416", zoo)[0] == "nanodet-plus-m-416"
    assert nearest_names("qqqqqqqq", zoo) == []


def test_users_add_and_replace_models(folders: Path) -> None:
    (folders / "own.yaml").write_text(
        "models:\n  shop:\n    files: [shop.onnx]\n    manifest: {classes: [hat]}\n    reg_max: 7\n"
        "  nanodet-m:\n    kind: detector\n    files: [better.onnx]\n"
    )
    zoo = load_zoo()
    assert zoo["shop"].loader_manifest() == {"classes": ["hat"]}
    assert zoo["nanodet-m"].files == ("better.onnx",)
    assert zoo["shop"].kind == "detector"


def test_first_folder_wins(folders: Path, tmp_path: Path) -> None:
    for folder, file in ((folders, "first.onnx"), (tmp_path / "cache" / "models", "second.onnx")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "own.yaml").write_text(f"models: {{shop: {{kind: reid, files: [{file}]}}}}\n")
    assert load_zoo()["shop"].files == ("first.onnx",)
    assert load_zoo()["shop"].kind == "reid"


def test_manifests_beside_models_are_left_alone(folders: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folders / "net.onnx").write_bytes(b"")
    (folders / "net.yaml").write_text("classes: [hat]\n")
    (folders / "stray.yaml").write_text("classes: [hat]\n")
    with caplog.at_level(logging.WARNING):
        load_zoo()
    assert len(caplog.records) == 1
    assert "stray.yaml" in caplog.text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{files: [a.onnx], flop: 3}", "unknown key 'flop'; did you mean 'flops'"),
        ("{backbone: x}", "lacks files"),
        ("{files: [../a.onnx]}", "files has the value"),
        ("{files: [a.onnx], url: 'file:///etc/passwd'}", "url has the value"),
        ("{files: [a.onnx], kind: camera}", "kind has the value 'camera'"),
        ("{files: [a.onnx], sha256: abc}", "sha256 has the value"),
        ("{files: [a.onnx], input: [416]}", "input has the value"),
        ("{files: [a.onnx], mean: [1, 2]}", "mean has the value"),
        ("{files: [a.onnx], map: true}", "map has the value"),
        ("3", "must be a mapping of keys"),
    ],
)
def test_faults_in_users_files_are_named(folders: Path, entry: str, message: str) -> None:
    (folders / "own.yaml").write_text(f"models: {{shop: {entry}}}\n")
    with pytest.raises(NanomotError, match=r"own\.yaml: model shop: .*" + message):
        load_zoo()


def test_models_must_be_a_mapping(folders: Path) -> None:
    (folders / "own.yaml").write_text("models: [a]\n")
    with pytest.raises(NanomotError, match="models must be a mapping"):
        load_zoo()
