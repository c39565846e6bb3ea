"""The scene's truth is checked against its own pixels; the crowd against its parameters."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from nanomot.boxes import intersection_matrix, iou_matrix
from nanomot.errors import NanomotError
from nanomot.synthetic import Scene, crowd, crowd_with_truth


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(seed=0, frames=150, width=320, height=180, people=5)


def painted(scene: Scene, empty: Scene, index: int) -> np.ndarray:
    """Where people are: the same seed without people has the same street and the same noise."""
    difference = scene.render(index).astype(int) - empty.render(index)
    return np.abs(difference).sum(axis=2) > 24


def test_same_seed_same_pictures_and_truth_in_any_order(scene: Scene) -> None:
    again = Scene(seed=0, frames=150, width=320, height=180, people=5)
    for index in (149, 3, 80):
        np.testing.assert_array_equal(scene.render(index), again.render(index))
        np.testing.assert_array_equal(scene.truth(index).boxes, again.truth(index).boxes)
    other = Scene(seed=1, frames=150, width=320, height=180, people=5)
    assert np.mean(np.abs(other.render(80).astype(int) - scene.render(80))) > 5


def test_a_longer_scene_begins_like_a_shorter_one(scene: Scene) -> None:
    longer = Scene(seed=0, frames=900, width=320, height=180, people=5)
    np.testing.assert_array_equal(longer.render(140), scene.render(140))
    np.testing.assert_array_equal(longer.truth(140).ids, scene.truth(140).ids)


def test_iterating_renders_every_frame(scene: Scene) -> None:
    frames = list(itertools.islice(scene, 3))
    assert len(scene) == 150
    assert frames[2].shape == (180, 320, 3)
    assert frames[2].dtype == np.uint8
    np.testing.assert_array_equal(frames[2], scene.render(2))


def test_first_second_is_empty_then_people_come(scene: Scene) -> None:
    assert all(len(scene.truth(index)) == 0 for index in range(25))
    assert max(len(scene.truth(index)) for index in range(60, 150)) >= 3


def test_boxes_of_single_figures_fit_their_pixels(scene: Scene) -> None:
    empty = Scene(seed=0, frames=150, width=320, height=180, people=0)
    checked = 0
    for index in range(40, 150, 4):
        truth = scene.truth(index)
        grown = truth.boxes + np.array([-16, -16, 16, 16])
        crowded = intersection_matrix(grown, truth.boxes) > 0
        mask = painted(scene, empty, index)
        for box, near in zip(truth.boxes, crowded.sum(axis=1), strict=True):
            x1, y1, x2, y2 = box
            if near > 1 or x1 < 20 or x2 > 300:
                continue
            # The shadow lies around the feet, so that edges are measured above it.
            bottom = round(y2 - 0.09 * (y2 - y1))
            around = mask[max(0, int(y1) - 12) : bottom, int(x1) - 12 : int(x2) + 12]
            ys, xs = np.nonzero(around)
            assert ys.min() + max(0, int(y1) - 12) == pytest.approx(y1, abs=2.0)
            assert xs.min() + int(x1) - 12 >= x1 - 2.0
            assert xs.max() + int(x1) - 11 <= x2 + 2.0
            assert xs.max() - xs.min() > 0.55 * (x2 - x1)
            checked += 1
    assert checked >= 10


def test_nearer_figures_hide_farther_ones() -> None:
    scene = Scene(seed=0, frames=220, people=8)
    hidden = 0
    for index in range(40, 220, 5):
        truth = scene.truth(index)
        assert np.all((truth.visibility >= 0) & (truth.visibility <= 1))
        if len(truth) == 0:
            continue
        # In perspective the lowest feet belong to the nearest person, whom nobody hides.
        nearest = np.argmax(truth.boxes[:, 3])
        x1, _, x2, y2 = truth.boxes[nearest]
        if x1 > 1 and x2 < 639 and y2 < 359:
            assert truth.visibility[nearest] > 0.9
        hidden += int(np.sum(truth.visibility < 0.6))
    assert hidden > 10


def test_people_walk_steadily_and_ids_never_return() -> None:
    scene = Scene(seed=4, frames=1500, width=160, height=90, people=3)
    last_seen: dict[int, int] = {}
    last_place: dict[int, float] = {}
    for index in range(1500):
        truth = scene.truth(index)
        for box, person in zip(truth.boxes, truth.ids.tolist(), strict=True):
            centre = (box[0] + box[2]) / 2
            if person in last_seen:
                assert last_seen[person] == index - 1
                assert abs(centre - last_place[person]) < 8
            last_seen[person], last_place[person] = index, centre
    assert len(last_seen) > 12
    assert min(last_seen) == 1


def test_some_people_stop_for_a_while() -> None:
    scene = Scene(seed=0, frames=600)
    places: dict[int, list[float]] = {}
    for index in range(0, 600, 5):
        truth = scene.truth(index)
        for box, person in zip(truth.boxes, truth.ids.tolist(), strict=True):
            places.setdefault(person, []).append(float(box[3]))
    standing = [person for person, rows in places.items() if np.any(np.diff(rows, n=4) == 0) and len(set(rows)) > 5]
    assert standing


def test_written_truth_is_the_truth(scene: Scene, tmp_path: Path) -> None:
    target = tmp_path / "new" / "gt.txt"
    scene.write_truth(target)
    rows = np.loadtxt(target, delimiter=",", ndmin=2)
    assert rows.shape[1] == 9
    assert rows[:, 0].min() > 25
    assert np.all(rows[:, 6:8] == 1)
    truth = scene.truth(119)
    mine = rows[rows[:, 0] == 120]
    np.testing.assert_array_equal(mine[:, 1], truth.ids)
    np.testing.assert_allclose(mine[:, 2:4] + mine[:, 4:6], truth.boxes[:, 2:], atol=0.02)
    np.testing.assert_allclose(mine[:, 8], truth.visibility, atol=0.001)
    assert [entry.name for entry in target.parent.iterdir()] == ["gt.txt"]


def test_truth_that_cannot_be_written_is_one_sentence(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NanomotError, match=r"gt\.txt: the ground truth cannot be written"):
        scene.write_truth(tmp_path / "file" / "gt.txt")


@pytest.mark.parametrize("options", [{"frames": 0}, {"width": 10}, {"fps": 0.0}, {"people": -1}])
def test_impossible_scenes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(NanomotError, match="Scene: needs"):
        Scene(**options)  # type: ignore[arg-type]


def test_frames_beyond_the_end_are_refused(scene: Scene) -> None:
    with pytest.raises(NanomotError, match="frame 150 does not exist"):
        scene.render(150)


def test_perfect_crowd_reports_everybody_once() -> None:
    for detections, boxes, ids in crowd_with_truth(40, 20, seed=3, miss=0.0, low=0.0, false=0.0):
        assert len(detections) == len(boxes) == len(set(ids.tolist())) == 40
        best = iou_matrix(boxes, detections.boxes).max(axis=1)
        assert best.min() > 0.6
        assert detections.scores.min() >= 0.5


def test_crowd_faults_happen_as_often_as_asked() -> None:
    frames = list(crowd_with_truth(200, 60, seed=1, miss=0.2, low=0.3, false=0.1))
    count = np.mean([len(detections) for detections, _, _ in frames])
    assert count == pytest.approx(200 * (0.8 + 0.1), rel=0.03)
    low = np.mean([np.mean(detections.scores < 0.4) for detections, _, _ in frames])
    assert low == pytest.approx((0.8 * 0.3 + 0.1 * 0.6) / 0.9, abs=0.03)


def test_crowd_comes_and_goes_with_new_ids() -> None:
    frames = crowd_with_truth(30, 400, seed=5, lifetime=60)
    sets = [set(ids.tolist()) for _, _, ids in frames]
    alive: set[int] = set()
    gone: set[int] = set()
    for ids in sets:
        gone |= alive - ids
        assert not gone & ids
        alive = ids
    assert len(gone) > 100


def test_crowd_is_deterministic_endless_and_changes_slowly() -> None:
    first = [detections.boxes for detections in crowd(50, 5, seed=9)]
    second = [detections.boxes for detections in itertools.islice(crowd(50, seed=9), 5)]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    truths = [(boxes, ids) for _, boxes, ids in crowd_with_truth(50, 2, seed=9)]
    stayed = truths[0][1] == truths[1][1]
    moved = np.abs(truths[1][0][stayed] - truths[0][0][stayed]).max()
    assert 0 < moved < 25


@pytest.mark.parametrize("options", [{"objects": -1}, {"miss": 1.5}, {"low": -0.1}, {"false": -1.0}, {"width": 0.0}])
def test_impossible_crowds_are_refused_at_once(options: dict[str, float]) -> None:
    with pytest.raises(NanomotError, match="crowd"):
        crowd_with_truth(**options)  # type: ignore[arg-type]


def test_empty_crowd_yields_empty_frames() -> None:
    assert [len(detections) for detections in crowd(0, 3)] == [0, 0, 0]
