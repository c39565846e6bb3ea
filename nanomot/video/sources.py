"""Where frames come from: one way in for files, folders, cameras and streams."""

from __future__ import annotations

import glob
import logging
import re
from pathlib import Path

import cv2

from nanomot.errors import NanomotError
from nanomot.video.files import VideoFileSource
from nanomot.video.frames import Frame, FrameSource, ImageSequenceSource
from nanomot.video.images import IMAGE_EXTENSIONS, natural_key, open_image, open_image_folder
from nanomot.video.live import LiveSource, mask_password, open_live_capture, url_name

__all__ = ["DEMOS", "Frame", "FrameSource", "ImageSequenceSource", "matching_sources", "open_source"]

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


def matching_sources(pattern: str) -> list[str] | None:
    """The videos and folders that a pattern such as ``clips/*.mp4`` names, in natural order; None where it is none.

    ``**`` stands for any depth of folders. A path that exists is no pattern, nor is a URL. Pictures are not taken one
    by one: those of a sequence are read by naming their folder.

    Raises:
        NanomotError: nothing matches, or nothing but pictures.
    """
    if not glob.has_magic(pattern) or "://" in pattern or Path(pattern).expanduser().exists():
        return None
    matches = glob.glob(str(Path(pattern).expanduser()), recursive=True)  # noqa: PTH207  # takes whole paths
    found = sorted(matches, key=natural_key)
    if not found:
        raise NanomotError(f"{pattern}: nothing matches this pattern.")
    places = [place for place in found if Path(place).suffix.lower() not in IMAGE_EXTENSIONS or Path(place).is_dir()]
    if not places:
        raise NanomotError(f"{pattern}: names pictures; name their folder, which is read as one sequence.")
    if len(places) < len(found):
        _LOG.warning("%s: %d pictures among the matches are left out.", pattern, len(found) - len(places))
    return places


def _open_url(url: str, reconnect_limit: float) -> FrameSource:
    """A video of finite length is read to its end; everything else is live and worth connecting to again."""
    capture = open_live_capture(url)
    if capture.isOpened() and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return VideoFileSource(url, name=url_name(url), capture=capture)
    return LiveSource(url, reconnect_limit=reconnect_limit, capture=capture)


def _compare(kind: str, demo: str | None, text: str) -> None:
    if demo is not None and demo != kind:
        _LOG.warning("%s: is read as %s, although --demo says %s.", mask_password(text), kind, demo)
