from __future__ import annotations

import numpy as np

from nanomot.boxes import iou_matrix
from nanomot.recycling import LowScoreRecycler


def overlap(boxes, classes, others, other_classes):
    return iou_matrix(boxes, others)


def filled():
    recycler = LowScoreRecycler(promote_iou=0.8, recycle_iou=0.99)
    boxes = np.array([[0.0, 0, 100, 200], [300, 0, 400, 200]])
    recycler.remember(boxes, np.zeros(2, np.int64), np.array([0]), np.array([1]))
    return recycler


def test_promotes_what_repeats_a_high_box():
    low = np.array([[5.0, 0, 105, 200], [12, 0, 112, 200], [300, 0, 400, 200], [310, 0, 410, 200]])
    promoted, recycled = filled().find(low, np.zeros(4, np.int64), overlap)
    # A shift of 5 % keeps IoU .905, one of 12 % only .786; a low box must repeat to the pixel to be recycled.
    assert promoted.tolist() == [True, False, False, False]
    assert recycled.tolist() == [False, False, True, False]


def test_remembers_one_frame_only():
    recycler = filled()
    recycler.remember(np.empty((0, 4)), np.empty(0, np.int64), np.empty(0, np.intp), np.empty(0, np.intp))
    promoted, recycled = recycler.find(np.array([[0.0, 0, 100, 200]]), np.zeros(1, np.int64), overlap)
    assert not promoted.any()
    assert not recycled.any()


def test_reset_forgets():
    recycler = filled()
    recycler.reset()
    assert not recycler.find(np.array([[0.0, 0, 100, 200]]), np.zeros(1, np.int64), overlap)[0].any()
