from __future__ import annotations

from dataclasses import fields

import pytest

from nanomot import NanomotError, create_tracker, tracker_names
from nanomot.resources import load_yaml
from nanomot.trackers import TRACKERS
from nanomot.trackers.parameters import config_path


@pytest.mark.parametrize("name", TRACKERS)
def test_the_shipped_file_names_every_parameter(name):
    values = load_yaml(config_path(name))
    modes = values.pop("modes", {})
    names = {field.name for field in fields(TRACKERS[name].parameter_class)}
    assert set(values) == names
    for overrides in modes.values():
        assert set(overrides) <= names


def test_overrides_win_over_the_file_and_the_file_over_the_mode(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mode: reference\nfallback: true\npromote_iou: 0.7\n")
    parameters = create_tracker("nanotrack", config=path, promote_iou=0.6).parameters
    assert (parameters.inclusive_pixels, parameters.fallback, parameters.promote_iou) == (True, True, 0.6)


def test_a_file_may_bring_modes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("modes:\n  bold:\n    track_threshold: 0.2\n")
    assert create_tracker("sort", config=path, mode="bold").parameters.track_threshold == 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"match_treshold": 0.5}, "did you mean 'match_threshold'"),
        ({"zzz": 0.5}, "known are"),
        ({"match_threshold": 1.5}, "between 0 and 1"),
        ({"match_threshold": "high"}, "must be a float"),
        ({"match_threshold": True}, "must be a float"),
        ({"depth_levels": 2.5}, "must be a int"),
        ({"rhd": 1}, "true or false"),
        ({"mode": "refrence"}, "did you mean 'reference'"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(NanomotError) as caught:
        create_tracker("nanotrack", **options)
    assert words in str(caught.value)


def test_whole_numbers_are_fine_for_fractions():
    assert create_tracker("sort", track_threshold=0).parameters.track_threshold == 0.0


def test_unknown_tracker():
    with pytest.raises(NanomotError, match="did you mean 'bytetrack'"):
        create_tracker("byetrack")


def test_plugins_are_found(monkeypatch):
    import nanomot.trackers as trackers

    made = {}

    class Entry:
        name = "mine"

        @staticmethod
        def load():
            return lambda **options: made.update(options) or "a tracker"

    monkeypatch.setattr(trackers, "entry_points", lambda group: [Entry()] if group == "nanomot.trackers" else [])
    assert "mine" in tracker_names()
    assert create_tracker("mine", speed=3) == "a tracker"
    assert made["speed"] == 3
    with pytest.raises(NanomotError, match="did you mean 'mine'"):
        create_tracker("mines")


def test_missing_values_are_named():
    from nanomot.trackers.parameters import build

    with pytest.raises(NanomotError, match="no value is given for track_threshold"):
        build(TRACKERS["sort"].parameter_class, {}, "sort")
