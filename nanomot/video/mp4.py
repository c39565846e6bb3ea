"""The edit list of an MP4 file: which part of the stored frames is meant to be shown (ISO/IEC 14496-12, 8.6.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_EVERYTHING = (float("-inf"), float("inf"))
_LARGEST_HEADER = 64 << 20


def visible_window(path: Path) -> tuple[float, float]:
    """Start and end in seconds, from the first stored frame, of what an MP4's single edit shows of its video.

    Frames outside are stored because others depend on them (a cut that does not begin at a key frame) and are never
    delivered by a decoder. Everything is visible, -inf to inf, in files of other kinds and where there is no edit, or
    more than one, or one that cannot be read.
    """
    try:
        header = _movie_header(path)
        movie_scale = struct.unpack_from(">I", _with_short_times(_child(header, b"mvhd")), 12)[0]
        track = next(body for kind, body in _boxes(header) if kind == b"trak" and _handler(body) == b"vide")
        return _window_of_track(track, movie_scale)
    except (OSError, LookupError, StopIteration, struct.error, ZeroDivisionError):
        return _EVERYTHING


def _window_of_track(track: bytes, movie_scale: int) -> tuple[float, float]:
    edits = _child(track, b"edts", b"elst")
    count = struct.unpack_from(">I", edits, 4)[0]
    layout = ">qqI" if edits[0] else ">IiI"
    entries = [struct.unpack_from(layout, edits, 8 + row * struct.calcsize(layout)) for row in range(count)]
    shown = [(duration, start) for duration, start, _ in entries if start >= 0]
    if len(shown) != 1:
        return _EVERYTHING
    scale = struct.unpack_from(">I", _with_short_times(_child(track, b"mdia", b"mdhd")), 12)[0]
    duration, start = shown[0]
    begin = (start - _first_composition_offset(track)) / scale
    return begin, begin + duration / movie_scale if duration else float("inf")


def _first_composition_offset(track: bytes) -> int:
    """Display time of the first stored frame, in units of the track's time scale."""
    try:
        offsets = _child(track, b"mdia", b"minf", b"stbl", b"ctts")
    except LookupError:
        return 0
    return int(struct.unpack_from(">i", offsets, 12)[0])


def _with_short_times(box: bytes) -> bytes:
    """``mvhd`` and ``mdhd`` with their two times brought to 4 bytes each, as version 0 has them."""
    return box[:4] + box[12:] if box[0] else box


def _handler(track: bytes) -> bytes:
    return _child(track, b"mdia", b"hdlr")[8:12]


def _movie_header(path: Path) -> bytes:
    """The body of the ``moov`` box; a LookupError where the file has none."""
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if not kind.isalnum():
                break
            body = size - 8
            if size == 1:
                body = struct.unpack(">Q", file.read(8))[0] - 16
            if kind == b"moov" and 0 < body <= _LARGEST_HEADER:
                return file.read(body)
            if body < 0:
                break
            file.seek(body, 1)
    raise LookupError("moov")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        if size < 8:
            return
        yield kind, data[position + 8 : position + size]
        position += size


def _child(data: bytes, *path: bytes) -> bytes:
    """The body of the first box at ``path``, one kind per level; a LookupError where there is none."""
    for wanted in path:
        found = next((body for kind, body in _boxes(data) if kind == wanted), None)
        if found is None:
            raise LookupError(wanted)
        data = found
    return data
