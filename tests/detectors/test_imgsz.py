from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.imgsz import ASPECT_TOLERANCE, aspect_error, auto_size, parse_imgsz, pixel_factor
from nanomot.errors import NanomotError


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ("native", "native"),
        (" AUTO ", "auto"),
        ("320x544", (320, 544)),
        ("320,544", (320, 544)),
        ("416", (416, 416)),
        (416, (416, 416)),
        ((320, 544), (320, 544)),
        ([320, 544], (320, 544)),
    ],
)
def test_what_users_write(given_value, expected) -> None:
    assert parse_imgsz(given_value) == expected


@pytest.mark.parametrize(
    "value", ["", "big", "320x", "320x544x3", 417, "320x540", 0, (320,), (320.0, 544.0), "-32", 1.5]
)
def test_what_cannot_be_meant(value) -> None:
    with pytest.raises(NanomotError, match="imgsz"):
        parse_imgsz(value)


@pytest.mark.parametrize(
    ("native", "frame", "expected"),
    [
        ((416, 416), (1080, 1920), (320, 544)),
        ((416, 416), (720, 1280), (320, 544)),
        ((416, 416), (576, 768), (352, 480)),
        ((416, 416), (480, 640), (352, 480)),
        ((416, 416), (1920, 1080), (544, 320)),
        ((416, 416), (500, 500), (416, 416)),
        ((320, 256), (1000, 800), (320, 256)),
    ],
)
def test_known_shapes(native, frame, expected) -> None:
    assert auto_size(native, frame) == expected


@given(st.sampled_from([320, 352, 416, 640]), st.floats(0.4, 2.5))
def test_shapes_keep_pixels_and_aspect(side, aspect) -> None:
    frame = (1000, round(1000 * aspect))
    height, width = auto_size((side, side), frame)
    assert height % 32 == width % 32 == 0
    assert 0.8 < height * width / side**2 < 1.25
    assert aspect_error((height, width), frame) < ASPECT_TOLERANCE


def test_an_extreme_picture_still_gets_a_size() -> None:
    assert auto_size((416, 416), (10, 4000)) == (32, auto_size((416, 416), (10, 4000))[1])


@pytest.mark.parametrize(
    ("factor", "expected"), [("auto*0.66", (256, 448)), ("auto", (320, 544)), ("auto*2.07", (448, 800))]
)
def test_a_factor_changes_the_number_of_pixels(factor, expected):
    assert parse_imgsz(factor.upper()) == factor
    assert auto_size((416, 416), (1080, 1920), pixel_factor(factor)) == expected


@pytest.mark.parametrize("value", ["auto*", "auto*0", "auto*-1", "auto*17", "auto*nan", "auto*1e9", "native*2"])
def test_factors_that_make_no_sense(value):
    with pytest.raises(NanomotError, match="imgsz"):
        parse_imgsz(value)
