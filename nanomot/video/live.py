"""Cameras and streams: frames that come when they come, and connections that break."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from nanomot.errors import NanomotError
from nanomot.video.frames import Frame, FrameSource, Image

_LOG = logging.getLogger("nanomot.video")

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_MOST_DOUBLINGS = 10
_TIMEOUT_MS = 10_000
_HIGHEST_FPS = 1000.0

OpenCapture = Callable[["int | str"], cv2.VideoCapture]


class LiveSource(FrameSource):
    """A webcam (an index) or a network stream (a URL), read until it is closed.

    ``time`` is seconds of a monotonic clock since the first frame. When the connection breaks it is opened again,
    with pauses of 0.5 s, 1 s, 2 s and so on up to 10 s; no frame is yielded meanwhile, but time goes on. After
    ``reconnect_limit`` seconds of one outage the iteration ends with an error; 0 never reconnects.

    Raises:
        NanomotError: the first connection fails, at once; an outage lasts longer than ``reconnect_limit``.
    """

    def __init__(
        self,
        target: int | str,
        *,
        reconnect_limit: float = 60.0,
        capture: cv2.VideoCapture | None = None,
        open_capture: OpenCapture | None = None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target = target
        self._label = f"webcam {target}" if isinstance(target, int) else mask_password(target)
        self._limit = reconnect_limit
        self._open = open_capture or open_live_capture
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._clock = clock
        self._lock = threading.Lock()
        self._capture = capture if capture is not None else self._open(target)
        if not self._capture.isOpened():
            self._capture.release()
            raise NanomotError(f"{self._label}: cannot be opened; is it connected, switched on and not in use?")
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        name = f"webcam_{target}" if isinstance(target, int) else url_name(target)
        super().__init__(name, fps=fps if 0.0 < fps <= _HIGHEST_FPS else None, frame_count=None, live=True)

    def __iter__(self) -> Iterator[Frame]:
        index, start, last = 0, None, self._clock()
        attempts = 0
        while not self._closed.is_set():
            image = self._read()
            if image is None:
                self._reconnect(last, attempts)
                attempts += 1
                continue
            last = self._clock()
            if attempts:
                _LOG.warning("%s: connected again.", self._label)
                attempts = 0
            start = last if start is None else start
            yield Frame(index, last - start, image)
            index += 1

    def close(self) -> None:
        """Let go of the camera or the connection; a pause before a new attempt ends at once."""
        self._closed.set()
        with self._lock:
            self._capture.release()

    def _reconnect(self, last: float, attempts: int) -> None:
        """Wait and open the source again; raise once the time since the last frame, at ``last``, exceeds the limit."""
        left = self._limit - (self._clock() - last)
        if left <= 0.0:
            raise NanomotError(
                f"{self._label}: the connection was lost; {attempts} attempts within {self._limit:g} s did not bring "
                "it back."
            )
        pause = min(_FIRST_PAUSE * 2.0 ** min(attempts, _MOST_DOUBLINGS), _LONGEST_PAUSE, left)
        _LOG.warning("%s: no frame came; connecting again in %.1f s.", self._label, pause)
        self._sleep(pause)
        with self._lock:
            self._capture.release()
            if not self._closed.is_set():
                self._capture = self._open(self._target)

    def _read(self) -> Image | None:
        with self._lock:
            readable, image = self._capture.read()
        return np.asarray(image, dtype=np.uint8) if readable else None


def open_live_capture(target: int | str) -> cv2.VideoCapture:
    """Open a webcam by index or a stream by URL; a network that does not answer is given 10 s."""
    if isinstance(target, int):
        capture = cv2.VideoCapture(target)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
    return cv2.VideoCapture(target, cv2.CAP_FFMPEG, timeouts)


def mask_password(url: str) -> str:
    """The URL as it may be printed: passwords and keys replaced by ``***``."""
    masked = re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)
    return re.sub(r"(?i)([?&;](?:[\w-]*(?:pass|pwd|token|key|secret)[\w-]*)=)[^&;#]*", r"\1***", masked)


def url_name(url: str) -> str:
    """Host and path of a URL, without user, password, port or query: the name of its sequence."""
    rest = url.split("://", 1)[-1]
    host, _, path = rest.partition("/")
    host = host.rsplit("@", 1)[-1].split(":")[0]
    path = re.split(r"[?#;]", path)[0].strip("/")
    return f"{host}_{path}" if path else host
