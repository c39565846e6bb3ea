from __future__ import annotations

import time

import numpy as np
import pytest

from nanomot.detections import Source, Tracks
from nanomot.video.colours import id_colour, text_colour
from nanomot.video.drawing import Drawer, hud_text
from nanomot.video.frames import Frame
from nanomot.video.labels import LabelPlacer, label_size
from nanomot.video.trails import Trails

GREY = 90


def grey(width: int = 640, height: int = 480) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def tracks(boxes: list[list[float]], ids: list[int] | None = None, *, score: float = 0.9, source: int = 0) -> Tracks:
    count = len(boxes)
    return Tracks(
        np.array(boxes, float).reshape(-1, 4),
        np.array(ids or range(1, count + 1), np.int64),
        np.full(count, score),
        np.zeros(count, np.int64),
        np.arange(count),
        np.full(count, source, np.int8),
        np.ones(count, np.int64),
    )


def painted(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(image.astype(int) - colour) <= 2).all(axis=2)


def changed(image: np.ndarray) -> np.ndarray:
    return (image != GREY).any(axis=2)


def test_the_input_is_not_changed_and_the_box_has_its_colour():
    image = grey()
    image.flags.writeable = False
    out = Drawer().draw(image, tracks([[100, 100, 200, 300]], [7]))
    assert (image == GREY).all()
    assert out.shape == image.shape
    assert out.dtype == np.uint8
    edge = painted(out, id_colour(7))
    assert edge[300, 100:201].all()
    assert edge[100:301, 200].all()
    assert not changed(out)[130:290, 110:190].any(), "the inside stays visible"


@pytest.mark.parametrize(("score", "source"), [(0.2, Source.DETECTED), (0.9, Source.HELD), (0.9, Source.PREDICTED)])
def test_unsure_boxes_are_dashed(score, source):
    out = Drawer(low_score=0.3).draw(grey(), tracks([[100, 100, 300, 300]], [7], score=score, source=source))
    side = painted(out, id_colour(7))[300, 100:301]
    assert side[0]
    assert side[-1]
    assert 0.3 < side.mean() < 0.8
    assert (np.diff(side.astype(int)) == -1).sum() > 5


def test_colours_are_stable_and_neighbours_differ():
    assert id_colour(5) == id_colour(5)
    colours = np.array([id_colour(number) for number in range(300)], float)
    for step in (1, 2, 3):
        assert np.linalg.norm(colours[step:] - colours[:-step], axis=1).min() > 60
    assert len({id_colour(number) for number in range(50)}) == 50


def test_text_stands_out_on_every_colour():
    for number in range(200):
        background = id_colour(number)
        weights = [0.114, 0.587, 0.299]
        assert abs(np.dot(text_colour(background), weights) - np.dot(background, weights)) > 100


def test_labels_stay_inside_the_picture():
    boxes = [[-50, -40, 60, 50], [600, -20, 700, 90], [-30, 440, 40, 520], [590, 430, 660, 500]]
    placer_rows = []

    class Recorder(LabelPlacer):
        def _draw(self, place, text, colour):
            placer_rows.append((place, text))
            super()._draw(place, text, colour)

    canvas = grey()
    placer = Recorder(canvas, 0.5)
    for box in boxes:
        placer.put(tuple(box), ("12 person 0.87", "12"), (0, 200, 0), 2)
    for (left, top, right, bottom), text in placer_rows:
        assert 0 <= left < right <= 640
        assert 0 <= top < bottom <= 480
        assert text == "12 person 0.87"


def test_labels_avoid_each_other_and_shorten_in_a_crowd():
    placed = []

    class Recorder(LabelPlacer):
        def _draw(self, place, text, colour):
            placed.append((place, text))
            super()._draw(place, text, colour)

    placer = Recorder(grey(), 0.5, [(0, 0, 640, 60)])
    for _ in range(3):
        placer.put((200, 100, 230, 300), ("12 person 0.87", "12"), (0, 200, 0), 2)
    placer.put((220, 100, 250, 300), ("12 person 0.87", "12"), (0, 200, 0), 2)
    rows = [place for place, _ in placed]
    for first, a in enumerate(rows[:3]):
        assert a[1] >= 60, "the reserved strip stays clear"
        for b in rows[:first]:
            assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
    assert [text for _, text in placed] == ["12 person 0.87"] * 3 + ["12"]


def test_label_says_id_class_and_score(monkeypatch):
    texts = []
    monkeypatch.setattr(LabelPlacer, "put", lambda self, box, text, colour, thickness: texts.append(text[0]))
    drawer = Drawer(["person"])
    drawer.draw(grey(), tracks([[10, 10, 50, 90]], [12], score=0.876))
    drawer.draw(grey(), tracks([[10, 10, 50, 90]], [-1], score=0.876))
    Drawer().draw(grey(), tracks([[10, 10, 50, 90]], [12], score=0.876))
    assert texts == ["12 person 0.88", "person 0.88", "12 class 0 0.88"]


def test_a_box_outside_the_picture_leaves_no_label():
    out = Drawer().draw(grey(), tracks([[700, 10, 800, 90], [1e7, 1e7, 2e7, 2e7], [-90, -90, -10, -10]]))
    assert not changed(out).any()


def test_huge_and_tiny_boxes_do_not_fail():
    out = Drawer().draw(grey(), tracks([[-1e9, -1e9, 1e9, 1e9], [10.2, 10.2, 10.4, 10.4]], score=0.1))
    assert changed(out).any()
    assert Drawer().draw(grey(8, 8), tracks([[1, 1, 5, 5]]), caption="a long caption").shape == (8, 8, 3)


def test_trail_follows_the_feet_and_fades():
    drawer = Drawer(trail_seconds=1.0)
    for step in range(30):
        x = 100 + 10 * step
        out = drawer.draw(grey(), tracks([[x, 100, x + 40, 200]], [3]), time=step / 30)
    strength = np.abs(out[198:203].astype(int) - GREY).sum(axis=2).max(axis=0)
    assert strength[390] > strength[250] > strength[140] > 0
    assert strength[60] == 0


def test_trails_forget():
    trails = Trails(1.0)
    for step in range(400):
        trails.update(np.arange(step, step + 5), np.full((5, 4), [0.0, 0.0, 10.0, 10.0]), step / 30)
    assert len(trails) <= 36
    assert max(len(points) for points in trails._points.values()) <= 26
    trails.update(np.empty(0, np.int64), np.empty((0, 4)), 400 / 30 + 1.0)
    assert len(trails) == 0


def test_trails_stay_short_at_any_frame_rate_and_reach_back_in_time():
    for fps in (5, 30, 1000):
        trails = Trails(1.0)
        for step in range(3 * fps):
            trails.update(np.array([1]), np.array([[0.0, 0.0, 10.0, step]]), step / fps)
        times = [point[0] for point in trails._points[1]]
        assert len(times) <= 26
        assert times[-1] - times[0] > 0.79
        assert times[-1] == (3 * fps - 1) / fps


def test_time_going_back_ends_the_trails():
    trails = Trails(1.0)
    box = np.array([[0.0, 0.0, 10.0, 10.0]])
    trails.update(np.array([1]), box, 5.0)
    trails.update(np.array([2]), box, 0.0)
    assert len(trails) == 1


def test_no_trail_for_detections_or_when_switched_off():
    for drawer, track_id in ((Drawer(), -1), (Drawer(trail_seconds=0.0), 3)):
        for step in range(20):
            x = 50 + 20 * step
            out = drawer.draw(grey(), tracks([[x, 100, x + 30, 200]], [track_id]))
        assert not changed(out)[150:230, 40:400].any()


def test_regions_outlines_and_caption():
    nothing = Tracks.empty()
    outline = np.array([[100, 100], [300.4, 100], [300, 300]])
    out = changed(Drawer(outlines=lambda width, height: [outline * [width / 640, height / 480]]).draw(grey(), nothing))
    assert out[100, 100:300].all()
    assert not out[250, 120]
    out = changed(Drawer().draw(grey(), nothing, regions=np.array([[100.0, 100.0, 300.0, 300.0]])))
    assert 0.3 < out[100, 100:301].mean() < 0.8
    out = Drawer().draw(grey(), nothing, caption="frame 1")
    width, height, _ = label_size("frame 1", 0.36 * 1.15)
    assert changed(out)[:height, :width].mean() > 0.97
    assert not changed(out)[height + 2 :, :].any()


def test_hud_text():
    frame = Frame(122, 65.5, grey())
    assert hud_text(frame, tracks([[0, 0, 1, 1]]), 28.34) == "frame 123  01:05.50  28.3 fps  1 tracks"
    assert hud_text(frame, Tracks.empty()) == "frame 123  01:05.50  0 tracks"


@pytest.mark.slow
def test_drawing_is_fast():
    image = grey(1920, 1080)
    drawer = Drawer(["person"])
    rng = np.random.default_rng(0)
    corners = rng.uniform([0, 100], [1800, 700], (20, 2))
    durations = []
    for step in range(60):
        corners = corners + rng.normal(3, 1, (20, 2)) * [1, 0.1]
        boxes = np.hstack([corners, corners + np.array([80, 200])]).tolist()
        start = time.perf_counter()
        drawer.draw(image, tracks(boxes), time=step / 30, caption="frame")
        durations.append(time.perf_counter() - start)
    assert np.median(durations) < 8e-3
