"""Annotated video: an MP4 that plays at the right speed and is complete up to its last frame."""

from __future__ import annotations

import functools
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from nanomot.detections import Tracks
from nanomot.errors import NanomotError
from nanomot.video.frames import Frame, Image
from nanomot.video.opencv import silent_stderr
from nanomot.video.part_file import prepare_output

_LOG = logging.getLogger("nanomot.video")

_FALLBACK_FPS = 30.0
_LOWEST_FPS, _HIGHEST_FPS = 1.0, 240.0
# An MP4 can only be played once its index is written, at the end: that needs room when the disk is nearly full.
_RESERVED_BYTES = 8 << 20
_GREY = 114


class VideoWriter:
    """Writes an MP4 in H.264 where OpenCV can, in MPEG-4 otherwise; frame sizes follow the first picture.

    Every frame is written once, at ``fps`` (the source's nominal rate; 30 where it is None; within 1 to 240): with a
    variable frame rate the video is right in its frames and, on average, in its speed. An odd width or height grows
    by one pixel, a picture of another size is fitted in with grey borders. The file is ``<stem>.part.mp4`` until it
    is closed. ``draw`` turns a frame and its tracks into the picture that :meth:`write` stores.

    Raises:
        NanomotError: the file cannot be written, or the disk has no room left; what was written remains playable.
    """

    def __init__(
        self, path: str | Path, *, fps: float | None, draw: Callable[[Frame, Tracks], Image] | None = None
    ) -> None:
        self.path = Path(path)
        self.part = self.path.with_name(f"{self.path.stem}.part{self.path.suffix}")
        prepare_output(self.path)
        self._fps = min(max(fps or _FALLBACK_FPS, _LOWEST_FPS), _HIGHEST_FPS)
        self._draw = draw
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._count = 0
        self._resized = False

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """Draw one frame's tracks and store the picture."""
        self.write_image(frame.image if self._draw is None else self._draw(frame, tracks))

    def write_image(self, image: Image) -> None:
        """Store one (H, W, 3) uint8 BGR picture."""
        if self._writer is None:
            self._open(image)
        self._check_space()
        assert self._writer is not None
        self._writer.write(self._fit(image))
        self._count += 1

    def close(self) -> None:
        """Finish the file under its own name; safe to call twice."""
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        if not _is_playable(self.part):
            raise NanomotError(
                f"{self.path}: the video could not be finished (is the disk full?); what there is of it is in "
                f"{self.part.name}."
            )
        try:
            self.part.replace(self.path)
        except OSError as error:
            raise NanomotError(
                f"{self.path}: cannot be written ({error.strerror}); the video is in {self.part.name}."
            ) from error

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, image: Image) -> None:
        height, width = image.shape[:2]
        self._size = (width + width % 2, height + height % 2)
        try:
            self.part.touch()
        except OSError as error:
            raise NanomotError(f"{self.part}: cannot be written ({error.strerror}).") from error
        self._check_space()
        with silent_stderr():
            writer = _open_writer(self.part, best_codec(), self._fps, self._size)
        if not writer.isOpened():
            writer.release()
            raise NanomotError(
                f"{self.path}: OpenCV cannot write a video of {width} x {height} pixels to a file called "
                f"{self.path.name}; {self.path.stem}.mp4 works wherever OpenCV has FFmpeg."
            )
        self._writer = writer

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.path.parent).free
        if free < _RESERVED_BYTES:
            count = self._count
            if count:
                self.close()
            else:
                self.part.unlink()
            raise NanomotError(
                f"{self.path}: the disk has only {free / 1e6:.1f} MB left; the video ends after {count} frames."
            )

    def _fit(self, image: Image) -> Image:
        """The picture in the size of the video: unchanged, one pixel larger, or letterboxed."""
        width, height = self._size
        have_height, have_width = image.shape[:2]
        if (have_width, have_height) == (width, height):
            return image
        if (have_width + have_width % 2, have_height + have_height % 2) == (width, height):
            right, below = width - have_width, height - have_height
            return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        if not self._resized:
            self._resized = True
            _LOG.warning("%s: pictures change their size; later ones are fitted into %d x %d.", self.path, *self._size)
        scale = min(width / have_width, height / have_height)
        inner = (max(round(have_width * scale), 1), max(round(have_height * scale), 1))
        out = np.full((height, width, 3), _GREY, np.uint8)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        out[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
        return out


@functools.cache
def best_codec() -> str:
    """The code of the best MP4 codec that OpenCV can really write and read back: avc1 (H.264), else mp4v (MPEG-4)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.mp4"
        image = np.zeros((64, 64, 3), np.uint8)
        with silent_stderr():
            writer = _open_writer(path, "avc1", _FALLBACK_FPS, (64, 64))
            for _ in range(3):
                writer.write(image)
            writer.release()
            return "avc1" if _is_playable(path) else "mp4v"


def _open_writer(path: Path, codec: str, fps: float, size: tuple[int, int]) -> cv2.VideoWriter:
    return cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)


def _is_playable(path: Path) -> bool:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    playable = bool(capture.isOpened() and capture.grab())
    capture.release()
    return playable
