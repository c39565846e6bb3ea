from __future__ import annotations

import pytest

from nanomot import NanomotError
from nanomot.evaluation.journal import cut_torn_line, folder_lock


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b"", b""),
        (b"one\ntwo\n", b"one\ntwo\n"),
        (b"one\ntw", b"one\n"),
        (b"tw", b""),
        (b"one\n" + b"x" * 200_000, b"one\n"),
        (b"x" * 200_000, b""),
        (b"x" * 70_000 + b"\n" + b"y" * 65_536, b"x" * 70_000 + b"\n"),
    ],
)
def test_only_whole_lines_are_left(tmp_path, content, left):
    path = tmp_path / "journal"
    path.write_bytes(content)
    cut_torn_line(path)
    assert path.read_bytes() == left


def test_a_missing_journal_stays_missing(tmp_path):
    cut_torn_line(tmp_path / "journal")
    assert list(tmp_path.iterdir()) == []


def test_one_run_at_a_time(tmp_path):
    with folder_lock(tmp_path), pytest.raises(NanomotError, match="another search"), folder_lock(tmp_path):
        pass
    with folder_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(NanomotError, match="cannot be written"), folder_lock(tmp_path / "missing"):
        pass


def test_what_fails_inside_is_not_blamed_on_the_lock(tmp_path):
    with pytest.raises(PermissionError, match="mine"), folder_lock(tmp_path):
        raise PermissionError("mine")


def test_file_systems_without_locks_get_a_warning(tmp_path, monkeypatch, caplog):
    def none(file):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("nanomot.evaluation.journal._take", none)
    with folder_lock(tmp_path):
        assert "No locks available" in caplog.text
