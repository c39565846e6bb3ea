from __future__ import annotations

import numpy as np
import pytest

from nanomot.warps import (
    farthest_move,
    from_small_picture,
    no_motion,
    unlikely_motion,
    warp_boxes,
    warp_points,
    warp_scale,
)
from tests.cameras import camera_move
from tests.strategies import random_boxes

SIZE = (640, 480)


def test_points_and_boxes_follow():
    warp = np.array([[2.0, 0, 10], [0, 2, -5]])
    np.testing.assert_array_equal(warp_points(np.array([[1.0, 2.0]]), warp), [[12, -1]])
    boxes = random_boxes(np.random.default_rng(0), 5)
    corners = warp_points(boxes.reshape(-1, 2), warp).reshape(-1, 4)
    np.testing.assert_allclose(warp_boxes(boxes, warp), corners)
    np.testing.assert_allclose(warp_boxes(boxes, no_motion()), boxes)


def test_turned_boxes_keep_their_size():
    boxes = np.array([[300.0, 200, 340, 280]])
    turned = warp_boxes(boxes, camera_move(degrees=30.0))
    np.testing.assert_allclose(turned[:, 2:] - turned[:, :2], [[40, 80]])
    centre = warp_points(np.array([[320.0, 240]]), camera_move(degrees=30.0))
    np.testing.assert_allclose((turned[:, :2] + turned[:, 2:]) / 2, centre)


def test_the_scale_is_that_of_lengths():
    assert warp_scale(camera_move(degrees=12.0, zoom=1.1, x=4.0)) == pytest.approx(1.1)


def test_the_farthest_corner_counts():
    assert farthest_move(no_motion(), SIZE) == 0
    assert farthest_move(camera_move(x=3.0, y=4.0), SIZE) == pytest.approx(5)
    assert farthest_move(camera_move(zoom=1.01), SIZE) == pytest.approx(4)


def test_a_small_pictures_matrix_in_the_whole_picture():
    """What the matrix says of the centre of a small pixel holds where that pixel lies in the whole picture."""
    scale = np.array([0.25, 0.2])
    small = np.array([[1.01, 0.02, 3.0], [-0.02, 0.99, -2.0]])
    indices = np.random.default_rng(0).uniform(0, 100, (20, 2))
    whole = from_small_picture(small, scale)
    np.testing.assert_allclose(warp_points((indices + 0.5) / scale, whole), (warp_points(indices, small) + 0.5) / scale)
    np.testing.assert_allclose(from_small_picture(no_motion(), scale), no_motion(), atol=1e-12)


@pytest.mark.parametrize(
    ("warp", "words"),
    [
        (camera_move(degrees=10.0, zoom=1.15, x=100.0), ""),
        (camera_move(zoom=1.25), "zoom"),
        (camera_move(zoom=0.8), "zoom"),
        (np.diag([1.0, 0.5, 0.0])[:2], "zoom"),
        (np.diag([-1.0, 1.0, 0.0])[:2], "zoom"),
        (camera_move(degrees=-16.0), "turn by -16 degrees"),
        (camera_move(x=300.0), "shift by 300 pixels"),
        (np.full((2, 3), np.nan), "no finite motion"),
    ],
)
def test_what_no_camera_does(warp, words):
    said = unlikely_motion(warp, SIZE)
    assert words in said if words else said == ""
