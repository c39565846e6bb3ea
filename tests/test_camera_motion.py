from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot import Detections, NanomotError, create_tracker
from nanomot.camera_motion import CAMERA_MOTIONS, EccMotion, SparseFlow, create_camera_motion
from nanomot.video.frames import Frame
from nanomot.warps import farthest_move, warp_points
from tests.cameras import HEIGHT, IDENTITY, WIDTH, camera_move, seen, texture

KINDS = ["sparse", "ecc"]
each_kind = pytest.mark.parametrize("kind", KINDS)


def error(found, true, width=WIDTH, height=HEIGHT):
    """The largest distance, in pixels, between where the two put a corner of the picture."""
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=float)
    return np.linalg.norm(warp_points(corners, found) - warp_points(corners, true), axis=1).max()


def moved(estimator, canvas, warp, **size):
    estimator.reset()
    estimator.update(seen(canvas, **size))
    return estimator.update(seen(canvas, warp, **size))


CANVAS = texture()


@each_kind
@settings(max_examples=25, deadline=None)
@given(
    degrees=st.floats(-3, 3),
    zoom=st.floats(0.96, 1.04),
    x=st.floats(-25, 25),
    y=st.floats(-25, 25),
)
def test_pan_zoom_and_turn_are_recovered(kind, degrees, zoom, x, y):
    true = camera_move(degrees, zoom, x, y)
    estimator = create_camera_motion(kind)
    found = moved(estimator, CANVAS, true)
    assert estimator.failures == 0
    # Half a pixel of the small picture, on which everything is measured.
    small = WIDTH / min(estimator.longest_side, WIDTH)
    assert error(found, true) < 0.5 * small or (
        np.array_equal(found, IDENTITY) and farthest_move(true, (WIDTH, HEIGHT)) < 0.5 * small
    )


@each_kind
def test_large_pictures_are_measured_in_their_own_pixels(kind):
    """The shift is scaled back, and half a small pixel is no systematic error."""
    size = {"width": 1920, "height": 1080}
    canvas = texture(1, margin=200, **size)
    for true in (camera_move(x=37.0, y=-21.0, **size), camera_move(degrees=1.5, zoom=1.03, x=-20.0, **size)):
        assert error(moved(create_camera_motion(kind), canvas, true, **size), true, **size) < 1.5


def test_a_pure_zoom_leaves_the_centre_where_it_is():
    """Wrong conventions about pixel centres show as a shift of the centre."""
    true = camera_move(zoom=1.05)
    found = moved(SparseFlow(longest_side=160), texture(2), true)
    centre = np.array([WIDTH, HEIGHT]) / 2
    np.testing.assert_allclose(warp_points(centre, found), centre, atol=0.25)


@each_kind
def test_a_camera_that_stands_still_gives_exactly_the_identity(kind):
    rng = np.random.default_rng(0)
    estimator = create_camera_motion(kind)
    scene = seen(CANVAS).astype(float)
    for brightness in (0, 1, -2, 3, 0, 2):
        noisy = np.clip(scene + rng.normal(0, 4, scene.shape) + brightness, 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(estimator.update(noisy), IDENTITY)
    assert estimator.clear
    assert estimator.failures == 0


@each_kind
def test_a_move_within_the_noise_is_none(kind):
    np.testing.assert_array_equal(moved(create_camera_motion(kind), CANVAS, camera_move(x=0.27)), IDENTITY)


@each_kind
def test_a_bus_that_passes_is_no_camera_motion(kind):
    """Something textured covers more than half of the picture and moves; nobody has told its box."""
    estimator, bus = create_camera_motion(kind), texture(7)
    for step in range(6):
        picture = seen(CANVAS).copy()
        picture[40:440, 60 + 12 * step : 480 + 12 * step] = bus[100:500, 100:520]
        np.testing.assert_array_equal(estimator.update(picture), IDENTITY)


@each_kind
def test_what_boxes_cover_is_left_out(kind):
    """Nearly all of the picture is one thing that moves one way, the camera goes the other: the box decides."""
    thing, true = texture(8), camera_move(x=-8.0)
    estimator = create_camera_motion(kind)
    box = np.array([[0.0, 120, 640, 480]])
    views = []
    for step, warp in enumerate((IDENTITY, true)):
        picture = seen(CANVAS, warp).copy()
        picture[120:] = thing[100:460, 100 - 8 * step : 740 - 8 * step]
        views.append(picture)
    estimator.update(views[0], box)
    assert error(estimator.update(views[1], box), true) < 1.5
    estimator.reset()
    estimator.update(views[0])
    assert error(estimator.update(views[1]), true) > 5


@each_kind
@pytest.mark.parametrize(
    "pictures",
    [
        pytest.param([np.zeros((480, 640, 3), np.uint8)] * 3, id="black"),
        pytest.param([np.full((480, 640, 3), 128, np.uint8)] * 3, id="uniform"),
        pytest.param([seen(CANVAS), seen(CANVAS)[:400], seen(CANVAS)[:300]], id="other size"),
        pytest.param([seen(CANVAS), np.zeros((480, 640, 3), np.uint8), seen(CANVAS)], id="a black frame between"),
        pytest.param([seen(CANVAS)[:20, :20]] * 3, id="tiny"),
        pytest.param([np.zeros((1, 1, 3), np.uint8)] * 3, id="one pixel"),
        pytest.param([seen(texture(seed)) for seed in (3, 4, 5)], id="cuts"),
    ],
)
def test_what_cannot_be_said_is_the_identity_and_one_warning(kind, pictures, caplog):
    estimator = create_camera_motion(kind)
    with caplog.at_level(logging.WARNING):
        for picture in pictures:
            np.testing.assert_array_equal(estimator.update(picture), IDENTITY)
            assert not estimator.clear
    assert estimator.failures == 2
    assert len(caplog.records) == 1
    assert "frame 2" in caplog.text


@each_kind
def test_implausible_motions_are_refused(kind):
    for true in (camera_move(zoom=1.3), camera_move(degrees=20.0)):
        np.testing.assert_array_equal(moved(create_camera_motion(kind), texture(9, margin=240), true), IDENTITY)


@each_kind
def test_boxes_over_everything_leave_nothing_to_see(kind):
    estimator = create_camera_motion(kind)
    everywhere = np.array([[-10.0, -10, 700, 500]])
    estimator.update(seen(CANVAS), everywhere)
    np.testing.assert_array_equal(estimator.update(seen(CANVAS, camera_move(x=10.0)), everywhere), IDENTITY)
    assert estimator.failures == 1


@each_kind
def test_a_lost_frame_is_bridged(kind):
    estimator = create_camera_motion(kind)
    estimator.update(seen(CANVAS))
    np.testing.assert_array_equal(estimator.update(None), IDENTITY)
    true = camera_move(x=9.0, y=4.0)
    assert error(estimator.update(seen(CANVAS, true)), true) < 1.5


@each_kind
def test_equal_inputs_give_equal_outputs_and_reset_forgets(kind):
    views = [seen(CANVAS, camera_move(x=6.0 * step, degrees=0.3 * step)) for step in range(5)]
    one, other = create_camera_motion(kind), create_camera_motion(kind)
    expected = [one.update(view) for view in views]
    np.testing.assert_array_equal(expected[0], IDENTITY)
    assert not np.array_equal(expected[1], IDENTITY)
    looks = [other.look(view) for view in views]  # the first half may be far ahead of the second
    np.testing.assert_array_equal([other.estimate(look) for look in looks], expected)
    one.reset()
    np.testing.assert_array_equal([one.update(view) for view in views], expected)


@each_kind
def test_grey_pictures_and_unchanged_inputs(kind):
    colour = [seen(CANVAS), seen(CANVAS, camera_move(x=6.0))]
    grey = [cv2.cvtColor(view, cv2.COLOR_BGR2GRAY) for view in colour]
    before = [view.copy() for view in grey]
    boxes = np.array([[10.0, 10, 50, 90]])
    results = []
    for views in (colour, grey):
        estimator = create_camera_motion(kind)
        results.append([estimator.update(view, boxes) for view in views])
    np.testing.assert_array_equal(results[0], results[1])
    for view, copy in zip(grey, before, strict=True):
        np.testing.assert_array_equal(view, copy)


@each_kind
def test_the_callers_array_may_be_written_to_again(kind):
    expected, buffered = create_camera_motion(kind), create_camera_motion(kind)
    buffer = np.empty((HEIGHT // 4, WIDTH // 4), np.uint8)
    for step in range(4):
        view = cv2.cvtColor(seen(CANVAS, camera_move(x=-2.0 * step)), cv2.COLOR_BGR2GRAY)[: HEIGHT // 4, : WIDTH // 4]
        buffer[:] = view
        np.testing.assert_array_equal(buffered.update(buffer), expected.update(view))
        buffer[:] = 0
    assert expected.failures == 0


@pytest.mark.parametrize("function", ["calcOpticalFlowPyrLK", "estimateAffinePartial2D"])
def test_failures_of_opencv_are_survived(monkeypatch, function, caplog):
    def fail(*_, **__):
        error = cv2.error("out of memory")
        error.err = "out of memory"
        raise error

    estimator = SparseFlow()
    estimator.update(seen(CANVAS))
    with monkeypatch.context() as patch:
        patch.setattr(cv2, function, fail)
        np.testing.assert_array_equal(estimator.update(seen(CANVAS, camera_move(x=9.0))), IDENTITY)
    assert "out of memory" in caplog.text
    estimator.update(seen(CANVAS, camera_move(x=9.0)))
    assert error(estimator.update(seen(CANVAS, camera_move(x=18.0))), camera_move(x=9.0)) < 1


def test_names():
    assert create_camera_motion("none") is None
    assert isinstance(create_camera_motion("sparse", longest_side=320), SparseFlow)
    assert isinstance(create_camera_motion("ecc"), EccMotion)
    assert CAMERA_MOTIONS == ("none", "sparse", "ecc")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("sift", {}, "none, sparse, ecc"),
        ("sparse", {"speed": 3}, "speed"),
        ("none", {"longest_side": 100}, "no camera motion 'none'"),
        ("sparse", {"longest_side": 8}, "at least 32"),
        ("sparse", {"cell": 1}, "cell must be"),
    ],
)
def test_mistakes_are_named(name, options, words):
    with pytest.raises(NanomotError, match=words):
        create_camera_motion(name, **options)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((10, 10, 3)),
        np.zeros((10,), np.uint8),
        "picture",
        np.zeros((0, 5), np.uint8),
        np.zeros((9, 9, 2), np.uint8),
    ],
)
def test_wrong_pictures_are_named(frame):
    with pytest.raises(NanomotError, match="uint8 pictures"):
        SparseFlow().update(frame)


def test_wrong_boxes_are_named():
    with pytest.raises(NanomotError, match=r"shape \(N, 4\)"):
        SparseFlow().update(seen(CANVAS), np.zeros((3, 6)))


@pytest.mark.shared
@pytest.mark.slow
@each_kind
def test_real_cameras_that_stand_still(kind, shared):
    from nanomot.video.sources import open_source

    data = shared / "data"
    for place in (data / "video" / "vtest.avi", data / "mot" / "MOT17" / "train" / "MOT17-09-FRCNN"):
        estimator = create_camera_motion(kind)
        with open_source(place) as source:
            warps = np.array([estimator.update(frame.image) for frame in source])
        assert (warps == IDENTITY).all(axis=(1, 2)).mean() > 0.99


@pytest.mark.shared
@pytest.mark.slow
@each_kind
def test_a_real_camera_that_moves(kind, shared, tmp_path):
    """A walk through Sunny Day: fewer switches and better identities than without."""
    from nanomot.evaluation import SequenceFiles, judge
    from nanomot.video.sinks import MotWriter
    from nanomot.video.sources import open_source

    stored = np.load(shared / "data" / "detections" / "nanodet-plus-m_416" / "ETH-Sunnyday.npz")
    keep = stored["scores"] >= 0.1
    truth = shared / "data" / "mot" / "MOT15" / "train" / "ETH-Sunnyday" / "gt" / "gt.txt"
    numbers, boxes, scores = stored["frame"][keep], stored["boxes_xyxy"][keep], stored["scores"][keep]
    found = [Detections(boxes[numbers == number], scores[numbers == number]) for number in range(1, 355)]
    estimator = create_camera_motion(kind)
    with open_source(shared / "data" / "video" / "ETH-Sunnyday.mp4") as source:
        views = [estimator.look(frame.image) for frame in source]
    warps = [estimator.estimate(view, now.boxes[now.scores >= 0.3]) for view, now in zip(views, found, strict=True)]
    assert estimator.failures < 10
    rows = {}
    for camera in (True, False):
        tracker, result = create_tracker("sort"), tmp_path / f"{camera}.txt"
        writer = MotWriter(result)
        for index, (now, warp) in enumerate(zip(found, warps, strict=True)):
            tracks = tracker.update(now, time=index / 14, warp=warp if camera else None)
            writer.write(Frame(index, index / 14, np.zeros((1, 1, 3), np.uint8)), tracks)
        writer.close()
        rows[camera] = judge({"a": SequenceFiles(truth, result, 354)}, benchmark="MOT15")["a"]
    assert rows[True]["IDF1"] > rows[False]["IDF1"] + 1
    assert rows[True]["IDSW"] < rows[False]["IDSW"] - 4
