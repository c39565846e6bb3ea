"""The window of ``--show``."""

from __future__ import annotations

import logging

import cv2

from nanomot.pipeline import Step
from nanomot.video.drawing import Drawer, hud_text

_LOG = logging.getLogger("nanomot")
_ESCAPE = 27


class Window:
    """Shows annotated frames; where there is no display it says so once and the run goes on."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._works = True

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
            _LOG.warning("--show: there is no display that OpenCV can use; the run goes on without.")
            return True
        return key not in (_ESCAPE, ord("q"))
