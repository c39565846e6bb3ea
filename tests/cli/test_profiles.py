"""``--profile``: settings that go together, under whatever the user says himself."""

import pytest

from detectors.imgsz import parse_imgsz
from nanomot.cli.main import build_parser, parse
from nanomot.cli.profiles import profiles, take_profile
from nanomot.trackers import create_tracker


@pytest.mark.parametrize("verb", ["track", "val", "detect"])
@pytest.mark.parametrize("name", profiles())
def test_every_profile_is_one_that_runs(verb, name):
    args = parse(build_parser(), [verb, "--profile", name])
    take_profile(args)
    assert (args.model, args.imgsz) == (profiles()[name]["model"], profiles()[name]["imgsz"])
    parse_imgsz(args.imgsz)
    create_tracker(profiles()[name]["tracking_method"])


def test_what_the_user_says_wins():
    args = parse(build_parser(), ["track", "--profile", "accurate", "--model", "mine.onnx", "--tracker", "sort"])
    take_profile(args)
    assert (args.model, args.imgsz, args.tracking_method) == ("mine.onnx", "auto*2.07", "sort")


def test_an_unknown_profile_is_named(capsys):
    with pytest.raises(SystemExit):
        parse(build_parser(), ["track", "--profile", "quick"])
    assert "fast" in capsys.readouterr().err
