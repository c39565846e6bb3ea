"""Entries of the cache: whole, or computed again."""

from __future__ import annotations

import numpy as np
import pytest

from nanomot.detections import Detections
from nanomot.evaluation.cache import DetectionCache, load_arrays


@pytest.fixture
def entry(tmp_path):
    cache = DetectionCache(tmp_path)
    path = cache.path("X", {"model": "m"})
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 100, (400, 2))
    found = Detections(np.hstack((corners, corners + 20)), rng.uniform(0.1, 1, 400))
    cache.store(path, [found, Detections.empty()], ["person"])
    return path


def test_what_was_stored_is_there(entry, caplog):
    cache = DetectionCache(entry.parent)
    assert cache.holds(entry)
    assert not cache.holds(cache.path("X", {"model": "another"}))
    assert not caplog.records


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b[:-5], lambda b: b"nonsense"])
def test_damaged_entries_are_told_and_absent(entry, caplog, damage):
    entry.write_bytes(damage(entry.read_bytes()))
    assert not DetectionCache(entry.parent).holds(entry)
    assert f"{entry}: is a damaged entry of the cache (" in caplog.text
    assert "computed again" in caplog.text


def test_damage_in_the_middle_is_seen(entry):
    content = bytearray(entry.read_bytes())
    content[len(content) // 3] ^= 0xFF
    entry.write_bytes(content)
    assert not DetectionCache(entry.parent).holds(entry)


def test_entries_of_another_kind_are_damaged_ones(entry, caplog):
    assert load_arrays(entry, "warps") is None
    assert "warps" in caplog.text


def test_objects_are_not_unpickled(tmp_path, caplog):
    np.savez(tmp_path / "a.npz", warps=np.array([{}], dtype=object))
    assert load_arrays(tmp_path / "a.npz", "warps") is None
    assert "damaged" in caplog.text
