from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.judge import COMBINED, Verdict
from nanomot.evaluation.moments import IdSwitch
from nanomot.evaluation.page import make_page
from nanomot.evaluation.plots import draw_plots, hota_over_alpha, per_sequence
from nanomot.evaluation.strips import SequenceTracks, draw_strips, frame_numbers
from nanomot.video.colours import id_colour
from tests.evaluation.tracks import straight

PERCENTAGES = ("HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1", "IDP", "IDR", "recall", "precision")
COUNTS = ("IDSW", "FP", "FN", "MT", "ML", "Frag")
SWITCH = IdSwitch("<seq>", 1, 20, 23, 7, 8, 18)


def verdict(names=("a", "<seq>"), mota=-12.5):
    row = {**dict.fromkeys(PERCENTAGES, 61.25), **dict.fromkeys(COUNTS, 1234), "MOTA": mota}
    rows = dict.fromkeys((*names, COMBINED), row)
    curves = {name: list(np.linspace(80, 10, 19)) for name in rows}
    return Verdict(rows, {COMBINED: {"MOTA": 61.0, "IDF1": 61.25, "IDSW": 1230}}, curves)


class Tags(HTMLParser):
    """Collects the tags of a page, and that each one is closed."""

    def __init__(self, page):
        super().__init__()
        self.seen, self.open, self.sources = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_escaped():
    page = make_page(
        verdict(),
        title="<script>alert(1)</script> & co",
        plots={"a.png": b"picture"},
        switches=31,
        strips={SWITCH: b"strip"},
        without_frames=frozenset({"<seq>"}),
    )
    tags = Tags(page)
    assert not tags.open
    assert "script" not in tags.seen
    assert "seq" not in tags.seen
    assert len(tags.sources) == 2
    assert all(source.startswith("data:image/") for source in tags.sources)
    text = re.sub(r"<[^>]*>", " ", page)
    assert "61.25" in text
    assert "-12.50" in text
    assert "1 of 31 found" in text
    assert "TrackEval counts 1234" in text
    assert "The frames of &lt;seq&gt; are not here" in text
    assert "person 1 is track 7 until frame 20 and track 8 from frame 23" in text
    assert "motmetrics" in text


def test_a_page_without_switches_or_plots():
    page = make_page(verdict(), title="t", plots={}, switches=0, strips={})
    assert "No ID switch was found" in page
    assert "<img" not in page
    assert "Plots" not in page


def test_plots_are_pictures_and_the_same_twice():
    first, second = draw_plots(verdict(), "t"), draw_plots(verdict(), "t")
    assert first == second
    assert set(first) == {"hota_over_alpha.png", "per_sequence.png"}
    for content in first.values():
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert min(picture.shape[:2]) > 250
        assert len(np.unique(picture)) > 20


def test_what_plots_show():
    axes = hota_over_alpha(verdict().hota_curves, "bytetrack").axes[0]
    assert "bytetrack" in axes.get_title()
    thick = max(axes.get_lines(), key=lambda line: line.get_linewidth())
    np.testing.assert_allclose(thick.get_xdata(), np.arange(0.05, 0.951, 0.05))
    assert (thick.get_ydata()[0], thick.get_ydata()[-1]) == (80, 10)
    assert [text.get_text() for text in axes.get_legend().get_texts()][-1] == "all sequences (mean 45.0)"
    many = hota_over_alpha(verdict([f"s{number}" for number in range(21)]).hota_curves, "t").axes[0]
    assert len(many.get_legend().get_texts()) == 1
    bars = per_sequence(verdict(mota=-40.0).rows, "t").axes[0]
    assert sorted({round(bar.get_width(), 2) for bar in bars.patches}) == [-40.0, 61.25]
    assert bars.get_xlim()[0] < -40
    assert [label.get_text() for label in bars.get_yticklabels()] == ["a", "<seq>", "all sequences"]


@pytest.fixture
def followed(tmp_path):
    """One person, track 7 up to frame 20, track 8 from frame 23; pictures tell their number by their brightness."""
    truth = straight(1, range(1, 41), start=(100.0, 200.0), speed=(2.0, 0.0))
    result = truth[[*range(20), *range(22, 40)]].copy()
    result[:, 1] = [7] * 20 + [8] * 18
    for number in range(1, 51):
        picture = np.full((360, 640, 3), 40 + 4 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number:06d}.png"), picture)
    return SequenceTracks(Sequence("<seq>", "s", Path("s"), 40, 10.0, tmp_path, 10, None), truth, result)


def panels(content):
    strip = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return np.split(strip[:, : strip.shape[1]], [263, 529, 795], axis=1)


def test_strips_show_the_right_frames(followed):
    assert frame_numbers(SWITCH, followed.sequence) == [15, 20, 23, 28]
    strips, bare = draw_strips([SWITCH], {"<seq>": followed})
    assert not bare
    (content,) = strips.values()
    for panel, number in zip(panels(content), (15, 20, 23, 28), strict=True):
        # The split's first frame is the eleventh picture; the corner shows nothing but the picture.
        assert abs(int(panel[10, 20, 0]) - (40 + 4 * (number + 10))) <= 3


@pytest.mark.parametrize("place", [None, "damaged.mp4", "here"])
def test_strips_show_the_tracks(followed, place, tmp_path, caplog):
    """Without frames, or with frames that cannot be read, boxes alone are shown."""
    (tmp_path / "damaged.mp4").write_bytes(b"\0not a film")
    if place != "here":
        frames = None if place is None else tmp_path / place
        followed = replace(followed, sequence=replace(followed.sequence, frames=frames))
    strips, bare = draw_strips([SWITCH], {"<seq>": followed})
    assert bare == ({"<seq>"} if place != "here" else set())
    assert ("damaged.mp4" in caplog.text) == (place == "damaged.mp4")
    (content,) = strips.values()
    for panel, track in zip(panels(content), (7, 7, 8, 8), strict=True):
        shown = {name: (np.abs(panel.astype(int) - id_colour(name)).max(axis=2) < 60).sum() for name in (7, 8)}
        assert shown[track] > 200
        assert shown[15 - track] < 20


def test_strips_at_the_border_of_sequence_and_picture(followed):
    """Frames are kept inside of the sequence, and what lies outside of the picture is grey."""
    corner = followed.truth.copy()
    corner[:, 2:4] = [-500.0, -400.0]
    item = SequenceTracks(followed.sequence, corner, followed.result)
    early = IdSwitch("<seq>", 1, 1, 40, 7, 8, 1)
    assert frame_numbers(early, item.sequence) == [1, 1, 40, 40]
    (content,) = draw_strips([early], {"<seq>": item})[0].values()
    assert abs(int(panels(content)[0][5, 5, 0]) - 52) < 5
