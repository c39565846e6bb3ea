"""What every source of pictures has in common: the frame, the source, the sequence's name."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a sequence.

    Attributes:
        index: number of the frame, from 0; it never shifts, whatever happened to earlier frames.
        time: seconds since the start of the sequence.
        image: (H, W, 3) uint8, BGR; not to be changed in place.
        valid: False where the picture could not be read; ``image`` is then the last good one (black if there is none).
    """

    index: int
    time: float
    image: Image
    valid: bool = True


class FrameSource(ABC):
    """A sequence of frames, read once by iterating; also a context manager that closes itself.

    Attributes:
        name: sequence name, fit for a file name.
        fps: nominal frames per second; None where it is not known.
        frame_count: how many frames the container or folder announces; None where it is not known.
        live: True for cameras and streams, which have no end of their own.
    """

    def __init__(self, name: str, *, fps: float | None, frame_count: int | None, live: bool = False) -> None:
        self.name = sequence_name(name)
        self.fps = fps
        self.frame_count = frame_count
        self.live = live

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order."""

    def close(self) -> None:  # noqa: B027  # most sources hold nothing open
        """Let go of files and devices; safe to call twice."""

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ImageSequenceSource(FrameSource):
    """Pictures that come from the program itself: any iterable of (H, W, 3) uint8 BGR arrays.

    The time of a frame is its index divided by ``fps``.
    """

    def __init__(self, images: Iterable[Image], *, fps: float, name: str, frame_count: int | None = None) -> None:
        super().__init__(name, fps=fps, frame_count=frame_count)
        self._images = images
        self._rate = fps

    def __iter__(self) -> Iterator[Frame]:
        for index, image in enumerate(self._images):
            yield Frame(index, index / self._rate, image)


def sequence_name(text: str) -> str:
    """``text`` as a file name without surprises: letters, digits, dot, dash and underscore, at most 100 characters."""
    name = re.sub(r"[^\w.-]+", "_", text).strip("._")
    return name[:_NAME_LENGTH] or "video"
