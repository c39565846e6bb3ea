"""Scores in memory are those of ``nanomot val``, and copies of a sequence fit their truth."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from functools import partial

import pytest

from nanomot import NanomotError
from nanomot.evaluation import COMBINED, SequenceFiles, judge, scoring
from nanomot.evaluation.benchmarks import find_sequences, load_benchmark
from nanomot.evaluation.runner import TrackerSpec, track_sequence
from nanomot.evaluation.scoring import COPIES, METRICS, DevSequence, Scorer, Scorers, rows_of
from tests.evaluation.walks import LENGTH, boxes_of, make_walk

SORT = TrackerSpec("sort", "sort", overrides={"min_hits": 1, "track_threshold": 0.6})


def kill_the_process(sequence):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for number in (1, 2):
        make_walk(root / f"MOT17-{number:02d}-FRCNN", number)
    return find_sequences(load_benchmark(str(root)), root, "train")


@pytest.fixture
def devs(sequences):
    boxes = [partial(boxes_of, drop=drop) for drop in (7, 3)]
    return [DevSequence(sequence, "MOT17", found) for sequence, found in zip(sequences, boxes, strict=True)]


def test_rows_are_those_of_the_judge(devs, tmp_path):
    with Scorers(devs) as scorers:
        found, again = scorers.rows([SORT, SORT])
    files = {}
    for dev in devs:
        result = tmp_path / f"{dev.name}.txt"
        track_sequence(dev.sequence, SORT, dev.boxes_of, result)
        files[dev.name] = SequenceFiles(dev.sequence.truth, result, dev.sequence.length)
    wanted = judge(files)
    assert list(found) == list(wanted)
    for name, row in wanted.items():
        assert found[name] == pytest.approx({metric: row[metric] for metric in METRICS}, abs=1e-9)
    assert 0 < found[COMBINED]["MOTA"] < 99
    assert found == again


@pytest.mark.parametrize("copy", ["", *COPIES])
def test_boxes_of_copies_lie_on_their_truth(sequences, copy, tmp_path):
    dev = DevSequence(sequences[0], "MOT17", boxes_of, copy)
    scorer = Scorer(dev, tmp_path)
    stride = {"half": 2, "quarter": 4}.get(copy, 1)
    assert (scorer.sequence.length, scorer.sequence.frame_rate) == (LENGTH // stride, 25 / stride)
    with Scorers([dev]) as scorers:
        row = scorers.rows([SORT])[0][dev.name]
    assert dev.name == f"MOT17-01-FRCNN{'~' if copy else ''}{copy}"
    assert row["MOTA"] > 93
    assert row["IDF1"] > 85


def test_boxes_may_end_before_the_sequence(sequences):
    short = DevSequence(sequences[0], "MOT17", lambda sequence: iter([next(boxes_of(sequence))]))
    with Scorers([short]) as scorers:
        assert scorers.rows([SORT])[0][COMBINED]["MOTA"] < 5


def test_workers_change_nothing_and_their_deaths_are_told(devs, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Scorers(devs) as here, Scorers(devs, 2) as there:
        assert here.rows([SORT]) == there.rows([SORT])
        assert there.rows([SORT], lambda: True) is None
    with (
        Scorers([replace(devs[0], boxes_of=kill_the_process)], 2) as scorers,
        pytest.raises(NanomotError, match="worker process died"),
    ):
        scorers.rows([SORT])
    assert list(tmp_path.iterdir()) == []


def test_what_a_worker_does(devs, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "_worker", None)
    ignored = []
    monkeypatch.setattr(signal, "signal", lambda number, action: ignored.append((number, action)))
    scoring._begin_worker(devs, str(tmp_path))
    assert ignored == [(signal.SIGINT, signal.SIG_IGN)]
    parts = [scoring._score_in_worker(1, SORT) for _ in range(2)]
    with Scorers(devs) as scorers:
        assert rows_of({"it": parts[0]})["it"] == scorers.rows([SORT])[0][devs[1].name]
    assert rows_of({"it": parts[1]}) == rows_of({"it": parts[0]})


def test_a_request_to_stop_is_heard_between_sequences(devs):
    answers = iter([False, True])
    with Scorers(devs) as scorers:
        assert scorers.rows([SORT], lambda: next(answers)) is None
    assert next(answers, "asked twice") == "asked twice"


def test_faults_of_the_truth_are_named(sequences, tmp_path):
    with pytest.raises(NanomotError, match="no ground truth"):
        Scorer(DevSequence(replace(sequences[0], truth=None), "MOT17", boxes_of), tmp_path / "work")
    truth = tmp_path / "gt.txt"
    truth.write_text("1,1,10,10,30,60,1,1,1\n1,one,10,10,30,60,1,1,1\n")
    with pytest.raises(NanomotError, match=r"gt\.txt, line 2"):
        Scorer(DevSequence(replace(sequences[0], truth=truth), "MOT17", boxes_of), tmp_path / "work")
    truth.write_text("1,1,10,10,30,60,1,99,1\n")
    with pytest.raises(NanomotError, match=r"gt\.txt, line 1: class 99"):
        Scorer(DevSequence(replace(sequences[0], truth=truth), "MOT17", boxes_of), tmp_path / "work")


def test_what_trackeval_says_is_kept(sequences, tmp_path, monkeypatch):
    from trackeval.datasets import MotChallenge2DBox
    from trackeval.utils import TrackEvalException

    def refuse(*_):
        raise TrackEvalException("not\nthis one")

    scorer = Scorer(DevSequence(sequences[0], "MOT17", boxes_of), tmp_path / "work")
    monkeypatch.setattr(MotChallenge2DBox, "get_preprocessed_seq_data", refuse)
    with pytest.raises(NanomotError, match=r"gt\.txt: TrackEval cannot judge by it: not this one"):
        scorer.score(SORT)
    path = tmp_path / "empty.txt"
    path.touch()
    with pytest.raises(NanomotError, match="TrackEval cannot judge these files: not this one"):
        judge({"a": SequenceFiles(sequences[0].truth, path, sequences[0].length)})
