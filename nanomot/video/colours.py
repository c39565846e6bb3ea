"""A colour for every id: the same on every run, and far from that of the ids before it."""

from __future__ import annotations

import colorsys
import functools

Colour = tuple[int, int, int]

# Steps of the golden ratio around the colour circle keep any run of consecutive ids apart.
_GOLDEN_RATIO = 0.6180339887498949
_TONES = ((0.80, 1.0), (0.62, 0.92), (0.92, 0.80))
_START = 0.33


@functools.lru_cache(maxsize=512)
def id_colour(number: int) -> Colour:
    """The BGR colour (0 to 255) of a track id or a class id."""
    saturation, value = _TONES[number % len(_TONES)]
    red, green, blue = colorsys.hsv_to_rgb((_START + number * _GOLDEN_RATIO) % 1.0, saturation, value)
    return round(blue * 255), round(green * 255), round(red * 255)


@functools.lru_cache(maxsize=512)
def text_colour(background: Colour) -> Colour:
    """Black or white, whichever stands out more on a BGR background (luminance of ITU-R BT.601)."""
    blue, green, red = background
    return (20, 20, 20) if 0.114 * blue + 0.587 * green + 0.299 * red > 125.0 else (255, 255, 255)
