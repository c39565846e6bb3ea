"""Small video files made by hand, and the ways in which files get damaged."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

STEP = 8
"""Grey levels from one frame to the next: enough to tell frames apart after lossy compression."""


def picture(number: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """A picture whose grey level tells its number (0 to 29)."""
    return np.full((height, width, 3), 8 + STEP * number, np.uint8)


def number_of(image: NDArray[np.uint8]) -> int:
    """The number of a decoded :func:`picture`."""
    return round((float(image.mean()) - 8) / STEP)


def write_clip(path: Path, count: int, *, fps: float = 25.0, codec: str = "MJPG", width: int = 64) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, (width, 48))
    assert writer.isOpened()
    for number in range(count):
        writer.write(picture(number, width))
    writer.release()
    return path


def avi_chunks(data: bytes) -> list[tuple[int, int]]:
    """Position and size of the payload of every video chunk of an AVI file (RIFF, list ``movi``, chunks ``00dc``)."""
    position = data.index(b"movi") + 4
    chunks = []
    while data[position : position + 4] == b"00dc":
        size = struct.unpack_from("<I", data, position + 4)[0]
        chunks.append((position + 8, size))
        position += 8 + size + size % 2
    return chunks


def damage_avi(path: Path, frames: Sequence[int]) -> Path:
    """Overwrite whole frames, headers too, so that a decoder gives nothing for them."""
    data = bytearray(path.read_bytes())
    chunks = avi_chunks(bytes(data))
    for frame in frames:
        start, size = chunks[frame]
        data[start : start + size] = bytes(size)
    path.write_bytes(data)
    return path


def retime_mp4(path: Path, durations: Sequence[int]) -> Path:
    """Give every frame of an MP4 its own duration in units of the track's time scale (box ``stts``)."""
    data = path.read_bytes().replace(b"edts", b"free")
    body = struct.pack(">II", 0, len(durations))
    body += b"".join(struct.pack(">II", 1, duration) for duration in durations)
    path.write_bytes(_replace_box(data, [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"], body))
    return path


def hide_start_of_mp4(path: Path, units: int) -> Path:
    """Let the edit list begin ``units`` of the track's time scale after the first frame."""
    data = bytearray(path.read_bytes())
    position = data.index(b"elst") + 4
    struct.pack_into(">i", data, position + 12, units)
    path.write_bytes(data)
    return path


def index_first(path: Path) -> Path:
    """Move the index of an MP4 to its front ("fast start"), so that the file can be read when its end is missing."""
    data = path.read_bytes()
    boxes = dict(_split(data))
    moov = bytearray(boxes[b"moov"])
    offsets = bytes(moov).index(b"stco") + 8
    for entry in range(struct.unpack_from(">I", moov, offsets)[0]):
        place = offsets + 4 + 4 * entry
        struct.pack_into(">I", moov, place, struct.unpack_from(">I", moov, place)[0] + len(moov))
    rest = b"".join(box for kind, box in _split(data) if kind not in (b"ftyp", b"moov"))
    path.write_bytes(boxes[b"ftyp"] + bytes(moov) + rest)
    return path


def _split(data: bytes) -> list[tuple[bytes, bytes]]:
    boxes, position = [], 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        boxes.append((kind, data[position : position + size]))
        position += size
    return boxes


def _replace_box(data: bytes, path: list[bytes], body: bytes) -> bytes:
    parts = []
    for kind, box in _split(data):
        if kind == path[0]:
            inner = body if len(path) == 1 else _replace_box(box[8:], path[1:], body)
            box = struct.pack(">I4s", len(inner) + 8, kind) + inner
        parts.append(box)
    return b"".join(parts)
