from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import pytest

from nanomot import NanomotError, create_tracker, tracker_names
from nanomot.resources import load_yaml
from nanomot.trackers import MODES, TRACKERS
from nanomot.trackers.parameters import (
    Fraction,
    Frames,
    Range,
    Search,
    SearchRange,
    build,
    config_path,
    load_values,
    search_ranges,
)

METHODS = {**TRACKERS, **MODES}


@pytest.mark.parametrize("name", METHODS)
def test_the_shipped_file_names_every_parameter(name):
    values = load_yaml(config_path(name))
    modes = values.pop("modes", {})
    names = {field.name for field in fields(METHODS[name].parameter_class)}
    assert set(values) == names
    for overrides in modes.values():
        assert overrides in MODES if isinstance(overrides, str) else set(overrides) <= names


def test_modes_that_are_methods_belong_to_a_tracker():
    """A mode of its own is chosen by a shipped file; without that nobody could ask for it."""
    chosen = [mode for name in TRACKERS for mode in load_yaml(config_path(name)).get("modes", {}).values()]
    assert {mode for mode in chosen if isinstance(mode, str)} == set(MODES)


def test_a_mode_may_be_a_method_with_parameters_of_its_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mode: reference\n")
    for options in ({"mode": "reference"}, {"config": path}):
        tracker = create_tracker("nanotrack", **options)
        assert type(tracker) is MODES["nanotrack-reference"]
        assert load_values("nanotrack", options.get("config"), options.get("mode"), {})[0] == "nanotrack-reference"
    assert type(create_tracker("nanotrack")) is TRACKERS["nanotrack"]
    assert load_values("nanotrack", None, None, {})[0] == "nanotrack"


def test_parameters_of_the_other_method_are_unknown_and_the_mode_is_named():
    with pytest.raises(NanomotError, match=r"^nanotrack: there is no parameter 'fallback'"):
        create_tracker("nanotrack", fallback=True)
    with pytest.raises(NanomotError, match=r"^nanotrack-reference: there is no parameter 'birth_threshold'"):
        create_tracker("nanotrack", mode="reference", birth_threshold=0.5)


def test_a_files_own_mode_is_not_a_method(tmp_path):
    """Only shipped files name methods; what a user's file maps a mode to must be parameters."""
    path = tmp_path / "mine.yaml"
    path.write_text("modes:\n  old: nanotrack-reference\n")
    with pytest.raises(NanomotError, match=r"mine\.yaml: modes must map names to parameters"):
        create_tracker("nanotrack", config=path)


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
        ({"birth_treshold": 0.5}, "did you mean 'birth_threshold'"),
        ({"zzz": 0.5}, "known are"),
        ({"birth_threshold": 1.5}, "between 0 and 1"),
        ({"birth_threshold": "high"}, "must be a float"),
        ({"birth_threshold": True}, "must be a float"),
        ({"tentative_misses": 2.5}, "must be a int"),
        ({"mode": "reference", "depth_levels": 2.5}, "must be a int"),
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
    with pytest.raises(NanomotError, match="no value is given for track_threshold"):
        build(TRACKERS["sort"].parameter_class, {}, "sort")


@dataclass(frozen=True)
class Parameters:
    share: Fraction
    frames: Frames
    narrowed: Annotated[Fraction, Search(0.2, 0.6)]
    scale: Annotated[float, Search(0.01, 10.0, log=True)]
    free: float
    count: Annotated[int, Range(0, 10**6)]
    switch: bool
    name: str


def test_where_parameters_are_searched():
    found = search_ranges(Parameters)
    assert list(found) == ["share", "frames", "narrowed", "scale", "free", "count", "switch"]
    assert [name for name, where in found.items() if not where.narrow] == ["free", "count"]
    assert found["share"] == SearchRange(float, 0.0, 1.0, False, Range(0.0, 1.0))
    assert found["narrowed"] == SearchRange(float, 0.2, 0.6, False, Range(0.0, 1.0))
    assert (found["scale"].low, found["scale"].high, found["scale"].log) == (0.01, 10.0, True)
    assert (found["frames"].kind, found["frames"].limits) == (int, Range(0, 1_000_000))
    assert found["switch"].kind is bool
    # A search holds the value that it starts from; a scale that reaches 0 is none.
    assert found["narrowed"].holding(0.5) == found["narrowed"]
    assert (found["narrowed"].holding(0.9).high, found["narrowed"].holding(0.1).low) == (0.9, 0.1)
    assert found["scale"].holding(20.0).log
    assert not found["scale"].holding(0.0).log
    values = dict.fromkeys(("share", "frames", "narrowed", "scale", "free", "count"), 0)
    assert build(Parameters, {**values, "switch": True, "name": "x"}, "it").scale == 0.0


@pytest.mark.parametrize("name", METHODS)
def test_every_number_of_ours_has_a_range_to_search(name):
    parameter_class = METHODS[name].parameter_class
    found = search_ranges(parameter_class)
    assert set(found) == {field.name for field in fields(parameter_class)}
    assert all(where.narrow for where in found.values())
