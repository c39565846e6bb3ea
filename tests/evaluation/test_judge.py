from __future__ import annotations

import numpy as np
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
    with pytest.raises(NanomotError, match=r"result\.txt, line 1: frame 11"):
        judge({"a": SequenceFiles(truth, result(tmp_path, [(11, 1, 100)]), 10)})
    with pytest.raises(NanomotError, match=r"result\.txt, line 2: id 1 occurs twice"):
        judge({"a": SequenceFiles(truth, result(tmp_path, [(1, 1, 100), (1, 1, 200)]), 10)})


def test_large_ids_need_no_memory_and_blank_lines_no_care(truth, tmp_path):
    rows = [(f, i * 10**15, 100 * i) for f in range(1, 11) for i in (1, 2)]
    path = result(tmp_path, rows)
    path.write_text("\ufeff\n" + path.read_text().replace("\n", ",\n\n"), encoding="utf-8")
    assert judge({"a": SequenceFiles(truth, path, 10)})["a"]["HOTA"] == pytest.approx(100)


def test_files_that_name_nobody_are_told(truth, tmp_path, caplog):
    rows = [(f, 1, 100) for f in range(1, 11)]
    assert judge({"a": SequenceFiles(truth, result(tmp_path, rows), 10)})
    assert not caplog.records
    judge({"a": SequenceFiles(truth, write(tmp_path / "empty.txt", []), 10)})
    assert f"{tmp_path / 'empty.txt'}: this result file is empty" in caplog.text
    # Class 13 is a crowd: a region in which nobody is counted.
    crowd = write(tmp_path / "crowd.txt", [(1, 1, 100, 50, 40, 100, 1, 13, 1)])
    judge({"a": SequenceFiles(crowd, result(tmp_path, rows), 10)})
    assert f"{crowd}: this ground truth names nobody" in caplog.text


def test_classes_are_those_of_the_benchmark(tmp_path):
    """MOT15 has coordinates where others have classes."""
    truth = write(tmp_path / "gt.txt", [(f, 1, 100, 50, 40, 100, 1, 55.5, 1, 0) for f in range(1, 11)])
    files = {"a": SequenceFiles(truth, result(tmp_path, [(f, 1, 100) for f in range(1, 11)]), 10)}
    assert judge(files, benchmark="MOT15")["a"]["HOTA"] == pytest.approx(100)
    with pytest.raises(NanomotError, match=r"gt\.txt, line 1: class 55\.5 is none"):
        judge(files)


def test_figures_are_those_of_trackevals_own_reader(tmp_path):
    """Distractors, rows that do not count, gaps, unsorted rows and ids of every size."""
    rng = np.random.default_rng(3)
    truth, found = [], []
    for frame in range(1, 41):
        for person in range(1, 9):
            left, top = 90 * person + rng.normal(0, 2), 50 + rng.normal(0, 2)
            truth.append((frame, person, left, top, 40, 100, int(person != 3), 8 if person == 5 else 1, 0.5))
            if rng.random() < 0.85:
                track = 1000 * person + (frame > 20) * (person % 2)
                found.append((frame, track, left + rng.normal(0, 6), top, 41.5, 98.25, 0.9, -1, -1, -1))
    rng.shuffle(found)
    write(tmp_path / "gt.txt", truth)
    write(tmp_path / "result.txt", [(int(row[0]), int(row[1]), *row[2:]) for row in found])
    row = judge({"a": SequenceFiles(tmp_path / "gt.txt", tmp_path / "result.txt", 40)})["a"]

    from trackeval.datasets import MotChallenge2DBox
    from trackeval.metrics import CLEAR, HOTA, Identity

    for source, place in (("gt.txt", "truth/a/gt/gt.txt"), ("result.txt", "trackers/x/data/a.txt")):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text((tmp_path / source).read_text())
    folders = {"GT_FOLDER": str(tmp_path / "truth"), "TRACKERS_FOLDER": str(tmp_path / "trackers")}
    dataset = MotChallenge2DBox({**folders, "SKIP_SPLIT_FOL": True, "SEQ_INFO": {"a": 40}, "PRINT_CONFIG": False})
    data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("x", "a"), "pedestrian")
    hota, clear, identity = (metric().eval_sequence(data) for metric in (HOTA, CLEAR, Identity))
    assert row["HOTA"] == 100 * float(np.mean(hota["HOTA"]))
    assert row["MOTA"] == 100 * clear["MOTA"]
    assert (row["IDSW"], row["FP"], row["Frag"]) == (clear["IDSW"], clear["CLR_FP"], clear["Frag"])
    assert row["IDF1"] == 100 * identity["IDF1"]
    assert 0 < row["IDSW"] < row["FP"]
