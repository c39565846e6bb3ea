"""OpenCV's rough edges: a missing system library at import, and what its C code prints."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from nanomot.errors import NanomotError

# FFmpeg reports every damaged macroblock on stderr, past Python's logging, and OpenCV every file that it cannot open;
# nanomot counts and names them itself. Both read these variables once, so they have to be set before the first video.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")


def require_opencv() -> None:
    """Make sure that ``import cv2`` works.

    Raises:
        NanomotError: it does not; the message says which package or system library to install.
    """
    try:
        importlib.import_module("cv2")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in (None, "cv2"):
            raise  # it is not OpenCV that is missing
        reason = " ".join(str(error).split())
        if isinstance(error, ModuleNotFoundError) and error.name == "cv2":
            advice = "install opencv-python, or opencv-python-headless on a machine without a display"
        else:
            advice = (
                "install the missing system library (on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0) or "
                "replace the package: pip uninstall opencv-python && pip install opencv-python-headless"
            )
        raise NanomotError(f"OpenCV cannot be imported ({reason}); {advice}.") from error


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Hide what C code writes to file descriptor 2 while the body runs; for short probes that may fail."""
    try:
        saved = os.dup(2)
    except OSError:
        yield
        return
    try:
        with open(os.devnull, "wb") as devnull:  # noqa: PTH123  # a device, not a path of the user's
            os.dup2(devnull.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
