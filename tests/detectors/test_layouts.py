from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detectors.layouts import find_strides, recognise, select, sigmoid
from detectors.manifest import Manifest, parse_manifest
from detectors.registry import RECOGNISERS
from nanomot.errors import NanomotError
from tests.detectors.graphs import cell_rows

SIZE = (64, 96)
THREE, FOUR = (8, 16, 32), (8, 16, 32, 64)
FAR = 40.0
"""A logit that leaves the other bins no weight."""


def head_of(outputs: list[np.ndarray], size: tuple[int, int] = SIZE, **manifest: Any):
    return recognise(RECOGNISERS, [o.shape for o in outputs], size, parse_manifest(manifest, "test"), "model")


def family(*shapes: tuple[int, ...], size: tuple[int, int] = (416, 416), **manifest: Any) -> tuple[str, int]:
    head = recognise(RECOGNISERS, shapes, size, parse_manifest(manifest, "test"), "model")
    return head.family, head.num_classes


def bins_for(distances: list[int], bins: int) -> np.ndarray:
    """Distribution logits whose means are whole numbers of strides, left, top, right, bottom."""
    logits = np.zeros((4, bins), dtype=np.float32)
    logits[np.arange(4), distances] = FAR
    return logits.ravel()


B_416 = [(1, 2704, 80), (1, 676, 80), (1, 169, 80), (1, 2704, 32), (1, 676, 32), (1, 169, 32)]
GRIDS = {8: (52, 52), 16: (26, 26), 32: (13, 13), 64: (7, 7)}


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(1, 3598, 112)], ("nanodet-plus", 80)),
        ([(1, 3598, 33)], ("nanodet-plus", 1)),
        ([(1, 3549, 112)], ("nanodet", 80)),
        ([(1, 3549, 124)], ("nanodet", 80)),
        ([(1, 3549, 33)], ("nanodet", 1)),
        (B_416, ("nanodet", 80)),
        ([B_416[i] for i in (3, 0, 5, 1, 4, 2)], ("nanodet", 80)),
        ([shape[1:] for shape in B_416], ("nanodet", 80)),
        ([(1, n, k) for k in (80, 4) for n in (2704, 676, 169)], ("nanodet", 80)),
        ([(1, n, k) for k in (80, 44) for n in (2704, 676, 169)], ("nanodet", 80)),
        ([(1, n, k) for k in (1, 32) for n in (2704, 676, 169)], ("nanodet", 1)),
        ([(1, n, k) for k in (2, 12) for n in (2704, 676, 169)], ("nanodet", 2)),
        ([(1, n, k) for k in (80, 32) for n in (2704, 676, 169, 49)], ("picodet", 80)),
        ([(80, *GRIDS[s]) for s in THREE] + [(*GRIDS[s], 32) for s in THREE], ("nanodet", 80)),
        ([(1, *GRIDS[s]) for s in FOUR] + [(*GRIDS[s], 32) for s in FOUR], ("nanodet-plus", 1)),
        ([(1, 32, *GRIDS[s]) for s in FOUR] + [(1, *GRIDS[s], 32) for s in FOUR], ("nanodet-plus", 32)),
        ([(1, 3549, 85)], ("yolox", 80)),
        ([(1, 3549, 6)], ("yolox", 1)),
        ([(1, 3549, 25)], ("yolox", 20)),
        ([(1, 10647, 85)], ("yolov5", 80)),
        ([(1, 10647, 6)], ("yolov5", 1)),
        ([(1, 84, 3549)], ("yolov8", 80)),
        ([(1, 5, 3549)], ("yolov8", 1)),
        ([(1, 85, 26, 26)], ("fastestdet", 80)),
    ],
)
def test_families_are_recognised_from_shapes_alone(shapes, expected) -> None:
    assert family(*shapes) == expected


@pytest.mark.parametrize(
    ("shapes", "keys"),
    [
        ([(1, 3598, 14)], ("classes", "reg_max", "2 classes with reg_max 2")),
        ([(1, 3549, 60)], ("family", "nanodet and yolox")),
        ([(1, n, k) for k in (4, 32) for n in (2704, 676, 169)], ("classes", "reg_max")),
        ([(1, n, k) for k in (8, 12) for n in (2704, 676, 169)], ("classes", "reg_max")),
        ([(1, n, 32) for n in (2704, 676, 169) for _ in range(2)], ("equally wide",)),
    ],
)
def test_a_real_ambiguity_is_an_error_that_names_the_key(shapes, keys) -> None:
    with pytest.raises(NanomotError) as error:
        family(*shapes)
    for key in keys:
        assert key in str(error.value)


@pytest.mark.parametrize(
    ("shapes", "manifest", "expected"),
    [
        ([(1, 3598, 14)], {"reg_max": 2}, ("nanodet-plus", 2)),
        ([(1, 3598, 14)], {"classes": ["a", "b"]}, ("nanodet-plus", 2)),
        ([(1, 3598, 112)], {"classes": 68}, ("nanodet-plus", 68)),
        ([(1, 3549, 60)], {"family": "yolox"}, ("yolox", 55)),
        ([(1, 3549, 60)], {"classes": 28}, ("nanodet", 28)),
        ([(1, 3549, 60)], {"classes": 55}, ("yolox", 55)),
        ([(1, 3549, 112)], {"family": "nanodet-plus"}, ("nanodet-plus", 80)),
        ([(1, n, k) for k in (4, 32) for n in (2704, 676, 169)], {"classes": 32}, ("nanodet", 32)),
        ([(1, n, k) for k in (80, 32) for n in (2704, 676, 169)], {"family": "picodet"}, ("picodet", 80)),
        ([(1, 25, 26, 26)], {"classes": 20}, ("fastestdet", 20)),
        ([(1, 845, 112)], {"strides": [16, 32]}, ("nanodet", 80)),
    ],
)
def test_a_manifest_settles_what_shapes_leave_open(shapes, manifest, expected) -> None:
    assert family(*shapes, **manifest) == expected


@pytest.mark.parametrize(
    ("shapes", "manifest"),
    [
        ([(1, 512)], {}),
        ([(1, 1000, 1, 1)], {}),
        ([(1, 96, 26, 26)], {}),
        ([(1, 300, 6)], {}),
        ([(1, 2, 3598, 112)], {}),
        ([(1, 2704, 80), (1, 676, 80)], {}),
        ([(1, 2704, 80), (1, 2704, 32), (1, 676, 80), (1, 676, 44)], {}),
        ([(1, 2704, 3), (1, 2704, 5)], {}),
        ([(1, 84, 3549), (1, 32, 104, 104)], {}),
        ([(1, 3598, 112)], {"classes": 81}),
        ([(1, 84, 3549)], {"classes": 79}),
        ([(1, 10647, 85)], {"classes": 79}),
        ([(1, 85, 26, 26)], {"classes": 79}),
        ([(1, 3549, 85)], {"family": "picodet"}),
    ],
)
def test_other_layouts_are_refused_with_their_shapes(shapes, manifest) -> None:
    with pytest.raises(NanomotError, match=r"known output layout.*\["):
        family(*shapes, **manifest)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(NanomotError, match="'nanodat' is not one of"):
        family((1, 3598, 112), family="nanodat")


def joined(size, strides, classes, bins, cell, distances, score, class_id):
    """One [1, N, C + 4R] table with one box: at ``cell`` = (stride, row, column)."""
    starts = cell_rows(size, strides)
    table = np.zeros((1, starts[0], classes + 4 * bins), dtype=np.float32)
    stride, row, column = cell
    at = starts[stride] + row * -(-size[1] // stride) + column
    table[0, at, class_id] = score
    table[0, at, classes:] = bins_for(distances, bins)
    return [table]


@pytest.mark.parametrize(
    ("strides", "manifest", "anchor"),
    [
        (FOUR, {}, (3 * 16, 2 * 16)),
        (THREE, {}, (3.5 * 16, 2.5 * 16)),
        (THREE, {"family": "nanodet-plus"}, (3 * 16, 2 * 16)),
        (FOUR, {"cell_offset": 0.5}, (3.5 * 16, 2.5 * 16)),
    ],
)
def test_joined_output_gives_the_box_worked_out_by_hand(strides, manifest, anchor) -> None:
    outputs = joined(SIZE, strides, 80, 8, (16, 2, 3), [1, 2, 3, 0], 0.75, 17)
    found = head_of(outputs, **manifest).decode(outputs, 0.5, None, False)
    x, y = anchor
    np.testing.assert_allclose(found.boxes, [[x - 16, y - 32, x + 48, y]], atol=1e-3)
    np.testing.assert_allclose(found.scores, [0.75])
    assert found.class_ids.tolist() == [17]


def test_a_distribution_between_two_bins_has_its_mean() -> None:
    outputs = joined(SIZE, FOUR, 3, 3, (8, 0, 0), [0, 0, 1, 2], 0.9, 2)
    outputs[0][0, 0, 3 + 6 : 3 + 9] = [np.log(1), np.log(2), np.log(1)]
    found = head_of(outputs, reg_max=2).decode(outputs, 0.5, None, False)
    np.testing.assert_allclose(found.boxes, [[0, 0, 8, 16]], atol=1e-3)


def test_split_outputs_give_the_same_boxes_in_any_order_and_form() -> None:
    whole = joined(SIZE, THREE, 80, 8, (32, 1, 2), [1, 1, 1, 1], 0.6, 0)
    expected = head_of(whole, family="nanodet").decode(whole, 0.5, None, False)
    starts = cell_rows(SIZE, THREE)
    spans = [(starts[8], starts[16]), (starts[16], starts[32]), (starts[32], starts[0])]
    scores = [whole[0][:, a:b, :80] for a, b in spans]
    sides = [whole[0][:, a:b, 80:] for a, b in spans]
    grids = [(-(-SIZE[0] // s), -(-SIZE[1] // s)) for s in THREE]
    integrated = []
    for part in sides:
        weights = np.exp(part.reshape(1, -1, 4, 8))
        integrated.append((weights * np.arange(8)).sum(3) / weights.sum(3))
    forms = {
        "by kind": [*scores, *sides],
        "interleaved, backwards": [x for pair in zip(scores, sides, strict=True) for x in pair][::-1],
        "without batch": [x[0] for x in (*sides, *scores)],
        "integrated": [*integrated, *scores],
        "in place": [s[0].T.reshape(80, *g) for s, g in zip(scores, grids, strict=True)]
        + [d[0].reshape(*g, 32) for d, g in zip(sides, grids, strict=True)],
    }
    for name, outputs in forms.items():
        found = head_of(outputs).decode(outputs, 0.5, None, False)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3, err_msg=name)
        np.testing.assert_allclose(found.scores, expected.scores, err_msg=name)
    np.testing.assert_allclose(
        expected.boxes, [[2.5 * 32 - 32, 1.5 * 32 - 32, 2.5 * 32 + 32, 1.5 * 32 + 32]], atol=1e-3
    )


def test_class_logits_are_seen_by_their_range_and_pass_the_sigmoid() -> None:
    outputs = joined(SIZE, FOUR, 80, 8, (8, 1, 1), [1, 1, 1, 1], 2.0, 4)
    outputs[0][0, :, :80] -= 4.0
    outputs[0][0, 13, 4] = 2.0
    head = head_of(outputs)
    assert head.score_range(outputs) == (-4.0, 2.0)
    found = head.decode(outputs, 0.5, None, True)
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-2.0))], rtol=1e-6)
    assert len(head.decode(outputs, 0.89, None, True).scores) == 0


def test_yolox_rows_are_decoded_on_their_grid() -> None:
    starts = cell_rows(SIZE, THREE)
    table = np.zeros((1, starts[0], 7), dtype=np.float32)
    table[0, starts[16] + 1 * 6 + 4] = [0.5, 0.25, np.log(2), np.log(3), 0.8, 0.1, 0.9]
    found = head_of([table]).decode([table], 0.1, None, False)
    np.testing.assert_allclose(found.boxes, [[72 - 16, 20 - 24, 72 + 16, 20 + 24]], rtol=1e-5)
    np.testing.assert_allclose(found.scores, [0.72], rtol=1e-5)
    assert found.class_ids.tolist() == [1]
    table[0, :, :4] = [40, 30, 20, 10]
    pixels = head_of([table], decoded=True).decode([table], 0.1, None, False)
    np.testing.assert_allclose(pixels.boxes, [[30, 25, 50, 35]])


def test_yolov5_scores_are_objectness_times_class() -> None:
    table = np.zeros((1, 3 * cell_rows(SIZE, THREE)[0], 8), dtype=np.float32)
    table[0, 7] = [40, 30, 20, 10, 0.5, 0.9, 0.3, 0.1]
    table[0, 9] = [40, 30, 20, 10, 0.05, 1.0, 1.0, 1.0]
    head = head_of([table])
    found = head.decode([table], 0.1, None, False)
    np.testing.assert_allclose(found.scores, [0.45, 0.15], rtol=1e-6)
    assert found.class_ids.tolist() == [0, 1]
    np.testing.assert_allclose(found.boxes, [[30, 25, 50, 35]] * 2)
    only = head.decode([table], 0.1, np.array([1]), False)
    assert only.class_ids.tolist() == [1]


def test_yolov5_logits_are_multiplied_as_probabilities() -> None:
    table = np.full((1, 3 * cell_rows(SIZE, THREE)[0], 6), -9.0, dtype=np.float32)
    table[0, 3] = [40, 30, 20, 10, 0.0, 0.0]
    found = head_of([table]).decode([table], 0.2, None, True)
    np.testing.assert_allclose(found.scores, [0.25], rtol=1e-6)


def test_yolov8_columns_hold_boxes_and_class_scores() -> None:
    table = np.zeros((1, 7, cell_rows(SIZE, THREE)[0]), dtype=np.float32)
    table[0, :, 11] = [40, 30, 20, 10, 0.2, 0.7, 0.05]
    head = head_of([table])
    found = head.decode([table], 0.1, None, False)
    np.testing.assert_allclose(found.boxes, [[30, 25, 50, 35]] * 2)
    assert sorted(zip(found.class_ids.tolist(), found.scores.astype(float).round(3).tolist(), strict=True)) == [
        (0, 0.2),
        (1, 0.7),
    ]
    one = head.decode([table], 0.1, np.array([1]), False)
    assert (one.class_ids.tolist(), one.scores.tolist()) == ([1], [pytest.approx(0.7)])
    assert head.score_range([table]) == (0.0, pytest.approx(0.7))


def test_fastestdet_reports_a_cell_for_its_best_class_only() -> None:
    table = np.zeros((1, 7, 4, 6), dtype=np.float32)
    table[0, :, 1, 2] = [0.81, 0.0, 0.0, 0.0, 0.0, 0.3, 0.64]
    head = head_of([table], family="fastestdet")
    found = head.decode([table], 0.1, None, False)
    np.testing.assert_allclose(found.scores, [0.81**0.6 * 0.64**0.4], rtol=1e-5)
    np.testing.assert_allclose(found.boxes, [[32 - 24, 16 - 16, 32 + 24, 16 + 16]], rtol=1e-5)
    assert len(head.decode([table], 0.1, np.array([0]), False).scores) == 0
    assert head.score_range([table]) == (0.0, pytest.approx(0.81))


def test_fastestdet_keeps_a_box_s_pixels_at_another_input_size() -> None:
    table = np.zeros((1, 6, 8, 12), dtype=np.float32)
    table[0, :, 0, 0] = [1, 0, 0, 0, 0, 1]
    found = head_of([table], (128, 192), imgsz=[64, 96], classes=1).decode([table], 0.1, None, False)
    np.testing.assert_allclose(found.boxes, [[-24, -16, 24, 16]], rtol=1e-5)


def test_picodet_is_anchored_at_the_centre_on_rounded_up_grids() -> None:
    size = (96, 96)
    outputs = []
    for kind in (5, 32):
        for stride in FOUR:
            outputs.append(np.zeros((1, (-(-96 // stride)) ** 2, kind), dtype=np.float32))
    outputs[3][0, 3, 2] = 0.9
    outputs[7][0, 3] = bins_for([1, 1, 1, 1], 8)
    found = head_of(outputs, size).decode(outputs, 0.5, None, False)
    np.testing.assert_allclose(found.boxes, [[96 - 64, 96 - 64, 96 + 64, 96 + 64]], atol=1e-2)


def test_select_reads_wanted_columns_and_counts_what_is_no_number() -> None:
    scores = np.array([[0.9, 0.2], [np.nan, 0.8], [0.1, np.nan]], dtype=np.float32)
    rows, ids, values, broken = select(scores, 0.2, None)
    assert rows.tolist() == [0, 0, 1]
    assert ids.tolist() == [0, 1, 1]
    assert broken == 2
    assert select(scores, 0.2, np.array([1]))[3] == 1
    assert values.tolist() == pytest.approx([0.9, 0.2, 0.8])


@pytest.mark.parametrize(("conf", "count"), [(0.0, 2), (1.0, 0)])
def test_the_ends_of_the_floor_work_on_logits(conf, count) -> None:
    assert len(select(np.array([[-90.0], [5.0]], dtype=np.float32), conf, None, True)[0]) == count


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, 1e4])), [0.0, 0.5, 1.0])


def test_level_sets_use_rounded_up_grids() -> None:
    assert find_strides(3598, (416, 416), Manifest()) == FOUR
    assert find_strides(3549, (416, 416), Manifest()) == THREE
    assert find_strides(3600, (416, 416), Manifest()) is None
