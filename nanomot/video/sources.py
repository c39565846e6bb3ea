"""Where frames come from: one way in for files, folders, cameras and streams."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import cv2

from nanomot.errors import NanomotError
from nanomot.video.files import VideoFileSource
from nanomot.video.frames import Frame, FrameSource, ImageSequenceSource
from nanomot.video.images import IMAGE_EXTENSIONS, open_image, open_image_folder
from nanomot.video.live import LiveSource, mask_password, open_live_capture, url_name

__all__ = ["DEMOS", "Frame", "FrameSource", "ImageSequenceSource", "open_source"]

_LOG = logging.getLogger("nanomot.video")

DEMOS = ("image", "video", "webcam")


def open_source(
    path: str | Path, *, demo: str | None = None, fps: float = 30.0, reconnect_limit: float = 60.0
) -> FrameSource:
    """Open whatever ``path`` names.

    That is a video file, one picture, a folder of pictures, a MOTChallenge sequence (a folder with ``seqinfo.ini``),
    the index of a webcam ("0"), or a URL. ``demo`` ("image", "video" or "webcam") says what the caller expects; what
    ``path`` really is wins, and a contradiction gives a warning. ``fps`` times pictures that carry no time of their
    own; ``reconnect_limit`` is how many seconds a stream may be gone.

    Raises:
        NanomotError: there is no such thing, or it cannot be read; the message names it.
    """
    if demo is not None and demo not in DEMOS:
        raise NanomotError(f"demo: must be one of {', '.join(DEMOS)}, not {demo!r}.")
    if not fps > 0.0:
        raise NanomotError(f"fps: must be above 0, not {fps}.")
    text = re.sub(r"^/dev/video(?=\d+$)", "", str(path))
    # A file that happens to be called "0" is only meant where no webcam was asked for.
    if re.fullmatch(r"\d{1,3}", text) and (demo == "webcam" or not Path(text).exists()):
        _compare("webcam", demo, text)
        return LiveSource(int(text), reconnect_limit=reconnect_limit)
    if re.match(r"(?i)[a-z][a-z0-9+.-]+://", text):
        return _open_url(text, reconnect_limit)
    place = Path(text).expanduser()
    if place.is_dir():
        _compare("image", demo, text)
        return open_image_folder(place, fps)
    if place.suffix.lower() in IMAGE_EXTENSIONS and place.is_file():
        _compare("image", demo, text)
        return open_image(place, fps)
    if place.exists():
        _compare("video", demo, text)
    return VideoFileSource(place)


def _open_url(url: str, reconnect_limit: float) -> FrameSource:
    """A video of finite length is read to its end; everything else is live and worth connecting to again."""
    capture = open_live_capture(url)
    if capture.isOpened() and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return VideoFileSource(url, name=url_name(url), capture=capture)
    return LiveSource(url, reconnect_limit=reconnect_limit, capture=capture)


def _compare(kind: str, demo: str | None, text: str) -> None:
    if demo is not None and demo != kind:
        _LOG.warning("%s: is read as %s, although --demo says %s.", mask_password(text), kind, demo)
