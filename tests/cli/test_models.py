"""``nanomot models``: its table, its JSON, its paths and its sentences."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from nanomot.cli import models
from nanomot.errors import NanomotError


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NANOMOT_MODELS", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "nanodet-m_320.onnx").write_bytes(b"\x08")
    return tmp_path / "mine"


def nanomot_models(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    models.add_parser(parser.add_subparsers())
    args = parser.parse_args(["models", *arguments])
    status: int = args.run(args)
    return status


def test_list_shows_figures_and_whereabouts(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    assert nanomot_models("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "kind", "backbone", "input", "mAP", "FLOPs", "params", "licence", "here"]
    row = {line.split()[0]: line for line in lines[1:] if line}
    for figure in ("detector", "ShuffleNetV2 1.0x", "320x320", "20.6", "0.72 G", "0.95 M", "Apache-2.0"):
        assert figure in row["nanodet-m"]
    assert row["nanodet-m"].endswith(str(mine / "nanodet-m_320.onnx"))
    assert row["nanodet-plus-m-416"].endswith(" -")
    assert row["nanodet-g"].endswith("by hand")
    assert "18 models, 1 on this machine" in lines[-1]


def test_list_of_one_kind_and_unknown_figures(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    (mine / "own.yaml").write_text("models: {looks: {kind: reid, files: [looks.onnx]}}\n")
    nanomot_models("list", "--kind", "reid")
    out = capsys.readouterr().out
    assert "1 models, 0 on this machine" in out
    assert out.splitlines()[1].split()[:3] == ["looks", "reid", "?"]


def test_json_holds_everything(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    assert nanomot_models("list", "--json") == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["nanodet-m"]["path"] == str(mine / "nanodet-m_320.onnx")
    assert entries["yolox-nano"]["path"] is None
    assert entries["nanodet-g"]["reg_max"] == 10


def test_path_is_printed_alone(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    (mine / "own.yaml").write_text("models: {looks: {kind: reid, files: [looks.onnx]}}\n")
    (mine / "looks.onnx").write_bytes(b"\x08")
    for name, file in (("NanoDet_m", "nanodet-m_320.onnx"), ("looks", "looks.onnx")):
        assert nanomot_models("path", name) == 0
        assert capsys.readouterr().out == f"{mine / file}\n"


def test_download_says_what_is_here_and_what_is_not(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    assert nanomot_models("download", "nanodet-m") == 0
    assert capsys.readouterr().out == f"nanodet-m: {mine / 'nanodet-m_320.onnx'} (already here)\n"
    with pytest.raises(NanomotError, match=r"drive\.google\.com"):
        nanomot_models("download", "nanodet-t")
    with pytest.raises(NanomotError, match="did you mean nanodet-m"):
        nanomot_models("download", "nanodet-mm")


def test_a_verb_is_needed() -> None:
    with pytest.raises(SystemExit) as caught:
        nanomot_models()
    assert caught.value.code == 2
