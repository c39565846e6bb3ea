"""The search itself, on made-up scores."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from nanomot import NanomotError, create_tracker
from nanomot.evaluation.journal import JOURNAL
from nanomot.evaluation.judge import COMBINED
from nanomot.evaluation.tuning import Tuner, require_optuna
from nanomot.evaluation.tuning_files import parameters_of, write_best
from nanomot.evaluation.tuning_plan import Plan, mean_row
from nanomot.trackers import TRACKERS
from nanomot.trackers.parameters import search_ranges

pytest.importorskip("optuna")

START = {"track_threshold": 0.45, "iou_threshold": 0.3, "min_hits": 3, "track_buffer": 30, "per_class": False}


class Hill:
    """Stands in for sequences: HOTA is highest, 90, at a threshold of .7 and a buffer of 50."""

    def __init__(self, *, height=90.0, stop_after=None):
        self.height, self.stop_after, self.asked = height, stop_after, []

    def rows(self, specs, stop=lambda: False):
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            return None
        self.asked += specs
        return [{COMBINED: self._row(spec.overrides)} for spec in specs]

    def _row(self, values):
        hota = self.height - 60 * abs(values["track_threshold"] - 0.7) - 0.2 * abs(values["track_buffer"] - 50)
        return {"HOTA": hota, "DetA": 1.0, "AssA": 2.0, "MOTA": -50.0, "IDF1": 20.0, "IDSW": 7}


def make_plan(names=("track_threshold", "track_buffer", "per_class"), **options):
    ranges = search_ranges(TRACKERS["sort"].parameter_class)
    return Plan("sort", START, {name: ranges[name] for name in names}, **options)


def trials_of(plan, folder, total, **options):
    folder.mkdir(exist_ok=True)
    with Tuner(plan, folder) as tuner:
        tuner.run(total, Hill(), **options)
        return tuner.trials


def test_the_start_comes_first_and_the_best_is_found(tmp_path):
    plan = make_plan()
    told = []
    with Tuner(plan, tmp_path) as tuner:
        assert tuner.best is None
        assert tuner.run(40, Hill(), on_trial=told.append)
        trials, best = tuner.trials, tuner.best
    assert told == trials
    assert len(trials) == 40
    assert trials[0].values == {name: START[name] for name in plan.searched}
    assert trials[0].score == pytest.approx(71)
    assert trials[0].row["IDSW"] == 7
    assert best.score == max(trial.score for trial in trials) > 80
    for trial in trials:
        create_tracker("sort", **trial.values)
        assert type(trial.values["track_buffer"]) is int
        assert type(trial.values["per_class"]) is bool
        assert trial.values["track_threshold"] == float(f"{trial.values['track_threshold']:.4g}")


def test_the_same_seed_is_the_same_search(tmp_path):
    first, again = (trials_of(make_plan(), tmp_path / name, 14) for name in ("a", "b"))
    other = trials_of(make_plan(seed=1), tmp_path / "c", 3)
    assert first == again
    assert [trial.values for trial in first[:3]] != [trial.values for trial in other]


@pytest.mark.parametrize("stops", [(7, 15), (0, 12, 13)])
def test_an_interrupted_search_gives_the_same_trials(tmp_path, stops):
    plan = make_plan()
    whole = trials_of(plan, tmp_path / "whole", 17)
    folder = tmp_path / "parts"
    folder.mkdir()
    for stop in stops:
        with Tuner(plan, folder) as tuner:
            before = len(tuner.trials)
            assert not tuner.run(17, Hill(stop_after=stop - before + bool(before)))
            assert len(tuner.trials) == stop
        with (folder / JOURNAL).open("a") as journal:
            journal.write('{"op_code": 4, "wor')
    with Tuner(plan, folder) as tuner:
        assert tuner.resumed == (stops[-1] > 0)
        assert tuner.run(17, Hill())
        assert [(t.values, t.score) for t in tuner.trials] == [(t.values, t.score) for t in whole]
        # Nothing is left to do, so nothing is scored.
        assert tuner.run(17, None)


@pytest.mark.parametrize("at", ["asked", "enqueued"])
def test_a_run_that_was_killed_in_a_trial(tmp_path, at):
    plan = make_plan()
    whole = trials_of(plan, tmp_path / "whole", 13)
    folder = tmp_path / "killed"
    folder.mkdir()
    with Tuner(plan, folder) as tuner:
        if at == "enqueued":
            tuner._study.enqueue_trial({name: START[name] for name in plan.searched})
        else:
            tuner.run(12, Hill())
            tuner._ask(12, False)
    with Tuner(plan, folder) as tuner:
        tuner.run(13, Hill())
        assert [trial.values for trial in tuner.trials] == [trial.values for trial in whole]


def test_trials_at_once(tmp_path):
    first, again = (trials_of(make_plan(), tmp_path / name, 14, at_once=4) for name in ("a", "b"))
    assert first == again
    assert len(first) == 14
    assert len({json.dumps(trial.values) for trial in first}) > 11


def test_jitter_moves_floats_by_the_same_in_every_trial(tmp_path):
    plan = make_plan(("track_threshold", "iou_threshold", "track_buffer"), jitter=5)
    hill = Hill()
    with Tuner(plan, tmp_path) as tuner:
        tuner.run(3, hill)
        trials = tuner.trials
    assert len(hill.asked) == 15
    for place, trial in enumerate(trials):
        runs = [spec.overrides for spec in hill.asked[5 * place : 5 * place + 5]]
        assert {run["track_buffer"] for run in runs} == {trial.values["track_buffer"]}
        assert {run["min_hits"] for run in runs} == {3}
        assert trial.score == pytest.approx(sum(hill._row(run)["HOTA"] for run in runs) / 5)
    runs = [[spec.overrides for spec in plan.specs({**START, "iou_threshold": at})] for at in (0.3, 0.6)]
    factors = [[run["iou_threshold"] / at for run in group] for group, at in zip(runs, (0.3, 0.6), strict=True)]
    assert factors[0] == pytest.approx(factors[1])
    assert len(set(factors[0])) == 5
    assert all(0.9 <= factor <= 1.1 for factor in factors[0])
    # Nothing leaves the range that the parameter may have.
    assert (
        max(spec.overrides["track_threshold"] for spec in plan.specs({"track_threshold": 1.0, "iou_threshold": 1.0}))
        == 1
    )


@pytest.mark.parametrize(("objective", "score"), [("HOTA", 71), ("MOTA", -50), ("mean", (71 - 50 + 20) / 3)])
def test_objectives(tmp_path, objective, score):
    assert trials_of(make_plan(objective=objective), tmp_path, 1)[0].score == pytest.approx(score)


def test_scores_below_zero_are_compared_rightly(tmp_path):
    with Tuner(make_plan(), tmp_path) as tuner:
        tuner.run(10, Hill(height=0.0))
        assert tuner.best.score == max(trial.score for trial in tuner.trials) < 0


def test_values_that_the_tracker_refuses_are_a_trial_without_a_score(tmp_path, monkeypatch):
    def choosy(name, **values):
        if values["track_threshold"] > 0.6:
            raise NanomotError("too high")

    monkeypatch.setattr("nanomot.evaluation.tuning.create_tracker", choosy)
    trials = trials_of(make_plan(), tmp_path / "a", 20)
    assert len(trials) == 20
    for trial in trials:
        assert (trial.score is None) == (trial.values["track_threshold"] > 0.6)
    assert any(trial.score is None for trial in trials)
    with (
        Tuner(replace(make_plan(), start={**START, "track_threshold": 0.9}), tmp_path) as tuner,
        pytest.raises(NanomotError, match="too high"),
    ):
        tuner.run(2, Hill())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objective": "MOTA"}, "objective: HOTA there, MOTA here"),
        ({"jitter": 3}, "jitter: 0 there, 3 here"),
        ({"start": {**START, "min_hits": 2}}, "parameters: min_hits is 3 there, 2 here"),
        ({"material": {"sequences": {"A": 1}}}, "sequences: None there"),
    ],
)
def test_a_folder_belongs_to_one_search(tmp_path, change, words):
    trials_of(make_plan(), tmp_path, 2)
    with pytest.raises(NanomotError, match=words):
        Tuner(replace(make_plan(), **change), tmp_path)
    with pytest.raises(NanomotError, match="searched: per_class is"):
        Tuner(make_plan(("track_threshold", "track_buffer")), tmp_path)
    # A refusal gives the folder back.
    with Tuner(make_plan(), tmp_path) as tuner:
        assert len(tuner.trials) == 2
        with pytest.raises(NanomotError, match="another search"):
            Tuner(make_plan(), tmp_path)


@pytest.mark.parametrize("content", ["no journal\nat all\n", '{"op_code": 99}\n{"op_code": 99}\n'])
def test_a_damaged_journal_is_named(tmp_path, content):
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(NanomotError, match=f"{JOURNAL}: is damaged"):
        Tuner(make_plan(), tmp_path)


def test_a_changed_program_is_noticed(tmp_path, caplog):
    trials_of(make_plan(), tmp_path, 3)
    assert not caplog.records
    with Tuner(make_plan(), tmp_path) as tuner:
        tuner.run(4, Hill(height=80.0))
    assert "the program has changed" in caplog.text
    with Tuner(make_plan(), tmp_path) as tuner:
        assert not tuner.run(5, Hill(stop_after=0))


def test_the_file_of_the_best_makes_the_tracker_that_was_tried(tmp_path):
    start = {**START, "min_hits": 1}
    plan = replace(make_plan(("track_threshold", "iou_threshold")), start=start)
    with Tuner(plan, tmp_path) as tuner:
        tuner.run(20, Hill())
        best = tuner.best
    write_best(tmp_path / "best.yaml", plan, best, ["found by\nnobody"])
    text = (tmp_path / "best.yaml").read_text()
    assert text.startswith("# found by nobody\n")
    assert "track_buffer" not in text  # neither searched nor other than shipped
    made = create_tracker("sort", config=tmp_path / "best.yaml").parameters
    assert made == create_tracker("sort", **{**start, **best.values}).parameters
    assert set(parameters_of(plan, best.values)) == {"track_threshold", "iou_threshold", "min_hits"}


def test_means_of_rows():
    rows = [{"HOTA": 1.0, "DetA": 0.0, "AssA": 0.0, "MOTA": 0.0, "IDF1": 0.0, "IDSW": count} for count in (1, 4)]
    assert mean_row(rows)["IDSW"] == 2.5
    assert mean_row(rows[:1]) is rows[0]


def test_without_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NanomotError, match=r'python -m pip install "nanomot\[tune\]"'):
        require_optuna()
