from __future__ import annotations

import struct

import pytest

from nanomot.video.mp4 import visible_window


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def movie(*, version: int, edits: bytes, offsets: bytes = b"") -> bytes:
    """An MP4 of headers only: sound, then video of 1000 units a second, in a movie of 600."""
    stamp = ">IQQI" if version else ">IIII"
    head = struct.pack(stamp, version << 24, 0, 0, 600)
    media_head = struct.pack(stamp, version << 24, 0, 0, 1000)
    sound = box(b"trak", box(b"mdia", box(b"hdlr", struct.pack(">II4s", 0, 0, b"soun"))))
    media = [box(b"mdhd", media_head), box(b"hdlr", struct.pack(">II4s", 0, 0, b"vide"))]
    table = box(b"minf", box(b"stbl", box(b"ctts", offsets) if offsets else b""))
    video = box(b"trak", box(b"edts", box(b"elst", edits)), box(b"mdia", *media, table))
    mdat = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + b"12345"
    return box(b"ftyp", b"isom") + mdat + box(b"moov", box(b"mvhd", head), sound, video)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("entries", "offset", "window"),
    [
        ([(1200, 500)], 0, (0.5, 2.5)),
        ([(1200, 500)], 500, (0.0, 2.0)),
        ([(300, -1), (1200, 500)], 0, (0.5, 2.5)),
        ([(0, 250)], 0, (0.25, float("inf"))),
        ([(600, 0), (600, 5000)], 0, (float("-inf"), float("inf"))),
    ],
)
def test_visible_window_of_hand_made_headers(tmp_path, version, entries, offset, window):
    layout = ">qqI" if version else ">IiI"
    edits = struct.pack(">II", version << 24, len(entries))
    edits += b"".join(struct.pack(layout, *entry, 1 << 16) for entry in entries)
    offsets = struct.pack(">IIIi", 0, 1, 9, offset) if offset else b""
    (tmp_path / "a.mp4").write_bytes(movie(version=version, edits=edits, offsets=offsets))
    assert visible_window(tmp_path / "a.mp4") == pytest.approx(window)


def test_visible_window_of_other_files_is_everything(tmp_path):
    for name, content in {"a.avi": b"RIFF....AVI ", "b.mp4": b"\0\0\0\x08free", "c.mp4": b"\0\0\0\0moov"}.items():
        (tmp_path / name).write_bytes(content)
        assert visible_window(tmp_path / name) == (float("-inf"), float("inf"))
