"""Text on a filled background that stays inside the picture and off other labels."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import cv2

from nanomot.video.colours import Colour, text_colour
from nanomot.video.frames import Image

_FONT = cv2.FONT_HERSHEY_DUPLEX

Rectangle = tuple[int, int, int, int]


class LabelPlacer:
    """Puts the labels of one picture, one after the other.

    A label sits on top of its box. Where there is no room, or another label already is, it goes inside the box or
    below it, and where every place is taken, a shorter text is tried. ``taken`` are rectangles to stay clear of.
    """

    def __init__(self, canvas: Image, scale: float, taken: Sequence[Rectangle] = ()) -> None:
        self._canvas = canvas
        self._scale = scale
        self._taken = list(taken)

    def put(self, box: Rectangle, texts: Sequence[str], colour: Colour, thickness: int) -> None:
        """Label an ``xyxy`` box in integer pixels with the first of ``texts`` that finds room, else with the last."""
        for text in texts:
            for place in self._places(box, text, thickness):
                if not any(_overlap(place, other) for other in self._taken):
                    self._draw(place, text, colour)
                    return
        self._draw(next(self._places(box, texts[-1], thickness)), texts[-1], colour)

    def _places(self, box: Rectangle, text: str, thickness: int) -> Iterator[Rectangle]:
        """Rectangles above, inside and below the box, shifted into the picture."""
        picture_height, picture_width = self._canvas.shape[:2]
        width, height, _ = label_size(text, self._scale)
        half = thickness // 2
        left = min(max(box[0] - half, 0), max(picture_width - width, 0))
        for top in (box[1] - half - height, box[1] + half + 1, box[3] + half + 1):
            top = min(max(top, 0), max(picture_height - height, 0))
            yield left, top, left + width, top + height

    def _draw(self, place: Rectangle, text: str, colour: Colour) -> None:
        self._taken.append(place)
        left, top, right, bottom = place
        cv2.rectangle(self._canvas, (left, top), (right - 1, bottom - 1), colour, cv2.FILLED)
        put_text(self._canvas, (left, top), text, self._scale, text_colour(colour))


@functools.lru_cache(maxsize=1024)
def label_size(text: str, scale: float) -> tuple[int, int, int]:
    """Width and height in pixels of a label with its margins, and the height of its base line from the bottom."""
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, 1)
    margin = max(round(6 * scale), 2)
    return width + 2 * margin, height + baseline + margin, baseline + margin // 2


def put_text(canvas: Image, corner: tuple[int, int], text: str, scale: float, colour: Colour) -> None:
    """Write ``text`` into the label whose left upper corner is ``corner``, margins included."""
    _, height, base = label_size(text, scale)
    margin = max(round(6 * scale), 2)
    cv2.putText(canvas, text, (corner[0] + margin, corner[1] + height - base), _FONT, scale, colour, 1, cv2.LINE_AA)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
