from __future__ import annotations

import pytest

from nanomot import NanomotError
from nanomot.resources import cache_dir, configs_dir, load_yaml


def test_reads_a_mapping(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("x: 1\n")
    assert load_yaml(path) == {"x": 1}
    path.write_text("")
    assert load_yaml(path) == {}


@pytest.mark.parametrize("text", ["[1, 2", "- 1\n- 2\n", "x: !!python/object/apply:os.getcwd []\n", "\x00"])
def test_anything_else_is_named(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(NanomotError, match=r"bad\.yaml"):
        load_yaml(path)


def test_missing_file(tmp_path):
    with pytest.raises(NanomotError, match=r"none\.yaml"):
        load_yaml(tmp_path / "none.yaml")


def test_folders(monkeypatch, tmp_path):
    assert (configs_dir() / "trackers" / "nanotrack.yaml").is_file()
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("NANOMOT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "nanomot"
