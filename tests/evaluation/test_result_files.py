from __future__ import annotations

import pytest

from nanomot import NanomotError
from nanomot.evaluation.result_files import read_tracks

GOOD = "1,1,10,10,5,5,1,-1,-1,-1\n"


def test_reads_rows(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(GOOD + "\n2 1 10 10 5 5 0.5\n")
    assert read_tracks(path, 2).shape == (2, 7)
    path.write_text("")
    assert len(read_tracks(path, 2)) == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,2,ten,10,5,5,1\n", "not a row of numbers"),
        ("1,2,10,10\n", "has 4 columns"),
        ("3,2,10,10,5,5,1\n", "outside of the sequence's 1 to 2"),
        ("0,2,10,10,5,5,1\n", "outside"),
        ("1.5,2,10,10,5,5,1\n", "whole numbers"),
        ("1,2,nan,10,5,5,1\n", "not a finite number"),
        ("1,1,20,10,5,5,1\n", "id 1 occurs twice in frame 1"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path, line, words):
    path = tmp_path / "a.txt"
    path.write_text(GOOD + "\n" + line)
    with pytest.raises(NanomotError) as caught:
        read_tracks(path, 2)
    assert f"{path}, line 3" in str(caught.value)
    assert words in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(NanomotError, match="missing"):
        read_tracks(tmp_path / "none.txt", 2)
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NanomotError, match="cannot be read"):
        read_tracks(tmp_path / "bad.txt", 2)
