"""A sequence's frames: all there, its own, and told by their contents."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.frames import frames_key, open_frames, require_frames

LENGTH = 6


def picture(value, size=(48, 64)):
    return np.full((*size, 3), value, np.uint8)


def pictures(folder, count, first=1):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        cv2.imwrite(str(folder / f"{number:06d}.png"), picture(10 * number))
    return folder


def video(path, count):
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for number in range(1, count + 1):
        out.write(picture(10 * (number % 20)))
    out.release()
    return path


def described(folder, *, images="img1", length=LENGTH):
    """Make a folder a MOTChallenge sequence."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname=X\nimDir={images}\nframeRate=25\nseqLength={length}\nimWidth=64\nimHeight=48\nimExt=.png\n"
    )
    return folder


def sequence(place, *, length=LENGTH, offset=0):
    return Sequence("X-SDP", "X", place.parent / "X-SDP", length, 25.0, place, offset, None)


def brightness(found):
    with open_frames(found) as source:
        assert source.frame_count == found.length
        return [(frame.index, round(float(frame.image.mean()), -1)) for frame in source]


@pytest.mark.parametrize("images", ["img1", "frames", "deep/er"])
def test_pictures_are_told_by_their_contents_wherever_they_lie(tmp_path, images):
    folder = described(tmp_path / "X", images=images)
    pictures(folder / images, LENGTH)
    (folder / "img1").mkdir(exist_ok=True)  # one that is not read must not be taken for the one that is
    found = sequence(folder)
    before = frames_key(found)
    assert (before["offset"], before["length"]) == (0, LENGTH)
    assert frames_key(found) == before
    assert frames_key(replace(found, frames=folder / images))["frames"] == before["frames"] or images == "deep/er"
    cv2.imwrite(str(folder / images / "000003.png"), picture(200))
    assert frames_key(found) != before


def test_what_is_not_read_does_not_count(tmp_path):
    folder = described(tmp_path / "X")
    pictures(folder / "img1", LENGTH)
    before = frames_key(sequence(folder))
    (folder / "img1" / "Thumbs.db").write_text("")
    pictures(folder / "img1", 2, first=LENGTH + 1)
    assert frames_key(sequence(folder)) == before
    (folder / "img1" / "000002.png").unlink()
    assert frames_key(sequence(folder)) != before


@pytest.mark.parametrize("kind", ["empty sequence", "no folder", "empty folder"])
def test_no_pictures_at_all(tmp_path, kind):
    folder = tmp_path / "X"
    folder.mkdir()
    if kind != "empty folder":
        described(folder)
    if kind == "empty sequence":
        (folder / "img1").mkdir()
        (folder / "img1" / "000001.txt").write_text("")
    with pytest.raises(NanomotError, match=r"X.*(none of the pictures|is not there|neither pictures)"):
        frames_key(sequence(folder))


@pytest.mark.parametrize("make", [pictures, video])
@pytest.mark.parametrize(("count", "had"), [(2, "has 2 frames"), (LENGTH + 3, f"has more than {LENGTH} frames")])
def test_frames_of_another_length_are_refused_beforehand(tmp_path, make, count, had):
    found = sequence(make(tmp_path / "clip.avi", count))
    with pytest.raises(NanomotError, match=rf"clip\.avi: {had}, but X-SDP has {LENGTH} by its seqinfo\.ini"):
        frames_key(found)
    with pytest.raises(NanomotError, match=had):
        brightness(found)


def test_a_containers_number_is_an_estimate_but_its_frames_are_not(tmp_path):
    """Within 5 % of the length, frames are counted; a video that is one short is known only then."""
    found = sequence(video(tmp_path / "clip.avi", 39), length=40)
    assert frames_key(found)["length"] == 40
    with pytest.raises(NanomotError, match="has 39 frames, but X-SDP has 40"):
        brightness(found)
    with pytest.raises(NanomotError, match="has more than 38 frames"):
        brightness(replace(found, length=38))


@pytest.mark.parametrize("make", [pictures, video])
def test_the_right_number_of_frames(tmp_path, make):
    place = make(tmp_path / "clip.avi", LENGTH)
    expected = [(index, 10.0 * (index + 1)) for index in range(LENGTH)]
    assert brightness(sequence(place)) == expected
    half = sequence(place, length=3, offset=2)  # what follows it is nobody's concern
    assert frames_key(half)["frames"] == frames_key(sequence(place))["frames"]
    assert brightness(half) == [(index, 10.0 * (index + 3)) for index in range(3)]
    short = sequence(place, length=3, offset=4)
    with pytest.raises(NanomotError, match=r"has 6 frames, but X-SDP has 7 \(3 after the first 4\)"):
        frames_key(short)
    with pytest.raises(NanomotError, match="has 6 frames"):
        brightness(short)


def test_what_cannot_be_opened_is_left_to_who_reads_it(tmp_path):
    (tmp_path / "clip.avi").write_bytes(b"nonsense\0")
    found = sequence(tmp_path / "clip.avi")
    assert frames_key(found)["frames"]
    with pytest.raises(NanomotError, match="is not a video"):
        open_frames(found)


def test_all_sequences_without_frames_are_named(tmp_path):
    there = sequence(tmp_path)
    others = [replace(there, base_name=name, frames=None) for name in ("A", "A", "B")]
    require_frames([there], "do without")
    with pytest.raises(NanomotError) as caught:
        require_frames([*others, there], "do without")
    assert str(caught.value).endswith(
        "no frames of A, B; name their place by --frames A=PATH, or take those that have frames by --sequences X, or "
        "do without."
    )
    with pytest.raises(NanomotError, match=r"X-SDP: has no frames; name their place by --frames A=PATH\.$"):
        require_frames(others[:1])
