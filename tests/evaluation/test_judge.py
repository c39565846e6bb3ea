from __future__ import annotations

import pytest

from nanomot import NanomotError
from nanomot.evaluation import COMBINED, SequenceFiles, judge


def write(path, rows):
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


@pytest.fixture
def truth(tmp_path):
    """Two people in ten frames."""
    rows = [(f, i, 100 * i, 50, 40, 100, 1, 1, 1) for f in range(1, 11) for i in (1, 2)]
    return write(tmp_path / "gt.txt", rows)


def result(tmp_path, rows):
    return write(tmp_path / "result.txt", [(f, i, x, 50, 40, 100, 0.9, -1, -1, -1) for f, i, x in rows])


def test_perfect_tracks(truth, tmp_path):
    rows = [(f, i, 100 * i) for f in range(1, 11) for i in (1, 2)]
    row = judge({"a": SequenceFiles(truth, result(tmp_path, rows), 10)})["a"]
    for metric in ("HOTA", "MOTA", "IDF1", "IDP", "IDR", "recall", "precision"):
        assert row[metric] == pytest.approx(100)
    assert (row["FP"], row["FN"], row["IDSW"], row["MT"]) == (0, 0, 0, 2)


def test_counts_by_hand(truth, tmp_path):
    """Person 1 changes its id after frame 5; person 2 is missed in two frames; one false box."""
    rows = [(f, 1 if f <= 5 else 7, 100) for f in range(1, 11)] + [(f, 2, 200) for f in range(1, 9)] + [(3, 9, 400)]
    row = judge({"a": SequenceFiles(truth, result(tmp_path, rows), 10)})[COMBINED]
    assert (row["FP"], row["FN"], row["IDSW"]) == (1, 2, 1)
    assert row["MOTA"] == pytest.approx(100 * (1 - 4 / 20))
    # 5 + 8 boxes under the right id, of 19 given and 20 true ones.
    assert row["IDF1"] == pytest.approx(100 * 2 * 13 / (19 + 20))


def test_an_empty_result_is_a_result(truth, tmp_path):
    row = judge({"a": SequenceFiles(truth, result(tmp_path, []), 10)})["a"]
    assert (row["FN"], row["MOTA"]) == (20, 0)


def test_faults_are_named(truth, tmp_path):
    with pytest.raises(NanomotError, match=r"none\.txt"):
        judge({"a": SequenceFiles(truth, tmp_path / "none.txt", 10)})
    with pytest.raises(NanomotError, match="no sequence"):
        judge({})
    with pytest.raises(NanomotError, match="timesteps"):
        judge({"a": SequenceFiles(truth, result(tmp_path, [(11, 1, 100)]), 10)})
    with pytest.raises(NanomotError, match="same ID more than once"):
        judge({"a": SequenceFiles(truth, result(tmp_path, [(1, 1, 100), (1, 1, 200)]), 10)})
