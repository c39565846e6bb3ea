"""Which frames a video file holds, asked of its container and not of its decoder.

A decoder passes over what it cannot decode without a word, and every later frame would get a wrong number. The
container knows better: its packets carry the display times of all frames, damaged or not, in variable frame rate too.
"""

from __future__ import annotations

import heapq
import logging
from pathlib import Path

import cv2

from nanomot.video.mp4 import visible_window

_LOG = logging.getLogger("nanomot.video")

# Packets come in decoding order. H.264 and HEVC reorder at most 16 frames, so the earliest of 32 is the next to show.
_LOOKAHEAD = 32
_TOLERANCE = 5e-4
# VP8 keeps reference pictures that are never shown in packets of their own.
_CODECS_WITH_HIDDEN_PACKETS = ("VP80",)


class PacketTimeline:
    """Display times of a file's frames, in order, read from its packets alongside the decoder (no decoding).

    Attributes:
        usable: False once the times are known not to describe what the decoder delivers; nothing is then reported.
        hidden_seconds: length of what the file's edit list hides before the first frame shown.
        end: time in seconds at which the edit list ends, after the first frame shown; inf where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._heap: list[float] = []
        self._packets = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        hidden = fourcc_name(self._packets) in _CODECS_WITH_HIDDEN_PACKETS
        start, end = visible_window(path)
        self.hidden_seconds = max(start, 0.0)
        self.end = end - self.hidden_seconds
        # How much of a hidden start the demuxer passes over depends on its key frames: the times' origin is lost.
        self.usable = (
            not hidden
            and self.hidden_seconds <= _TOLERANCE
            and self._packets.isOpened()
            and bool(self._packets.set(cv2.CAP_PROP_FORMAT, -1))
        )
        self._origin = 0.0
        self._delivered = float("-inf")
        self._fill()
        if self._heap:
            self._origin = self._heap[0]
        # OpenCV before 4.11 does not tell the time of a packet: all of them would be 0.
        self.usable = self.usable and (len(self._heap) < 2 or self._heap[0] != max(self._heap))

    def missing_before(self, time: float) -> list[float]:
        """Times in seconds of the frames between the last call's and ``time``, which the decoder has just delivered."""
        missing: list[float] = []
        if not self.usable:
            return missing
        while self._heap and self._heap[0] - self._origin < time - _TOLERANCE:
            missing.append(self._pop())
        if not self._heap or self._heap[0] - self._origin > time + _TOLERANCE:
            _LOG.debug("The packets' times do not match the decoder's at %.3f s; lost frames cannot be told.", time)
            self.usable = False
            return []
        self._delivered, last = self._pop(), self._delivered
        # Where a container gives some packets no time of their own, a packet repeats one that was delivered.
        return [lost for lost in missing if lost > last + _TOLERANCE]

    def rest(self) -> list[float]:
        """Times in seconds of the frames after the last one that the decoder delivered."""
        times: list[float] = []
        while self.usable and self._heap:
            times.append(self._pop())
        return [lost for lost in times if lost > self._delivered + _TOLERANCE]

    def close(self) -> None:
        """Close the file."""
        self.usable = False
        self._packets.release()

    def _pop(self) -> float:
        time = heapq.heappop(self._heap) - self._origin
        self._fill()
        return time

    def _fill(self) -> None:
        while self.usable and len(self._heap) < _LOOKAHEAD and self._packets.grab():
            time = self._packets.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            if time < self.end - _TOLERANCE:
                heapq.heappush(self._heap, time)


def fourcc_name(capture: cv2.VideoCapture) -> str:
    """The four letters that name the codec of an open video, in capitals."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    return code.to_bytes(4, "little").decode("ascii", "replace").upper()
