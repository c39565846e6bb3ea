from __future__ import annotations

import cv2
import numpy as np
import pytest

from nanomot.detections import Detections
from nanomot.errors import NanomotError
from nanomot.roi import RegionOfInterest


def standing_at(*feet: tuple[float, float]) -> Detections:
    """Boxes of 10 x 20 pixels whose bottom centre is at ``feet``."""
    boxes = [[x - 5.0, y - 20.0, x + 5.0, y] for x, y in feet]
    return Detections(np.array(boxes).reshape(-1, 4), np.full(len(boxes), 0.5))


def test_feet_inside_a_polygon_count():
    region = RegionOfInterest.parse("100,100 300,100 300,200 100,200")
    feet = [(200, 150), (50, 150), (200, 210), (200, 90), (105, 105), (299, 199)]
    assert region.keep(standing_at(*feet), 640, 480).tolist() == [True, False, False, False, True, True]


@pytest.mark.parametrize(
    "text", ["10,10;90,10;90,90", "10,10,90,10,90,90", " 10 10  90 10 90 90 ", "10,10 90,10 90,90,"]
)
def test_polygons_are_read_with_any_separator(text):
    region = RegionOfInterest.parse(text)
    assert region.keep(standing_at((80, 30), (20, 80)), 100, 100).tolist() == [True, False]


def test_fractions_follow_the_picture():
    region = RegionOfInterest.parse("0.5,0 1,0 1,1 0.5,1")
    assert region.keep(standing_at((60, 50), (40, 50)), 100, 100).tolist() == [True, False]
    assert region.keep(standing_at((60, 50), (140, 50)), 200, 100).tolist() == [False, True]
    np.testing.assert_allclose(region.outlines(200, 100)[0], [[100, 0], [200, 0], [200, 100], [100, 100]])


def test_concave_polygon():
    region = RegionOfInterest.parse("0,0 100,0 100,100 50,20 0,100")
    assert region.keep(standing_at((50, 60), (10, 60), (90, 60)), 200, 200).tolist() == [False, True, True]


@pytest.mark.parametrize("polygon", ["0,0 639,0 639,479 0,479", "0,0 1,0 1,1 0,1", "-50,-50 900,-50 900,900 -50,900"])
def test_whole_picture_keeps_feet_beyond_its_border(polygon):
    region = RegionOfInterest.parse(polygon)
    feet = [(0, 480), (640, 480), (-30, 500), (700, 0), (320, 240)]
    assert region.keep(standing_at(*feet), 640, 480).all()


def test_agrees_with_the_signed_distance_of_opencv():
    rng = np.random.default_rng(1)
    corners = np.array([[30, 40], [180, 20], [150, 160], [90, 90], [20, 170]])
    region = RegionOfInterest.parse(" ".join(f"{x},{y}" for x, y in corners))
    feet = rng.uniform(0, 199, (500, 2))
    kept = region.keep(standing_at(*feet), 200, 200)
    distance = np.array(
        [cv2.pointPolygonTest(corners.astype(np.float32), tuple(map(float, foot)), True) for foot in feet]
    )
    clear = np.abs(distance) > 1.5
    assert clear.sum() > 400
    assert (kept[clear] == (distance[clear] > 0)).all()


def test_mask_image_is_stretched_to_the_picture(tmp_path):
    mask = np.zeros((10, 20), np.uint8)
    mask[:, 10:] = 1
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    region = RegionOfInterest.parse(tmp_path / "mask.png")
    assert region.keep(standing_at((399, 50), (401, 50)), 800, 400).tolist() == [False, True]
    (outline,) = region.outlines(800, 400)
    assert outline.min(axis=0).tolist() == [400, 0]
    assert outline.max(axis=0).tolist() == [799, 399]


def test_no_detections():
    assert RegionOfInterest.parse("0,0 9,0 9,9").keep(Detections.empty(), 10, 10).shape == (0,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mask.png", "neither an existing file nor a polygon"),
        ("", "neither an existing file nor a polygon"),
        ("10,a 20,30 40,50", "neither an existing file nor a polygon"),
        ("10,10 20", "not a list of points"),
        ("10,10 nan,20 30,30", "not a list of points"),
        ("10,10 20,20", "has 2 points"),
        ("10,10 20,20 30,30", "encloses no area"),
        ("10,10 10,10 10,10", "encloses no area"),
    ],
)
def test_what_is_no_region_is_an_error(text, reason):
    with pytest.raises(NanomotError, match=reason):
        RegionOfInterest.parse(text)


def test_mask_that_is_not_a_picture(tmp_path):
    for content in (b"", b"words"):
        (tmp_path / "mask.png").write_bytes(content)
        with pytest.raises(NanomotError, match=r"mask\.png: is not a picture"):
            RegionOfInterest.parse(tmp_path / "mask.png")


def test_region_outside_the_picture_warns_once(caplog):
    region = RegionOfInterest.parse("1000,1000 1100,1000 1100,1100")
    for _ in range(3):
        assert not region.keep(standing_at((50, 50)), 100, 100).any()
    assert len(caplog.records) == 1


def test_needs_exactly_one_description():
    with pytest.raises(NanomotError, match="either a polygon or a mask"):
        RegionOfInterest()
