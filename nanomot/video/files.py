"""Video files: frames with the container's own times, and numbers that damage does not shift."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from nanomot.errors import NanomotError
from nanomot.video.frames import Frame, FrameSource, Image
from nanomot.video.opencv import silent_stderr
from nanomot.video.timeline import PacketTimeline, fourcc_name

_LOG = logging.getLogger("nanomot.video")

_FALLBACK_FPS = 30.0
_HIGHEST_FPS = 1000.0
# A decoder that fails may go on after the damage; at the end of a file the attempts are over in no time.
_MOST_FAILURES = 300
# Durations are rounded and may include the sound's end: a film this many frames short of it is not called cut off.
_CUT_FRAMES = 3.5
# Frames that a decoder holds back to reorder them; where the container gives no times, the last ones have none.
_LONGEST_DELAY = 16
_TEXT_BYTES = bytes([9, 10, 12, 13, 27, *range(32, 256)])


class VideoFileSource(FrameSource):
    """Frames of a video file, or of a video of finite length behind a URL.

    ``time`` is the container's, so a variable frame rate gives true times. A frame that exists in the file but cannot
    be decoded is yielded as invalid, with its own number and time (for files, with OpenCV 4.11 or later). What went
    wrong is told in warnings at the end: one for damaged frames, one for a file that ends before its time.

    Raises:
        NanomotError: the file is missing, empty, not a video, or holds no frame that can be decoded.
    """

    def __init__(self, path: Path | str, *, name: str | None = None, capture: cv2.VideoCapture | None = None) -> None:
        self._label = str(path) if name is None else name
        self._lock = threading.Lock()
        self._capture = _open_file(Path(path)) if capture is None else capture
        self._timeline = PacketTimeline(Path(path)) if capture is None else None
        announced = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._first = self._decode()
        if self._first is None:
            codec = fourcc_name(self._capture)
            self.close()
            raise NanomotError(
                f"{self._label}: not one frame can be decoded; it is damaged, or OpenCV lacks its codec ({codec})."
            )
        self._repaired = 0
        # AVI stores no display times: with reordered frames the first one comes late by the decoder's delay.
        avi = capture is None and self._first[2] == 0 and _is_avi(Path(path))
        self._origin = self._first[0] if avi else 0.0
        self._rate, known = self._nominal_rate()
        super().__init__(
            Path(path).stem if name is None else name,
            fps=self._rate if known else None,
            frame_count=self._visible_count(announced),
        )

    def __iter__(self) -> Iterator[Frame]:
        index, damaged, last_time, last_image = 0, 0, -1.0, self._blank()
        try:
            for time, image in self._decoded_and_missing():
                last_time = time
                if image is None:
                    damaged += 1
                else:
                    last_image = image
                yield Frame(index, time, last_image, image is not None)
                index += 1
            self._warn_if_cut(index, last_time)
        finally:
            if damaged:
                _LOG.warning(
                    "%s: %d of %d frames could not be decoded; they are passed on as invalid, so that frame numbers "
                    "stay true.",
                    self._label,
                    damaged,
                    index,
                )
            if self._repaired > _LONGEST_DELAY:
                _LOG.warning(
                    "%s: its time stamps do not always increase; where they do not, %g frames per second is assumed.",
                    self._label,
                    self._rate,
                )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._capture.release()
            if self._timeline is not None:
                self._timeline.close()

    def _decoded_and_missing(self) -> Iterator[tuple[float, Image | None]]:
        """(seconds, picture) of every frame in order of display; None for a frame that could not be decoded."""
        decoded = self._first
        period = 1.0 / self._rate
        last_time = -period
        while decoded is not None:
            time, image, failures = decoded
            time -= self._origin
            if time <= last_time:
                time = last_time + period
                self._repaired += 1
            yield from ((lost, None) for lost in self._lost(last_time, time, failures))
            yield time, image
            last_time = time
            decoded = self._decode()
        if self._timeline is not None:
            yield from ((lost, None) for lost in self._timeline.rest())

    def _lost(self, last_time: float, time: float, failures: int) -> list[float]:
        """Times of the frames lost before the one at ``time``: the container's, else as many as attempts failed."""
        if self._timeline is not None and self._timeline.usable:
            return self._timeline.missing_before(time)
        step = (time - last_time) / (failures + 1)
        return [last_time + step * (number + 1) for number in range(failures)]

    def _decode(self) -> tuple[float, Image | None, int] | None:
        """Time and picture of the next frame, and how many attempts failed before; None at the end of the file."""
        with self._lock:
            for failures in range(_MOST_FAILURES if self._timeline is not None else 1):
                if self._capture.grab():
                    time = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
                    readable, image = self._capture.retrieve()
                    return time, np.asarray(image, dtype=np.uint8) if readable else None, failures
        return None

    def _nominal_rate(self) -> tuple[float, bool]:
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        if math.isfinite(fps) and 0.0 < fps <= _HIGHEST_FPS:
            return float(fps), True
        _LOG.warning("%s: its frame rate is not known (%g); %g is assumed.", self._label, fps, _FALLBACK_FPS)
        return _FALLBACK_FPS, False

    def _visible_count(self, announced: float) -> int | None:
        if not 0 < announced < 2**53:
            return None
        hidden = 0.0 if self._timeline is None else self._timeline.hidden_seconds * self._rate
        return max(int(announced) - round(hidden), 1)

    def _blank(self) -> Image:
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        return np.zeros((height, width, 3), np.uint8)

    def _warn_if_cut(self, count: int, last_time: float) -> None:
        """Some containers only estimate their number of frames, from their duration: both must fall short."""
        if self.frame_count is None or count >= self.frame_count:
            return
        duration = self.frame_count / self._rate
        if self._timeline is not None:
            duration = min(duration, self._timeline.end)
        if last_time + _CUT_FRAMES / self._rate < duration:
            _LOG.warning(
                "%s: ended after %d of %d frames; the file is cut off or its end is damaged.",
                self._label,
                count,
                self.frame_count,
            )


def _is_avi(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"RIFF"


def _open_file(path: Path) -> cv2.VideoCapture:
    if not path.exists():
        raise NanomotError(f"{path}: there is no such file or folder.")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise NanomotError(f"{path}: cannot be read ({error.strerror}).") from error
    if not head:
        raise NanomotError(f"{path}: the file is empty (0 bytes).")
    # FFmpeg would play a text as a film of itself on a terminal.
    if not head.translate(None, _TEXT_BYTES):
        raise NanomotError(f"{path}: is a text file, not a video.")
    # Not every backend: some would take a percent sign in the name as the pattern of an image sequence.
    with silent_stderr():
        capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise NanomotError(f"{path}: is not a video that can be read, or it is damaged (cut off before its index).")
    return capture
