"""The window of ``--show``."""

from __future__ import annotations

import logging
import subprocess
import sys

import cv2

from nanomot.pipeline import Step
from nanomot.video.drawing import Drawer, hud_text

_LOG = logging.getLogger("nanomot")
_ESCAPE = 27
_NO_DISPLAY = "--show: there is no display that OpenCV can use; the run goes on without."
_PROBE = "import cv2; cv2.namedWindow('nanomot'); cv2.waitKey(1)"
_PROBE_SECONDS = 20.0


def display_works() -> bool:
    """Whether OpenCV can open a window here; asked in another process, because Qt ends the one that it fails in."""
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


class Window:
    """Shows annotated frames; where there is no display it says so once and the run goes on."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._works = display_works()
        if not self._works:
            _LOG.warning(_NO_DISPLAY)

    def show(self, step: Step, drawer: Drawer) -> bool:
        """Show one frame; False when the user wants to stop (q or Esc)."""
        if not self._works:
            return True
        frame, tracks = step.frame, step.tracks
        picture = drawer.draw(frame.image, tracks, time=frame.time, caption=hud_text(frame, tracks))
        try:
            cv2.imshow(self._title, picture)
            key = cv2.waitKey(1) & 0xFF
        except cv2.error:
            self._works = False
            _LOG.warning(_NO_DISPLAY)
            return True
        return key not in (_ESCAPE, ord("q"))
