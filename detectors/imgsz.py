"""The shape of a network's input: what the user asks for, and what follows from the picture."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from nanomot.errors import NanomotError

Size = tuple[int, int]
"""(height, width) in pixels."""

MULTIPLE = 32
_AUTO = re.compile(r"auto\*(\d+(\.\d*)?|\.\d+)")
_FACTORS = 1 / 16, 16.0
ASPECT_TOLERANCE = 0.12
"""How far two aspect ratios may differ, as the logarithm of their quotient, before a picture is letterboxed.

Shapes in multiples of 32 meet common pictures within 0.10. NanoDet-m's person AP50 falls by 0.03 to 0.08 when 16:9
(0.58 off) is stretched to a square (scripts/bench_detectors.py).
"""


def parse_imgsz(value: str | int | Sequence[int]) -> str | Size:
    """``"native"``, ``"auto"`` or (height, width) from what a user wrote: also ``"320x544"``, ``416`` or a pair.

    ``"auto*2"`` asks for twice the pixels of ``"auto"``; see :func:`pixel_factor`.

    Raises:
        NanomotError: it is none of these, or a side is not a positive multiple of 32.
    """
    sides: list[int] | None = None
    if isinstance(value, str):
        text = value.strip().lower()
        if text in ("native", "auto"):
            return text
        if _AUTO.fullmatch(text) and _FACTORS[0] <= float(text[5:]) <= _FACTORS[1]:
            return text
        match = re.fullmatch(r"(\d+)(?:[x,](\d+))?", text)
        if match:
            sides = [int(match[1]), int(match[2] or match[1])]
    elif isinstance(value, int):
        sides = [value, value]
    elif isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(side, int) for side in value):
        sides = list(value)
    if sides is None:
        raise NanomotError(
            f"imgsz is {value!r}, but must be native, auto, auto*FACTOR (1/16 to 16), HEIGHTxWIDTH such as 320x544, "
            "or one number for a square."
        )
    if any(side < MULTIPLE or side % MULTIPLE for side in sides):
        raise NanomotError(f"imgsz is {value!r}, but both sides must be multiples of {MULTIPLE} pixels.")
    return sides[0], sides[1]


def pixel_factor(imgsz: str) -> float:
    """How many times the file's own pixels ``"auto"`` (1) or ``"auto*2"`` (2) asks for."""
    return float(imgsz[5:]) if _AUTO.fullmatch(imgsz) else 1.0


def auto_size(native: Size, frame: Size, factor: float = 1.0) -> Size:
    """The input size with about ``factor`` x the pixels of ``native`` at the aspect of ``frame``, in multiples of 32.

    Of the four roundings of the exact size, the one with the least change of aspect and pixel count, both measured as
    logarithms of their quotients.
    """
    pixels = native[0] * native[1] * factor
    aspect = frame[1] / frame[0]
    exact = (math.sqrt(pixels / aspect), math.sqrt(pixels * aspect))
    options = [{max(1, math.floor(side / MULTIPLE)), max(1, math.ceil(side / MULTIPLE))} for side in exact]
    sizes = [(rows * MULTIPLE, columns * MULTIPLE) for rows in sorted(options[0]) for columns in sorted(options[1])]
    return min(sizes, key=lambda size: aspect_error(size, frame) + abs(math.log(size[0] * size[1] / pixels)))


def aspect_error(size: Size, frame: Size) -> float:
    """Difference of two aspect ratios as the absolute logarithm of their quotient; 0 where they agree."""
    return abs(math.log(size[1] * frame[0] / (size[0] * frame[1])))
