"""The published NanoTrack's modules in small hand-made scenes.

The published program has effects that its formulae do not suggest. The mode ``reference`` keeps those that shape its
results, and each is shown here; faults without influence on results (ids shared by all instances, frozen classes,
lists that grow for ever) are not kept and are ruled out in ``test_invariants``.
"""

from __future__ import annotations

import numpy as np
import pytest

from nanomot import Detections, create_tracker

PERSON = np.array([[100.0, 100, 200, 300]])
# Moved by 48 of 100 pixels: IoU 52 / 148 = .351.
NEIGHBOUR = PERSON + [48.0, 0, 48, 0]


def feed(tracker, frames):
    return [tracker.update(Detections(np.vstack(boxes), scores)) for boxes, scores in frames]


def published(**options):
    return create_tracker("nanotrack", mode="reference", **options)


def warmed(name="nanotrack", **options):
    """A tracker that has followed PERSON for five frames."""
    tracker = published(**options) if name == "nanotrack" else create_tracker(name, **options)
    feed(tracker, [([PERSON], [0.9])] * 5)
    return tracker


@pytest.mark.parametrize(("name", "born"), [("nanotrack", False), ("sparsetrack", True), ("bytetrack", True)])
def test_dtc_blocks_every_birth_near_a_track(name, born):
    last = feed(warmed(name), [([PERSON, NEIGHBOUR], [0.9, 0.85])] * 30)[-1]
    assert (len(last) == 2) is born


def test_without_dtc_the_neighbour_is_born():
    assert len(feed(warmed(dtc=False), [([PERSON, NEIGHBOUR], [0.9, 0.85])] * 3)[-1]) == 2


@pytest.mark.parametrize(("name", "delay"), [("nanotrack", 32), ("sparsetrack", 1)])
def test_dtc_counts_lost_tracks_too(name, delay):
    """The neighbour waits until the ghost of the person who left is forgotten."""
    # IoU x score = .18 is too little to be taken for the person, .351 enough to be called its duplicate.
    tracks = feed(warmed(name), [([NEIGHBOUR], [0.5])] * 40)
    reported = [index for index, row in enumerate(tracks) if len(row)]
    assert reported[0] == delay


def test_dtc_counts_the_tentative_track_that_dies_in_the_same_frame():
    for dtc, born in ((True, 0), (False, 1)):
        tracker = published(dtc=dtc)
        tracker.update(Detections.empty())
        feed(tracker, [([PERSON], [0.9]), ([NEIGHBOUR], [0.5])])
        assert len(tracker.table) == born


def test_promotion_starves_the_box_that_it_promotes():
    """A promoted box leaves the second stage, and the first needs IoU x score of .2."""
    weak = [([PERSON], [0.15])]
    assert len(feed(warmed(), weak)[-1]) == 0
    assert len(feed(warmed(rhd=False), weak)[-1]) == 1


def test_the_fallback_feeds_it():
    tracks = feed(warmed(fallback=True), [([PERSON], [0.15])] * 20)
    assert all(row.ids.tolist() == [1] and row.detection_indices.tolist() == [0] for row in tracks)


def test_promotion_chains_from_one_high_frame():
    """Promoted boxes are remembered as high ones, so that each promotes the next: a birth per frame without DTC."""
    tracker = warmed(dtc=False)
    for _ in range(10):
        feed(tracker, [([PERSON], [0.15])])
        assert tracker.table.born.max() == tracker.frame


@pytest.mark.parametrize(("score", "reported"), [(0.29, 0), (0.31, 38)])
def test_recycled_boxes_need_a_score_to_be_confirmed(score, reported):
    tracks = feed(published(), [([PERSON], [score])] * 40)
    assert sum(len(row) for row in tracks) == reported


def test_without_rhd_low_boxes_are_never_born():
    tracks = feed(published(rhd=False), [([PERSON], [0.31])] * 40)
    assert sum(len(row) for row in tracks) == 0


@pytest.mark.parametrize(("options", "reported"), [({}, 0), ({"open_thresholds": False}, 1)])
def test_a_score_on_the_threshold(options, reported):
    """Published: it belongs to no stage. With closed thresholds it is high."""
    assert len(published(**options).update(Detections(PERSON, [0.45]))) == reported


@pytest.mark.parametrize(("options", "reported"), [({}, 0), ({"open_thresholds": False}, 1)])
def test_a_score_on_the_floor(options, reported):
    assert len(feed(warmed(rhd=False, **options), [([PERSON], [0.1])])[-1]) == reported


def test_levels_decide_between_rivals():
    """Two tracks want one low box: with levels the near track is asked first, without them the better overlap wins."""
    far, near = np.array([[100.0, 90, 200, 290]]), np.array([[100.0, 110, 200, 320]])
    between = np.array([[100.0, 98, 200, 302]])
    winners = []
    for levels in (1, 3):
        tracker = published(rhd=False, dtc=False, depth_levels_low=levels)
        feed(tracker, [([far, near], [0.9, 0.9])] * 5)
        winners.append(feed(tracker, [([between], [0.2])])[-1].ids.tolist())
    assert winners == [[1], [2]]
