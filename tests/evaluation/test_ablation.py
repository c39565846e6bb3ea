"""What an ablation compares: one tracker, and the same with one part after the other switched off."""

import math

import numpy as np
import pytest

from nanomot import Detections, create_tracker, tracker_names
from nanomot.crowd import crowd
from nanomot.evaluation.ablation import WITHOUT_CAMERA, ablated
from nanomot.evaluation.runner import TrackerSpec


def made(spec):
    return create_tracker(spec.name, mode=spec.mode, config=spec.config, **spec.overrides)


def boxes_of(spec, frames):
    tracker = made(spec)
    return np.concatenate([tracker.update(found, time=index / 30).boxes for index, found in enumerate(frames)])


def panned(index, found):
    """What a camera sees that turns to and fro."""
    moved = 300.0 * math.sin(index / 12)
    return Detections(found.boxes + [moved, 0.0, moved, 0.0], found.scores)


@pytest.mark.parametrize(("name", "mode"), [*((name, None) for name in tracker_names()), ("nanotrack", "reference")])
def test_every_row_is_a_tracker_that_can_be_made(name, mode):
    specs = ablated(TrackerSpec("it", name, mode))
    assert specs[0].label == "it"
    assert len({spec.label for spec in specs}) == len(specs)
    for spec in specs:
        made(spec).update(Detections.empty())


def test_each_part_of_nanotrack_changes_what_comes_out():
    frames = [panned(index, found) for index, found in zip(range(150), crowd(60, seed=4), strict=False)]
    whole, *others = ablated(TrackerSpec("nanotrack", "nanotrack"))
    expected = boxes_of(whole, frames)
    assert len(others) >= 8
    for spec in others:
        found = boxes_of(spec, frames)
        assert found.shape != expected.shape or not np.array_equal(found, expected), spec.label


def test_what_is_off_already_is_left_out():
    labels = [spec.label for spec in ablated(TrackerSpec("n", "nanotrack", overrides={"dtc": False}))]
    assert not [label for label in labels if "DTC" in label]
    assert [label for label in labels if "RHD" in label]


def test_camera_motion_is_a_part_where_it_is_given():
    spec = TrackerSpec("b", "bytetrack")
    assert not [each for each in ablated(spec) if each.label.endswith(WITHOUT_CAMERA)]
    assert [each for each in ablated(spec, camera_motion=True) if each.label.endswith(WITHOUT_CAMERA)]
