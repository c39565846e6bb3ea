from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanomot import boxes as bx
from tests.strategies import random_boxes, seeds


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (bx.xyxy_to_tlwh, bx.tlwh_to_xyxy),
        (bx.xyxy_to_cxcywh, bx.cxcywh_to_xyxy),
        (bx.xyxy_to_xyah, bx.xyah_to_xyxy),
        (bx.xyxy_to_xysr, bx.xysr_to_xyxy),
    ],
)
@given(seed=seeds, count=st.integers(0, 20))
def test_formats_convert_back(there, back, seed, count):
    boxes = random_boxes(np.random.default_rng(seed), count)
    before = boxes.copy()
    np.testing.assert_allclose(back(there(boxes)), boxes, atol=1e-8)
    np.testing.assert_array_equal(boxes, before)


def test_formats_by_hand():
    box = np.array([[10.0, 20.0, 30.0, 60.0]])
    np.testing.assert_allclose(bx.xyxy_to_tlwh(box), [[10, 20, 20, 40]])
    np.testing.assert_allclose(bx.xyxy_to_cxcywh(box), [[20, 40, 20, 40]])
    np.testing.assert_allclose(bx.xyxy_to_xyah(box), [[20, 40, 0.5, 40]])
    np.testing.assert_allclose(bx.xyxy_to_xysr(box), [[20, 40, 800, 0.5]])


def test_iou_by_hand():
    a = np.array([[0.0, 0, 10, 10]])
    b = np.array([[5.0, 0, 15, 10], [10, 0, 20, 10], [0, 0, 10, 10], [2, 2, 4, 4]])
    np.testing.assert_allclose(bx.iou_matrix(a, b), [[50 / 150, 0, 1, 4 / 100]])
    # One pixel more on each side: 11 x 11 boxes that share 6, 1, 11 and 3 columns.
    np.testing.assert_allclose(bx.iou_matrix(a, b, inclusive=True), [[66 / (242 - 66), 11 / (242 - 11), 1, 9 / 121]])


@given(seed=seeds, n=st.integers(0, 12), m=st.integers(0, 12))
def test_iou_is_a_similarity(seed, n, m):
    rng = np.random.default_rng(seed)
    a, b = random_boxes(rng, n), random_boxes(rng, m)
    overlaps = bx.iou_matrix(a, b)
    assert overlaps.shape == (n, m)
    assert ((overlaps >= 0) & (overlaps <= 1)).all()
    np.testing.assert_allclose(overlaps, bx.iou_matrix(b, a).T)
    np.testing.assert_allclose(overlaps, bx.iou_matrix(a + 13.0, b + 13.0), atol=1e-9)
    np.testing.assert_allclose(np.diag(bx.iou_matrix(a, a)), 1.0)


def test_touching_includes_shared_borders():
    boxes = np.array([[0.0, 0, 10, 10], [10, 10, 20, 20], [20.5, 0, 30, 10]])
    np.testing.assert_array_equal(bx.touch_matrix(boxes), [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_clipping_keeps_the_input():
    boxes = np.array([[-5.0, -5, 700, 20]])
    np.testing.assert_array_equal(bx.clip_boxes(boxes, 640, 480), [[0, 0, 640, 20]])
    assert boxes[0, 0] == -5.0


def test_areas():
    np.testing.assert_allclose(bx.box_areas(np.array([[1.0, 2, 4, 6]])), [12])


def whole_matrix(a, b):
    return np.array([[bx.iou_matrix(one[None], other[None])[0, 0] for other in b] for one in a]).reshape(len(a), len(b))


@pytest.fixture(params=[True, False], ids=["sweep", "matrix"])
def way(request, monkeypatch):
    """Both ways in which overlaps are listed, whatever the size."""
    size = 1 if request.param else 10**9
    monkeypatch.setattr(bx, "_SWEEP_FROM", size)
    monkeypatch.setattr(bx, "_SCATTER_FROM", size)
    return request.param


@pytest.mark.parametrize("block", [1, 3, 4_000])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=seeds,
    sizes=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    on_grid=st.booleans(),
    above=st.sampled_from([0.0, 1 / 3, 0.5, 0.85]),
)
def test_overlap_pairs_are_the_matrix_without_zeros(way, monkeypatch, block, seed, sizes, on_grid, above):
    monkeypatch.setattr(bx, "_BLOCK", block)
    rng = np.random.default_rng(seed)
    # On a coarse grid edges coincide and boxes touch without overlapping.
    corner, size = (rng.integers(0, 6, (2, sum(sizes), 2)) + [[[0]], [[1]]]).astype(float)
    if not on_grid:
        corner, size = corner + rng.random(corner.shape), size + rng.random(size.shape)
    boxes = np.hstack((corner, corner + size))
    a, b = boxes[: sizes[0]], boxes[sizes[0] :]
    rows, columns, overlaps = bx.overlap_pairs(a, b, above=above)
    listed = np.zeros(sizes)
    listed[rows, columns] = overlaps
    expected = whole_matrix(a, b)
    np.testing.assert_array_equal(listed, np.where(expected > above, expected, 0.0))
    assert len(rows) == np.count_nonzero(expected > above)
    np.testing.assert_array_equal(bx.iou_matrix(a, b), expected)


def test_overlap_pairs_count_pixels_when_asked(way):
    a, b = np.array([[0.0, 0.0, 9.0, 9.0]]), np.array([[9.0, 9.0, 18.0, 18.0], [11.0, 0.0, 20.0, 9.0]])
    assert len(bx.overlap_pairs(a, b)[0]) == 0
    rows, columns, overlaps = bx.overlap_pairs(a, b, inclusive=True)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])
    np.testing.assert_allclose(overlaps, 1 / 199)
    np.testing.assert_array_equal(bx.iou_matrix(a, b, inclusive=True), [[overlaps[0], 0.0]])
