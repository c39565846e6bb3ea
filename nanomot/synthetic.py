"""A street scene with known ground truth, for tests, benchmarks and the demonstration that needs no files.

People-like figures walk, cross, stop and hide each other in front of a static street. Everything follows from the
seed: the same arguments give the same pictures and the same truth, frame by frame and in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import clip_boxes, xyxy_to_tlwh
from nanomot.crowd import crowd, crowd_with_truth
from nanomot.errors import NanomotError
from nanomot.figures import POSES, Picture, Sprites, paint_lamp, paint_person, paint_street

__all__ = ["Scene", "Truth", "crowd", "crowd_with_truth"]

_HORIZON = 0.10
"""Row of the horizon, as a fraction of the picture's height."""
_BODY_PER_DEPTH = 0.53
"""A body's height over the distance from its feet up to the horizon: a camera 3.2 m above the ground."""
_NEAREST, _FARTHEST = 0.97, 0.46
"""Rows on which feet tread, as fractions of the picture's height."""
_STRIDE = 0.85
"""Length of a gait cycle in body heights."""
_INSIDE = 0.25
"""A figure counts as present when this share of its box lies inside the picture."""
_NOISE_SIGMA = 3.0


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth of one frame.

    Attributes:
        boxes: (N, 4) float64 ``xyxy`` in pixels: the whole figure, hidden parts included, clipped to the picture.
        ids: (N,) int64, from 1; one person, one id.
        visibility: (N,) float64 in [0, 1]: the share of the figure that is inside the picture and not covered.
    """

    boxes: NDArray[np.float64]
    ids: NDArray[np.int64]
    visibility: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class _Walk:
    """One person's way through the picture, from one side to the other; times in seconds, places in pixels."""

    person: int
    begin: float
    speed: float
    direction: int
    rows: tuple[float, float]
    start: float
    length: float
    pause_at: float
    pause: float

    @property
    def end(self) -> float:
        return self.begin + self.length / self.speed + self.pause

    def travelled(self, time: float) -> tuple[float, bool]:
        """Pixels walked until ``time``, and whether the person stands still."""
        before = self.pause_at / self.speed
        elapsed = time - self.begin
        if before < elapsed < before + self.pause:
            return self.pause_at, True
        return self.speed * (elapsed - (self.pause if elapsed >= before + self.pause else 0.0)), False


@dataclass(frozen=True, eq=False)
class _Figure:
    """One person in one frame: a sprite, and where it goes."""

    person: int
    pose: int
    mirrored: bool
    x: float
    y: float
    body: float


def _check_sizes(frames: int, width: int, height: int, fps: float, people: int) -> None:
    if frames < 1 or width < 64 or height < 64 or fps <= 0 or people < 0:
        raise NanomotError(
            f"Scene: needs at least one frame, 64 x 64 pixels, a positive rate and no negative number of people, not "
            f"frames={frames}, width={width}, height={height}, fps={fps}, people={people}."
        )


class Scene:
    """A rendered street with about ``people`` persons at a time and the truth about them.

    Args:
        seed: the same seed gives the same scene.
        frames: length in frames.
        width, height: of the picture in pixels, 64 or more.
        fps: frames per second; it decides how far a person gets in a frame.
        people: how many walk through the picture at a time; who has left is replaced by somebody new.

    The first second shows the empty street, so that background subtraction can learn it.
    """

    def __init__(
        self, seed: int = 0, frames: int = 300, width: int = 640, height: int = 360, fps: float = 25.0, people: int = 6
    ) -> None:
        _check_sizes(frames, width, height, fps, people)
        self.seed, self.frames, self.width, self.height, self.fps = seed, frames, width, height, fps
        self._horizon = _HORIZON * height
        self._largest = _BODY_PER_DEPTH * (_NEAREST * height - self._horizon)
        self._walks = self._plan(people)
        self._begins = np.array([walk.begin for walk in self._walks])
        self._ends = np.array([walk.end for walk in self._walks])
        self._street = paint_street(seed, width, height, self._horizon)
        self._lamp = paint_lamp(round(1.7 * self._body(0.6 * height)))
        self._noise = self._make_noise()
        self._sprites = lru_cache(maxsize=4 * people + 8)(self._paint)

    def __len__(self) -> int:
        return self.frames

    def __iter__(self) -> Iterator[Picture]:
        """Yield every rendered frame in order."""
        return (self.render(index) for index in range(self.frames))

    def render(self, index: int) -> Picture:
        """Paint the frame of this index (0 is the first): a new (height, width, 3) uint8 BGR array."""
        frame: Picture = self._street.copy()
        post, lamp_due = round(0.6 * self.height), True
        for figure in self._figures(index):
            if lamp_due and figure.y > post:
                self._paint_lamp(frame, post)
                lamp_due = False
            self._paint_figure(frame, figure)
        if lamp_due:
            self._paint_lamp(frame, post)
        rng = np.random.default_rng([self.seed, 5, index])
        dy, dx = rng.integers(0, 64, 2)
        noise = self._noise[dy : dy + self.height, dx : dx + self.width]
        cv2.addWeighted(frame, 1.0, noise, 1.0, -128.0, dst=frame)
        return frame

    def truth(self, index: int) -> Truth:
        """Where everybody is in the frame of this index (0 is the first), and how much of them can be seen."""
        figures = self._figures(index)
        covered = np.zeros((self.height, self.width), np.bool_)
        boxes, ids, visibility = [], [], []
        for figure in reversed(figures):
            sprites = self._sprites(figure.person)
            extent = sprites.extents[figure.pose] * figure.body
            if figure.mirrored:
                extent = np.array([-extent[2], extent[1], -extent[0], extent[3]])
            box = extent + np.array([figure.x, figure.y, figure.x, figure.y])
            clipped = clip_boxes(box[None], self.width, self.height)[0]
            inside = np.prod(np.maximum(clipped[2:] - clipped[:2], 0.0)) / np.prod(box[2:] - box[:2])
            window, patch = self._warp(figure, alpha_only=True)
            opaque = patch > 127
            seen = np.count_nonzero(opaque & ~covered[window])
            covered[window] |= opaque
            if inside >= _INSIDE:
                boxes.append(clipped)
                ids.append(figure.person)
                visibility.append(min(1.0, seen / (sprites.areas[figure.pose] * (figure.body / sprites.body) ** 2)))
        order = np.argsort(ids)
        return Truth(
            np.array(boxes, np.float64).reshape(-1, 4)[order],
            np.array(ids, np.int64)[order],
            np.array(visibility, np.float64)[order],
        )

    def write_truth(self, path: str | Path) -> None:
        """Write the whole truth as a MOTChallenge ``gt.txt``: frame and id from 1, x, y, w, h, 1, 1, visibility.

        Raises:
            NanomotError: the file cannot be written; an older one is left as it was.
        """
        lines = []
        for index in range(self.frames):
            truth = self.truth(index)
            for box, person, seen in zip(xyxy_to_tlwh(truth.boxes), truth.ids, truth.visibility, strict=True):
                place = ",".join(f"{value:.2f}" for value in box)
                lines.append(f"{index + 1},{person},{place},1,1,{seen:.3f}\n")
        target = Path(path)
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_text("".join(lines), encoding="utf-8")
            part.replace(target)
        except OSError as error:
            raise NanomotError(f"{target}: the ground truth cannot be written ({error.strerror}).") from error

    def _body(self, row: float) -> float:
        return _BODY_PER_DEPTH * (row - self._horizon)

    def _plan(self, people: int) -> list[_Walk]:
        """Lay out all walks: each of ``people`` places is taken by one person after the other.

        Every place draws from its own generator, so that a longer scene begins like a shorter one.
        """
        seconds = self.frames / self.fps
        walks: list[_Walk] = []
        for place in range(people):
            rng = np.random.default_rng([self.seed, 1, place])
            time = 1.0 + float(rng.uniform(0.0, 0.55 * people)) * (place > 0)
            direction = 1 if place % 2 else -1
            while time < seconds:
                walks.append(self._plan_walk(rng, time, direction))
                time = walks[-1].end + float(rng.uniform(0.0, 1.5))
                direction = -direction
        walks.sort(key=lambda walk: walk.begin)
        return [replace(walk, person=number) for number, walk in enumerate(walks, start=1)]

    def _plan_walk(self, rng: np.random.Generator, begin: float, direction: int) -> _Walk:
        # Square roots of uniform numbers would crowd the front; this spreads people evenly over the ground's rows.
        rows = np.clip(
            rng.uniform(_FARTHEST, _NEAREST) + np.array([0.0, rng.uniform(-0.08, 0.08)]), _FARTHEST, _NEAREST
        )
        rows *= self.height
        bodies = self._body(rows[0]), self._body(rows[1])
        margin = 0.4 * max(bodies)
        length = self.width + 2.0 * margin
        speed = float(rng.uniform(0.85, 1.35)) * 0.5 * sum(bodies)
        pauses = rng.random() < 0.3
        return _Walk(
            person=0,
            begin=begin,
            speed=speed,
            direction=direction,
            rows=(float(rows[0]), float(rows[1])),
            start=-margin if direction > 0 else self.width + margin,
            length=length,
            pause_at=float(rng.uniform(0.3, 0.7)) * length,
            pause=float(rng.uniform(1.0, 2.0)) if pauses else 0.0,
        )

    def _figures(self, index: int) -> list[_Figure]:
        """Everybody in the frame, farthest first."""
        if not 0 <= index < self.frames:
            raise NanomotError(f"Scene: frame {index} does not exist; there are {self.frames}, counted from 0.")
        time = index / self.fps
        figures = []
        for row in np.flatnonzero((self._begins <= time) & (time < self._ends)):
            walk = self._walks[row]
            way, standing = walk.travelled(time)
            share = way / walk.length
            y = walk.rows[0] + share * (walk.rows[1] - walk.rows[0])
            body = self._body(y)
            pose = POSES if standing else int(way / (_STRIDE * self._body(sum(walk.rows) / 2)) * POSES) % POSES
            x = walk.start + walk.direction * way
            figures.append(_Figure(walk.person, pose, walk.direction < 0, x, y, body))
        return sorted(figures, key=lambda figure: (figure.y, figure.person))

    def _paint(self, person: int) -> Sprites:
        return paint_person(self.seed * 100_003 + person, self._largest)

    def _warp(self, figure: _Figure, alpha_only: bool = False) -> tuple[tuple[slice, slice], Picture]:
        """The sprite, scaled and moved to the figure's place, with the window of the picture that it covers."""
        sprites = self._sprites(figure.person)
        picture = sprites.colour[figure.pose]
        scale = figure.body / sprites.body
        left_reach = sprites.anchor[0] * scale
        top = int(np.floor(figure.y - sprites.anchor[1] * scale))
        left = int(np.floor(figure.x - left_reach)) - 1
        bottom = int(np.ceil(top + picture.shape[0] * scale)) + 2
        right = int(np.ceil(left + picture.shape[1] * scale)) + 3
        rows = slice(min(max(top, 0), self.height), min(max(bottom, 0), self.height))
        columns = slice(min(max(left, 0), self.width), min(max(right, 0), self.width))
        size = columns.stop - columns.start, rows.stop - rows.start
        if alpha_only:
            picture = np.ascontiguousarray(picture[..., 3])
        if min(size) <= 0:
            return (rows, columns), np.zeros((max(size[1], 0), max(size[0], 0), *picture.shape[2:]), np.uint8)
        across = -scale if figure.mirrored else scale
        # Pixel centres lie at halves: the half before and after scaling keeps the truth's edges on the painted ones.
        matrix = np.array(
            [
                [across, 0.0, figure.x - columns.start + across * (0.5 - sprites.anchor[0]) - 0.5],
                [0.0, scale, figure.y - rows.start + scale * (0.5 - sprites.anchor[1]) - 0.5],
            ]
        )
        warped = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return (rows, columns), np.asarray(warped, np.uint8)

    def _paint_figure(self, frame: Picture, figure: _Figure) -> None:
        self._paint_shadow(frame, figure)
        window, patch = self._warp(figure)
        if patch.size:
            _blend(frame[window], patch)

    def _paint_shadow(self, frame: Picture, figure: _Figure) -> None:
        """A soft dark oval under the feet."""
        reach, depth = round(0.2 * figure.body), max(2, round(0.045 * figure.body))
        x, y = round(figure.x), round(figure.y)
        rows = slice(max(y - depth, 0), min(y + depth, self.height))
        columns = slice(min(max(x - reach, 0), self.width), min(max(x + reach, 0), self.width))
        across = (np.arange(columns.start, columns.stop) - x) / reach
        along = (np.arange(rows.start, rows.stop) - y) / depth
        fall = np.maximum(0.0, 1.0 - across[None, :] ** 2 - along[:, None] ** 2)
        patch = frame[rows, columns]
        patch[...] = patch * (1.0 - 0.35 * fall[..., None])

    def _paint_lamp(self, frame: Picture, foot: int) -> None:
        height, width = self._lamp.shape[:2]
        left = min(max(0, round(0.7 * self.width)), self.width - width)
        top = max(0, foot - height)
        _blend(frame[top:foot, left : left + width], self._lamp[height - (foot - top) :])

    def _make_noise(self) -> Picture:
        """Sensor noise around 128, somewhat larger than a picture, so that every frame can use another part of it."""
        rng = np.random.default_rng([self.seed, 9])
        noise = rng.normal(128.0, _NOISE_SIGMA, (self.height + 64, self.width + 64, 3))
        return np.clip(np.round(noise), 0, 255).astype(np.uint8)


def _blend(target: Picture, patch: Picture) -> None:
    """Lay a premultiplied BGRA ``patch`` over ``target``, in place."""
    rest = cv2.cvtColor(255 - patch[..., 3], cv2.COLOR_GRAY2BGR)
    kept = cv2.multiply(target, rest, scale=1.0 / 255.0)
    target[...] = cv2.add(kept, np.ascontiguousarray(patch[..., :3]))
