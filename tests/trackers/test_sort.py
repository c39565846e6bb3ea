"""SORT's own rules for when a track is reported."""

from __future__ import annotations

from nanomot import Detections, create_tracker

BOX = [[100.0, 100, 150, 250]]


def reported(pattern, **options):
    """Whether each frame reports the person; ``pattern`` says in which frames it is detected."""
    tracker = create_tracker("sort", **options)
    frames = [Detections(BOX, [0.9]) if seen else Detections.empty() for seen in pattern]
    return [len(tracker.update(found)) for found in frames]


def test_the_first_frames_report_at_once():
    assert reported([1, 1, 1]) == [1, 1, 1]


def test_later_births_wait_for_three_more_detections():
    assert reported([0, 0, 0, 1, 1, 1, 1, 1]) == [0, 0, 0, 0, 0, 0, 1, 1]


def test_a_missed_frame_costs_two_more():
    """The streak begins anew with the detection that finds the track again."""
    assert reported([1, 1, 1, 1, 1, 0, 1, 1, 1, 1]) == [1, 1, 1, 1, 1, 0, 0, 0, 1, 1]


def test_min_hits_is_a_parameter():
    assert reported([0, 0, 0, 1, 1], min_hits=0) == [0, 0, 0, 1, 1]
