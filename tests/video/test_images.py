from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nanomot.errors import NanomotError
from nanomot.video.images import ImageFilesSource, natural_key, open_image_folder, open_mot_sequence
from nanomot.video.sources import open_source
from tests.video.clips import number_of, picture

INI = """[Sequence]
name=MOT-X
imDir=img1
frameRate=14
seqLength=6
imWidth=64
imHeight=48
imExt=.png
"""


def save(path: Path, number: int, **size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture(number, **size))


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    folder = tmp_path / "MOT-X"
    for number in range(1, 7):
        save(folder / "img1" / f"{number:06d}.png", number)
    (folder / "seqinfo.ini").write_text(INI)
    return folder


def test_natural_order_and_other_files_left_out(tmp_path):
    for name, number in {"img10.png": 10, "img2.PNG": 2, "img1.bmp": 1}.items():
        save(tmp_path / "walk" / name.lower(), number)
        if name != name.lower():
            (tmp_path / "walk" / name.lower()).rename(tmp_path / "walk" / name)
    (tmp_path / "walk" / "notes.txt").write_text("no picture")
    (tmp_path / "walk" / ".hidden.png").write_text("no picture")
    with open_source(tmp_path / "walk", fps=5.0) as source:
        assert (source.name, source.fps, source.frame_count, source.live) == ("walk", 5.0, 3, False)
        frames = list(source)
    assert [number_of(frame.image) for frame in frames] == [1, 2, 10]
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.2, 0.4])


def test_natural_key_orders_mixed_names():
    names = ["b1", "a10", "a2", "10", "9", "a2b", "", "a02"]
    assert sorted(names, key=natural_key) == ["", "9", "10", "a02", "a2", "a2b", "a10", "b1"]


def test_unreadable_picture_is_an_invalid_frame(tmp_path, caplog):
    for number in range(4):
        save(tmp_path / f"{number}.png", number)
    (tmp_path / "1.png").write_bytes(b"not a picture")
    (tmp_path / "2.png").write_bytes(b"")
    frames = list(open_source(tmp_path))
    assert [frame.valid for frame in frames] == [True, False, False, True]
    assert number_of(frames[2].image) == 0
    (record,) = caplog.records
    assert "2 of 4" in record.getMessage()
    assert "number 2" in record.getMessage()


def test_single_frames(tmp_path):
    for number in range(4):
        save(tmp_path / f"{number}.png", number)
    (tmp_path / "1.png").write_bytes(b"not a picture")
    with open_source(tmp_path, fps=5.0) as source:
        assert isinstance(source, ImageFilesSource)
        frame = source.frame(3)
        assert (frame.index, frame.time, frame.valid, number_of(frame.image)) == (3, 0.6, True, 3)
        bad = source.frame(1)
        assert (bad.valid, bad.image.shape, bad.image.any()) == (False, (48, 64, 3), False)
        for index in (-1, 4):
            with pytest.raises(NanomotError, match=f"has no frame {index + 1}; it has 4"):
                source.frame(index)


def test_first_picture_unreadable_is_black_in_the_size_of_the_others(tmp_path):
    (tmp_path / "0.png").write_bytes(b"?")
    save(tmp_path / "1.png", 9)
    first, second = list(open_source(tmp_path))
    assert not first.valid
    assert first.image.shape == second.image.shape == (48, 64, 3)
    assert not first.image.any()


def test_sizes_that_differ_give_one_warning(tmp_path, caplog):
    save(tmp_path / "0.png", 0)
    for number in (1, 2):
        save(tmp_path / f"{number}.png", number, width=80)
    frames = list(open_source(tmp_path))
    assert [frame.image.shape[1] for frame in frames] == [64, 80, 80]
    (record,) = caplog.records
    assert "1.png" in record.getMessage()


def test_grey_and_transparent_pictures_become_bgr(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.full((4, 6), 77, np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.full((4, 6, 4), 77, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((4, 6, 3), 77 * 257, np.uint16))
    for frame in open_source(tmp_path):
        assert frame.image.shape == (4, 6, 3)
        assert frame.image.dtype == np.uint8
        assert (frame.image == 77).all()


def test_folder_without_pictures_and_with_unreadable_ones(tmp_path):
    with pytest.raises(NanomotError, match="holds neither pictures"):
        open_source(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"?")
    with pytest.raises(NanomotError, match="not one of its 1 pictures"):
        open_source(tmp_path)


def test_mot_sequence(sequence):
    with open_source(sequence, demo="image") as source:
        assert (source.name, source.fps, source.frame_count) == ("MOT-X", 14.0, 6)
        frames = list(source)
    assert [number_of(frame.image) for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert frames[5].time == pytest.approx(5 / 14)


def test_mot_sequence_found_from_its_picture_folder(sequence):
    source = open_source(sequence / "img1")
    assert (source.name, source.fps) == ("MOT-X", 14.0)


def test_missing_pictures_of_a_mot_sequence_shift_nothing(sequence, caplog):
    (sequence / "img1" / "000001.png").unlink()
    (sequence / "img1" / "000004.png").unlink()
    frames = list(open_source(sequence))
    assert [frame.valid for frame in frames] == [False, True, True, False, True, True]
    assert number_of(frames[4].image) == 5
    assert frames[4].index == 4
    assert "2 of 6 pictures" in caplog.text


def test_pictures_beyond_the_sequence_are_left_out(sequence):
    save(sequence / "img1" / "000007.png", 7)
    assert len(list(open_source(sequence))) == 6


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("seqLength=6\n", "", "lacks the key seqLength"),
        ("seqLength=6", "seqLength=many", "seqLength must be a number above 0"),
        ("frameRate=14", "frameRate=0", "frameRate must be a number above 0"),
        ("[Sequence]", "[Other]", "not a MOTChallenge sequence"),
        ("[Sequence]\n", "", "not a MOTChallenge sequence"),
        ("imDir=img1", "imDir=pictures", "is not there"),
        ("imExt=.png", "imExt=.jpg", "not one of its 6 pictures"),
    ],
)
def test_malformed_seqinfo_is_an_error_that_says_what(sequence, old, new, reason):
    (sequence / "seqinfo.ini").write_text(INI.replace(old, new))
    with pytest.raises(NanomotError, match=reason) as caught:
        open_mot_sequence(sequence)
    assert "MOT-X" in str(caught.value)


def test_single_picture(tmp_path):
    save(tmp_path / "bus stop.png", 3)
    source = open_source(tmp_path / "bus stop.png")
    assert (source.name, source.frame_count) == ("bus_stop", 1)
    (frame,) = source
    assert number_of(frame.image) == 3


def test_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(NanomotError, match="Permission denied"):
        open_image_folder(tmp_path, 30.0)


@pytest.mark.shared
def test_real_mot_sequence(shared):
    folder = next(
        (
            ini.parent
            for ini in sorted((shared / "data" / "mot").glob("*/*/*/seqinfo.ini"))
            if (ini.parent / "img1").is_dir()
        ),
        None,
    )
    if folder is None:
        pytest.skip("no sequence with pictures")
    source = open_source(folder)
    frame = next(iter(source))
    assert frame.valid
    assert source.name == folder.name
    assert source.frame_count == len(list((folder / "img1").glob("*.jpg")))
