from __future__ import annotations

import pytest

from nanomot import NanomotError
from nanomot.evaluation.result_files import read_tracks, read_truth

GOOD = "1,1,10,10,5,5,1,-1,-1,-1\n"


@pytest.mark.parametrize("text", [GOOD + "\n2,1,10,10,5,5,0.5,-1,-1,-1\n", "1 1 10 10 5 5 1\n \n2 1 10 10  5 5 .5"])
def test_reads_rows(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text)
    assert read_tracks(path, 2).tolist() == [[1, 1, 10, 10, 5, 5, 1], [2, 1, 10, 10, 5, 5, 0.5]]
    assert read_tracks(path, 2, columns=12)[:, 7:].tolist() == [[-1.0] * 5] * 2
    path.write_text("")
    assert read_tracks(path, 2).shape == (0, 7)


def test_marks_and_commas_that_mean_nothing(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf1, 1, 10, 10, 5, 5, 1,\r\n\r\n2,1,10,10,5,5,0.5,\r\n")
    assert read_tracks(path, 2).tolist() == [[1, 1, 10, 10, 5, 5, 1], [2, 1, 10, 10, 5, 5, 0.5]]


def rest(fields):
    """A line of ten values that begins with ``fields``."""
    return fields + ",-1,-1,-1\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (rest("1,2,ten,10,5,5,1"), "not a row of numbers"),
        ("1,2,10,10\n", "has 4 columns"),
        ("1,2,10,10,5,5,1\n", "has 7 columns, but line 1 has 10"),
        # A value that is missing must not move those behind it.
        (rest("1,77,,3,4,5,1"), "has an empty field"),
        (rest("1,,77,1,3,4,5"), "has an empty field"),
        (rest("1,2,1 0,10,5,5,1"), "not a row of numbers"),
        (rest("1_0,2,10,10,5,5,1"), "not a row of numbers"),
        (rest("1,٢,10,10,5,5,1"), "not a row of numbers"),
        (rest("1;2;10;10;5;5;1"), "not a row of numbers"),
        (rest("3,2,10,10,5,5,1"), "frame 3 lies outside of the sequence's 1 to 2"),
        (rest("0,2,10,10,5,5,1"), "outside"),
        (rest("1.5,2,10,10,5,5,1"), "whole numbers"),
        (rest("1,2,nan,10,5,5,1"), "not a finite number"),
        (rest("1,2,1e300,10,5,5,1"), "beyond 1e+09"),
        (rest("1,2,10,10,-5,5,1"), "width and height must be above 0"),
        (rest("1,2,10,10,5,0,1"), "width and height must be above 0"),
        (rest("1,0,10,10,5,5,1"), "id 0, but ids must be 1 or more"),
        (rest("1,-7,10,10,5,5,1"), "id -7, but"),
        (rest("1,1e18,10,10,5,5,1"), "id 1e+18, but"),
        ("1,2,10,10,5,5,1,3,-1,-1\n", "class 3, but only persons"),
        (rest("1,1,20,10,5,5,1"), "id 1 occurs twice in frame 1"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path, line, words):
    path = tmp_path / "a.txt"
    path.write_text(GOOD + "\n" + line + "2" + GOOD[1:], encoding="utf-8")
    with pytest.raises(NanomotError) as caught:
        read_tracks(path, 2)
    assert f"{path}, line 3: " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,2,10,10,5,5,1\n", "has 7 columns, but at least 8 are needed"),
        ("1,2,10,10,5,5,1,55,1\n", "class 55 is none of MOTChallenge's 1 to 13"),
        ("1,2,10,10,5,5,1,-1,1\n", "class -1 is none"),
        ("1,-1,10,10,5,5,1,1,1\n", "id -1, but"),
        ("1,2,10,10,-5,5,1,1,1\n", "must not be negative"),
        ("1,2,10,10,5,5,1,nan,1\n", "not a finite number"),
    ],
)
def test_faults_of_a_truth(tmp_path, line, words):
    path = tmp_path / "gt.txt"
    path.write_text("1,0,10,10,5,0,1,1,1\n" + line)
    with pytest.raises(NanomotError) as caught:
        read_truth(path, 2)
    assert f"{path}, line 2: " in str(caught.value)
    assert words in str(caught.value)


def test_a_truth_of_mot15_has_coordinates_for_classes(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("1,1,10,10,5,5,1,-3.5,7,0\n")
    assert read_truth(path, 2, has_classes=False).tolist() == [[1, 1, 10, 10, 5, 5, 1, -3.5]]


def test_missing_file(tmp_path):
    with pytest.raises(NanomotError, match="missing"):
        read_tracks(tmp_path / "none.txt", 2)
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NanomotError, match="cannot be read"):
        read_tracks(tmp_path / "bad.txt", 2)
