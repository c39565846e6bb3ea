"""The frames of a benchmark's sequences: whether they are all there, and what of them results depend on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from nanomot.digests import content_hash, files_hash
from nanomot.errors import NanomotError
from nanomot.evaluation import benchmarks
from nanomot.video.frames import Frame, FrameSource
from nanomot.video.images import picture_paths
from nanomot.video.sources import open_source

_ESTIMATE = 0.05
"""How far a container's own number of frames may be off; some tell it from their duration."""


def require_frames(sequences: Sequence[benchmarks.Sequence], otherwise: str = "") -> None:
    """Make sure that every sequence has frames; ``otherwise``: what else the user could do.

    Raises:
        NanomotError: some have none; all of them are named, and those that have some.
    """
    missing = list(dict.fromkeys(sequence.base_name for sequence in sequences if sequence.frames is None))
    present = list(dict.fromkeys(sequence.base_name for sequence in sequences if sequence.frames is not None))
    if not missing:
        return
    folder = next(sequence.folder for sequence in sequences if sequence.frames is None)
    where = f"{folder}: has no frames" if len(missing) == 1 else f"{folder.parent}: no frames of {', '.join(missing)}"
    wishes = [f"name their place by --frames {missing[0]}=PATH"]
    if present:
        wishes.append(f"take those that have frames by --sequences {' '.join(present)}")
    wishes += [otherwise] if otherwise else []
    raise NanomotError(f"{where}; {', or '.join(wishes)}.")


def frames_key(sequence: benchmarks.Sequence) -> dict[str, Any]:
    """What of a sequence's frames results depend on: the contents of the files that are read, and which part of them.

    Raises:
        NanomotError: there are no pictures, or clearly not as many frames as the sequence has.
    """
    place = _place(sequence)
    if place.is_dir():
        pictures = picture_paths(place)
        _check_count(sequence, len(pictures))
        digest = files_hash(pictures)
    else:
        digest = content_hash(place)
        _check_container(sequence)
    return {"frames": digest, "offset": sequence.offset, "length": sequence.length}


def open_frames(sequence: benchmarks.Sequence) -> FrameSource:
    """The sequence's own frames, numbered from 0; its last one raises a NanomotError where there are not as many.

    Raises:
        NanomotError: they cannot be read.
    """
    return _Stretch(open_source(_place(sequence), fps=sequence.frame_rate), sequence)


def _place(sequence: benchmarks.Sequence) -> Path:
    return sequence.frames or sequence.folder


class _Stretch(FrameSource):
    """The part of another source that is a sequence's."""

    def __init__(self, source: FrameSource, sequence: benchmarks.Sequence) -> None:
        super().__init__(source.name, fps=source.fps, frame_count=sequence.length)
        self._source, self._sequence = source, sequence

    def __iter__(self) -> Iterator[Frame]:
        first, length = self._sequence.offset, self._sequence.length
        frames = iter(self._source)
        count = 0
        for frame in islice(frames, first + length):
            count += 1
            if count > first:
                yield Frame(frame.index - first, frame.time, frame.image, frame.valid)
        _check_count(self._sequence, count + _is_more(frames) if first == 0 else count)

    def close(self) -> None:
        """Close the whole source."""
        self._source.close()


def _is_more(frames: Iterable[Frame]) -> bool:
    return next(iter(frames), None) is not None


def _check_container(sequence: benchmarks.Sequence) -> None:
    """Tell a wrong video before hours of work; one that cannot be read is told by whoever reads it."""
    try:
        with open_source(_place(sequence), fps=sequence.frame_rate) as source:
            count = source.frame_count
    except NanomotError:
        return
    wanted = sequence.offset + sequence.length
    if count is not None and abs(count - wanted) > _ESTIMATE * wanted:
        _check_count(sequence, count)


def _check_count(sequence: benchmarks.Sequence, count: int) -> None:
    wanted = sequence.offset + sequence.length
    if count == wanted or (sequence.offset and count > wanted):
        return
    had = f"{count} frames" if count <= wanted else f"more than {wanted} frames"
    part = f" ({sequence.length} after the first {sequence.offset})" if sequence.offset else ""
    raise NanomotError(
        f"{_place(sequence)}: has {had}, but {sequence.name} has {wanted}{part} by its seqinfo.ini; these are not the "
        "frames of this sequence, or not all of them."
    )
