from __future__ import annotations

import pytest

from nanomot import NanomotError
from nanomot.evaluation.whole_file import write_whole


def test_written_whole(tmp_path):
    write_whole(tmp_path / "new" / "a.bin", b"one")
    write_whole(tmp_path / "new" / "a.bin", b"two")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "new").iterdir()] == [("a.bin", b"two")]


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nanomot.evaluation.whole_file.os.replace", full)
    with pytest.raises(NanomotError, match=r"a\.bin: cannot be written \(No space left"):
        write_whole(path, b"new")
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("a.bin", b"old")]
