from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanomot import NanomotError
from nanomot.evaluation.result_files import FRAME, ID, PLACE, read_tracks
from nanomot.evaluation.smoothing import METHODS, gaussian_smoothed, interpolate, rauch_tung_striebel, smoothed_text
from tests.evaluation.tracks import straight
from tests.evaluation.written import write_tracks

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def keys(rows):
    return {(int(frame), int(track)) for frame, track in rows[:, [FRAME, ID]]}


def test_a_gap_by_hand():
    rows = np.array([[1, 7, 0, 10, 20, 40, 0.9], [4, 7, 30, 10, 26, 40, 0.6], [2, 8, 5, 5, 5, 5, 1]], float)
    out = interpolate(rows)
    assert out[:, FRAME].tolist() == [1, 2, 2, 3, 4]
    assert out[out[:, FRAME] == 2][0].tolist() == pytest.approx([2, 7, 10, 10, 22, 40, 0.8])
    assert out[out[:, FRAME] == 3][0].tolist() == pytest.approx([3, 7, 20, 10, 24, 40, 0.7])


@every_method
@pytest.mark.parametrize(("missing", "filled"), [(17, True), (18, True), (19, False)])
def test_gaps_up_to_the_limit_are_filled(method, missing, filled):
    """ByteTrack's interpolation joins rows that lie less than 20 frames apart."""
    last = 5 + missing + 1
    rows = straight(3, [*range(1, 6), *range(last, last + 5)])
    assert keys(method(rows)) == keys(straight(3, range(1, last + 5))) if filled else keys(method(rows)) == keys(rows)


@every_method
def test_straight_tracks_stay_straight(method):
    whole = straight(1, range(1, 80))
    rows = np.concatenate([np.delete(whole, np.s_[20:30], axis=0), straight(2, [40, 41], speed=(0.0, 9.0))])
    out = method(rows)
    np.testing.assert_allclose(out[out[:, ID] == 1][:, PLACE], whole[:, PLACE], atol=0.05)


@pytest.mark.parametrize("method", [gaussian_smoothed, rauch_tung_striebel])
def test_jitter_is_removed(method):
    true = straight(1, range(1, 120))
    true[:, 2] += 60 * np.sin(np.arange(119) / 25)
    noisy = true.copy()
    noisy[:, PLACE] += np.random.default_rng(0).normal(0, 3, (119, 4))
    before, after = (np.abs(rows[:, PLACE] - true[:, PLACE]).mean() for rows in (noisy, method(noisy)))
    assert after < 0.6 * before


def test_gaussian_process_by_its_definition():
    """Against the posterior mean as textbooks write it, with a mean of zero: 100 frames, tau log(tau^3 / l)."""
    frames = np.arange(1, 101.0)
    rows = straight(1, frames)
    rows[:, 2] += np.random.default_rng(1).normal(0, 2, 100)
    scale = 10 * np.log(1000 / 100)
    kernel = np.exp(-((frames[:, None] - frames) ** 2) / (2 * scale**2))
    expected = kernel @ np.linalg.solve(kernel + 1e-10 * np.eye(100), rows[:, 2])
    np.testing.assert_allclose(gaussian_smoothed(rows)[:, 2], expected, atol=0.02)


def test_long_tracks_are_not_smoothed_by_gsi():
    """The length scale falls to a tenth of a frame."""
    rows = straight(1, range(1, 1101))
    rows[:, 2] += np.random.default_rng(2).normal(0, 3, 1100)
    np.testing.assert_array_equal(gaussian_smoothed(rows), rows)


def test_rts_looks_across_long_gaps_without_filling_them():
    rows = straight(1, [*range(1, 30), *range(90, 120)])
    out = rauch_tung_striebel(rows)
    assert keys(out) == keys(rows)
    np.testing.assert_allclose(out[:, PLACE], rows[:, PLACE], atol=0.05)


@st.composite
def tracks(draw):
    made = []
    for track in range(1, draw(st.integers(1, 3)) + 1):
        frames = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=25)))
        place = st.tuples(*[st.floats(-50, 500)] * 2, *[st.floats(1, 200)] * 2)
        made += [[frame, track, *draw(place), 0.5] for frame in frames]
    return np.array(draw(st.permutations(made)), float)


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25, deadline=None)
@given(rows=tracks())
def test_what_every_method_keeps(name, rows):
    given_rows = rows.copy()
    out = METHODS[name](rows)
    np.testing.assert_array_equal(rows, given_rows)
    assert keys(rows) <= keys(out)
    assert len(keys(out)) == len(out)
    assert out[:, [FRAME, ID]].tolist() == sorted(out[:, [FRAME, ID]].tolist())
    assert np.isfinite(out).all()
    assert (out[:, 4:6] > 0).all()
    for track in np.unique(out[:, ID]):
        old, new = (part[part[:, ID] == track] for part in (rows, out))
        assert (old[:, FRAME].min(), old[:, FRAME].max()) == (new[:, FRAME].min(), new[:, FRAME].max())
        added = np.setdiff1d(new[:, FRAME], old[:, FRAME])
        gaps = np.diff(np.sort(old[:, FRAME]))
        assert len(added) == (gaps[gaps < 20] - 1).sum()


@every_method
def test_no_rows(method):
    assert method(np.empty((0, 7))).shape == (0, 7)


def test_the_text_of_a_file(tmp_path):
    write_tracks(tmp_path / "raw.txt", straight(2, [5, 1]))
    (tmp_path / "out.txt").write_text(smoothed_text(tmp_path / "raw.txt", 5, "linear"))
    assert read_tracks(tmp_path / "out.txt", 5)[:, FRAME].tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(NanomotError, match="no smoothing 'wavy'"):
        smoothed_text(tmp_path / "raw.txt", 5, "wavy")
    with pytest.raises(NanomotError, match=r"none\.txt"):
        smoothed_text(tmp_path / "none.txt", 5, "linear")
