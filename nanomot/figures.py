"""Painted people and a painted street: what the synthetic scene is made of.

Everything is drawn by OpenCV's primitives from a seed; no picture of anybody travels with nanomot. Figures are drawn
once per pose, several times larger than needed, and shrunk, which gives them soft edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

POSES = 12
"""Poses of one gait cycle (two steps); the pose after them is the one for standing still."""

_SUPERSAMPLING = 4
_SPRITE_WIDTH = 0.72
_SPRITE_HEIGHT = 1.06
_SKIN: tuple[Colour, ...] = ((140, 172, 226), (110, 148, 205), (84, 118, 172), (62, 84, 126), (168, 196, 238))
_HAIR: tuple[Colour, ...] = ((28, 30, 36), (38, 52, 84), (60, 96, 140), (90, 150, 190), (150, 152, 156))


@dataclass(frozen=True, eq=False)
class Sprites:
    """One person in every pose, facing right.

    Attributes:
        colour: (POSES + 1, H, W, 4) uint8, BGR multiplied by alpha, then alpha.
        extents: (POSES + 1, 4) float64, ``xyxy`` of the painted pixels in body heights, (0, 0) between the feet.
        areas: (POSES + 1,) float64, painted pixels.
        anchor: the point between the feet, in sprite pixels.
        body: the body's height in sprite pixels.
    """

    colour: Picture
    extents: NDArray[np.float64]
    areas: NDArray[np.float64]
    anchor: tuple[float, float]
    body: float


@dataclass(frozen=True)
class _Look:
    """What one person wears."""

    skin: Colour
    hair: Colour
    shirt: Colour
    accent: Colour
    trousers: Colour
    shoes: Colour
    striped: bool
    skirt: bool
    bag: bool
    long_hair: bool
    build: float


def _vivid(rng: np.random.Generator, value: tuple[int, int], saturation: tuple[int, int]) -> Colour:
    hsv = np.array([[[rng.integers(0, 180), rng.integers(*saturation), rng.integers(*value)]]], np.uint8)
    blue, green, red = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red


def _choose_look(rng: np.random.Generator) -> _Look:
    return _Look(
        skin=_SKIN[rng.integers(len(_SKIN))],
        hair=_HAIR[rng.integers(len(_HAIR))],
        shirt=_vivid(rng, (70, 240), (90, 230)),
        accent=_vivid(rng, (60, 250), (20, 220)),
        trousers=_vivid(rng, (35, 120), (30, 150)),
        shoes=_vivid(rng, (25, 80), (10, 90)),
        striped=bool(rng.random() < 0.35),
        skirt=bool(rng.random() < 0.25),
        bag=bool(rng.random() < 0.4),
        long_hair=bool(rng.random() < 0.4),
        build=float(rng.uniform(0.9, 1.15)),
    )


class _Canvas:
    """A BGRA picture addressed in body heights: x to the right of the feet, y upwards from the ground."""

    def __init__(self, body: float) -> None:
        self.body = body
        size = int(np.ceil(body * _SPRITE_HEIGHT)), int(np.ceil(body * _SPRITE_WIDTH))
        self.pixels: Picture = np.zeros((*size, 4), np.uint8)
        self.anchor = size[1] * 0.5, size[0] - 0.03 * body

    def _to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        flipped = points * (self.body, -self.body)
        return np.round(flipped + self.anchor).astype(np.int32)

    def limb(self, points: list[tuple[float, float]], thickness: float, colour: Colour) -> None:
        """Draw a chain of round-ended strokes."""
        pixels = self._to_pixels(np.array(points))
        cv2.polylines(self.pixels, [pixels], False, (*colour, 255), max(1, round(thickness * self.body)))

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """Fill a convex outline."""
        cv2.fillConvexPoly(self.pixels, self._to_pixels(np.array(points)), (*colour, 255))

    def oval(self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour) -> None:
        """Fill an upright ellipse."""
        x, y = self._to_pixels(np.array([centre]))[0].tolist()
        axes = max(1, round(radii[0] * self.body)), max(1, round(radii[1] * self.body))
        cv2.ellipse(self.pixels, (x, y), axes, 0.0, 0.0, 360.0, (*colour, 255), cv2.FILLED)


def _darker(colour: Colour, factor: float = 0.72) -> Colour:
    return int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor)


def _leg(canvas: _Canvas, look: _Look, swing: float, lift: float, hip: float, near: bool) -> None:
    """One leg: ``swing`` is the thigh's angle (radians, forwards is positive), ``lift`` the bend of the knee."""
    knee = np.sin(swing) * 0.24, hip - np.cos(swing) * 0.24
    shin = swing - lift
    ankle = knee[0] + np.sin(shin) * 0.22, max(0.03, knee[1] - np.cos(shin) * 0.22)
    trousers = look.trousers if near else _darker(look.trousers)
    lower = look.skin if look.skirt else trousers
    canvas.limb([knee, ankle], 0.055 * look.build, lower if near else _darker(lower))
    canvas.limb([(0.0, hip), knee], 0.085 * look.build, trousers)
    canvas.limb([ankle, (ankle[0] + 0.065, ankle[1] - 0.012)], 0.04, look.shoes if near else _darker(look.shoes))


def _arm(canvas: _Canvas, look: _Look, swing: float, shoulder: float, near: bool) -> None:
    """One arm: ``swing`` is the upper arm's angle in radians; the forearm bends a little further forwards."""
    elbow = np.sin(swing) * 0.16, shoulder - np.cos(swing) * 0.16
    forearm = swing + 0.35
    hand = elbow[0] + np.sin(forearm) * 0.14, elbow[1] - np.cos(forearm) * 0.14
    sleeve = _darker(look.shirt, 0.88 if near else 0.65)
    canvas.limb([elbow, hand], 0.04 * look.build, look.skin if near else _darker(look.skin))
    canvas.limb([(0.0, shoulder), elbow], 0.055 * look.build, sleeve)


def _torso(canvas: _Canvas, look: _Look, hip: float, shoulder: float) -> None:
    chest, waist = 0.088 * look.build, 0.07 * look.build
    corners = [(-chest, shoulder), (chest, shoulder), (waist, hip), (-waist, hip)]
    canvas.shape(corners, look.shirt)
    canvas.limb([(-chest * 0.5, shoulder), (chest * 0.5, shoulder)], 0.075, look.shirt)
    if look.striped:
        for level in np.linspace(hip + 0.05, shoulder - 0.04, 4):
            reach = waist + (chest - waist) * (level - hip) / (shoulder - hip)
            canvas.limb([(-reach * 0.95, level), (reach * 0.95, level)], 0.02, look.accent)
    if look.skirt:
        hem = hip - 0.19
        canvas.shape(
            [(-waist, hip + 0.03), (waist, hip + 0.03), (waist * 1.5, hem), (-waist * 1.5, hem)], look.trousers
        )
    if look.bag:
        canvas.limb([(-chest * 0.9, shoulder - 0.03), (-chest * 0.95, shoulder - 0.2)], 0.075, look.accent)


def _head(canvas: _Canvas, look: _Look, shoulder: float) -> None:
    canvas.limb([(0.0, shoulder), (0.012, shoulder + 0.07)], 0.05, _darker(look.skin, 0.85))
    centre = 0.018, shoulder + 0.115
    if look.long_hair:
        canvas.limb([(-0.02, centre[1] + 0.01), (-0.035, shoulder + 0.005)], 0.07, look.hair)
    canvas.oval((centre[0] - 0.008, centre[1] + 0.012), (0.056, 0.066), look.hair)
    canvas.oval((centre[0] + 0.012, centre[1] - 0.008), (0.044, 0.056), look.skin)


def _pose(look: _Look, body: float, pose: int) -> _Canvas:
    """Draw one pose; pose ``POSES`` stands still."""
    canvas = _Canvas(body)
    phase = 2.0 * np.pi * pose / POSES
    stride = 0.0 if pose == POSES else 0.48
    swing = stride * np.sin(phase)
    bob = 0.012 * np.cos(2.0 * phase) if stride else 0.012
    hip, shoulder = 0.48 + bob, 0.79 + bob
    # The knee bends while its leg travels forwards, which is when the swing grows.
    lifts = [1.1 * stride * max(0.0, np.cos(phase + shift)) + 0.08 for shift in (0.0, np.pi)]
    _arm(canvas, look, 0.9 * swing, shoulder, near=False)
    _leg(canvas, look, -swing, lifts[1], hip, near=False)
    _leg(canvas, look, swing, lifts[0], hip, near=True)
    _torso(canvas, look, hip, shoulder)
    _head(canvas, look, shoulder)
    _arm(canvas, look, -0.9 * swing, shoulder, near=True)
    return canvas


def _shade(pixels: Picture, rng: np.random.Generator) -> Picture:
    """Light from the left and a little cloth texture; the result's colours are multiplied by its alpha."""
    height, width = pixels.shape[:2]
    light = np.linspace(1.25, 0.7, width, dtype=np.float32)[None, :, None]
    weave = cv2.GaussianBlur(rng.normal(0.0, 0.35, (height, width)).astype(np.float32), (0, 0), 1.2)[..., None]
    shaded = pixels[..., :3] * light * (1.0 + weave)
    alpha = pixels[..., 3:].astype(np.float32)
    np.minimum(shaded, alpha, out=shaded)
    return np.concatenate([shaded, alpha], axis=2).astype(np.uint8)


def paint_person(seed: int, body: float) -> Sprites:
    """Paint one person, ``body`` pixels tall, in every pose; the same seed gives the same person."""
    rng = np.random.default_rng([seed, 77])
    look = _choose_look(rng)
    large = body * _SUPERSAMPLING
    pictures, extents, areas = [], [], []
    for pose in range(POSES + 1):
        canvas = _pose(look, large, pose)
        height, width = (int(np.ceil(side / _SUPERSAMPLING)) for side in canvas.pixels.shape[:2])
        ys, xs = np.nonzero(canvas.pixels[..., 3])
        corners = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64)
        extents.append((corners - np.tile(canvas.anchor, 2)) / large)
        areas.append(len(xs) / _SUPERSAMPLING**2)
        canvas_size = width * _SUPERSAMPLING, height * _SUPERSAMPLING
        padded = cv2.copyMakeBorder(
            canvas.pixels,
            0,
            canvas_size[1] - canvas.pixels.shape[0],
            0,
            canvas_size[0] - canvas.pixels.shape[1],
            cv2.BORDER_CONSTANT,
        )
        shrunk = cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA)
        pictures.append(_shade(np.asarray(shrunk, np.uint8), rng))
    anchor = canvas.anchor[0] / _SUPERSAMPLING, canvas.anchor[1] / _SUPERSAMPLING
    return Sprites(np.stack(pictures), np.stack(extents), np.array(areas), anchor, body)


def _texture(rng: np.random.Generator, height: int, width: int, sigma: float, strength: float) -> NDArray[Any]:
    noise = cv2.GaussianBlur(rng.normal(0.0, 1.0, (height, width)).astype(np.float32), (0, 0), sigma)
    return (noise * (strength / max(float(noise.std()), 1e-6)))[..., None]


def _paint_facade(street: Picture, rng: np.random.Generator, bottom: int) -> None:
    """A row of shop fronts with doors and lit windows above ``bottom``."""
    width = street.shape[1]
    unit = bottom / 10.0
    left = 0
    while left < width:
        right = min(width, left + int(rng.uniform(8.0, 13.0) * unit))
        wall = _vivid(rng, (120, 185), (20, 80))
        cv2.rectangle(street, (left, 0), (right, bottom), wall, cv2.FILLED)
        for row in np.arange(0.0, bottom, 0.35 * unit):
            cv2.line(street, (left, int(row)), (right, int(row)), _darker(wall, 0.93), 1)
        glass = (150, 132, 112) if rng.random() < 0.5 else (120, 150, 168)
        frame = _darker(wall, 0.5)
        top, sill = int(3.2 * unit), int(8.2 * unit)
        window = (left + int(0.8 * unit), right - int(3.4 * unit))
        cv2.rectangle(street, (window[0], top), (window[1], sill), glass, cv2.FILLED)
        pane = np.array([[0.2, 1.0], [0.4, 1.0], [0.75, 0.0], [0.55, 0.0]]) * (window[1] - window[0], sill - top)
        gleam = tuple(min(255, channel + 20) for channel in glass)
        corners = pane + np.array([window[0], top])
        cv2.fillConvexPoly(street, corners.astype(np.int32), gleam)
        cv2.rectangle(street, (window[0], top), (window[1], sill), frame, max(1, int(0.25 * unit)))
        door = (right - int(2.8 * unit), right - int(0.8 * unit))
        cv2.rectangle(street, (door[0], int(3.6 * unit)), (door[1], bottom), frame, cv2.FILLED)
        awning = _vivid(rng, (110, 190), (90, 170))
        cv2.rectangle(
            street, (left + int(0.3 * unit), int(1.9 * unit)), (right - int(0.3 * unit), top), awning, cv2.FILLED
        )
        left = right


def _paint_paving(street: Picture, bottom: int, horizon: float) -> None:
    """Slabs in perspective below ``bottom``: rows thin out towards the horizon, columns meet on it."""
    height, width = street.shape[:2]
    slab, joint = (158, 163, 166), (136, 141, 146)
    cv2.rectangle(street, (0, bottom), (width, height), slab, cv2.FILLED)
    depth = height - horizon
    for row in range(1, 60):
        y = horizon + depth / (0.6 + 0.12 * row)
        if bottom < y < height:
            cv2.line(street, (0, round(y)), (width, round(y)), joint, 1, cv2.LINE_AA)
    for column in np.linspace(-3.0 * width, 4.0 * width, 57):
        slope = (column - width / 2) / depth
        start = width / 2 + slope * (bottom - horizon)
        cv2.line(street, (round(start), bottom), (round(column), height), joint, 1, cv2.LINE_AA)
    kerb = max(2, round(0.012 * height))
    cv2.rectangle(street, (0, bottom), (width, bottom + kerb), (120, 124, 128), cv2.FILLED)


def paint_street(seed: int, width: int, height: int, horizon: float) -> Picture:
    """Paint the static background: shop fronts above paving in perspective, (height, width, 3) uint8 BGR.

    ``horizon`` is the row in pixels on which parallel lines of the ground meet.
    """
    rng = np.random.default_rng([seed, 31])
    street: Picture = np.zeros((height, width, 3), np.uint8)
    bottom = round(0.38 * height)
    _paint_facade(street, rng, bottom)
    _paint_paving(street, bottom, horizon)
    grain = _texture(rng, height, width, 0.8, 5.0) + _texture(rng, height, width, 0.03 * width, 6.0)
    light = np.linspace(0.88, 1.06, height, dtype=np.float32)[:, None, None]
    painted: Picture = np.clip(street * light + grain, 0, 255).astype(np.uint8)
    return painted


def paint_lamp(height: int) -> Picture:
    """Paint a street lamp of ``height`` pixels: BGR multiplied by alpha, then alpha; its foot is bottom centre."""
    width = max(9, round(0.16 * height) | 1)
    large: Picture = np.zeros((height * _SUPERSAMPLING, width * _SUPERSAMPLING, 4), np.uint8)
    tall, middle = large.shape[0], large.shape[1] // 2
    post, thickness = (70, 74, 66, 255), max(2, round(0.022 * tall))
    cv2.line(large, (middle, tall), (middle, round(0.1 * tall)), post, thickness)
    cv2.rectangle(large, (middle - thickness, round(0.95 * tall)), (middle + thickness, tall), post, cv2.FILLED)
    globe = round(0.055 * tall)
    cv2.circle(large, (middle, round(0.07 * tall)), globe, (214, 236, 244, 255), cv2.FILLED)
    cv2.circle(large, (middle, round(0.07 * tall)), globe, post, max(1, thickness // 3))
    shrunk = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8)
