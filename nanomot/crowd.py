"""Crowds made of boxes alone, without pictures: for benchmarks of trackers and for runs over millions of frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Detections
from nanomot.errors import NanomotError

FloatRows = NDArray[np.float64]
CrowdFrame = tuple[Detections, FloatRows, NDArray[np.int64]]


class _Population:
    """All walkers as columns: a walker who leaves the picture or whose time is over makes room for a new one."""

    def __init__(self, rng: np.random.Generator, objects: int, width: float, height: float, lifetime: float) -> None:
        self.rng, self.lifetime = rng, lifetime
        self.area = np.array([width, height])
        self.body = min(0.35 * height, 1.3 * float(np.sqrt(width * height / max(objects, 1))))
        self.centres = np.zeros((objects, 2))
        self.velocities = np.zeros((objects, 2))
        self.sizes = np.ones((objects, 2))
        self.ids = np.zeros(objects, np.int64)
        self.remaining = np.zeros(objects)
        self.next_id = 1
        self.renew(np.ones(objects, np.bool_))
        self.remaining *= rng.uniform(0.0, 1.0, objects)

    def renew(self, gone: NDArray[np.bool_]) -> None:
        """Put a new walker in the place of everyone in ``gone``."""
        count = int(np.count_nonzero(gone))
        heights = self.body * self.rng.uniform(0.7, 1.4, count)
        self.sizes[gone] = np.stack([heights * self.rng.uniform(0.33, 0.5, count), heights], axis=1)
        self.centres[gone] = self.rng.uniform(0.0, 1.0, (count, 2)) * self.area
        angle = self.rng.uniform(0.0, 2.0 * np.pi, count)
        direction = np.stack([np.cos(angle), 0.25 * np.sin(angle)], axis=1)
        self.velocities[gone] = direction * (heights * self.rng.uniform(0.0, 0.045, count))[:, None]
        self.remaining[gone] = self.rng.exponential(self.lifetime, count) + 1.0
        self.ids[gone] = np.arange(self.next_id, self.next_id + count)
        self.next_id += count

    def step(self) -> None:
        """Move everybody by one frame, then replace who has left."""
        self.velocities += self.rng.normal(0.0, 0.002 * self.body, self.velocities.shape)
        self.velocities *= 0.995
        self.centres += self.velocities
        self.remaining -= 1.0
        outside = ((self.centres < 0.0) | (self.centres > self.area)).any(axis=1)
        self.renew(outside | (self.remaining <= 0.0))

    def boxes(self) -> FloatRows:
        half = self.sizes * 0.5
        return np.concatenate([self.centres - half, self.centres + half], axis=1)


def _observe(population: _Population, miss: float, low: float, false: float) -> Detections:
    """What an imperfect detector reports of the crowd."""
    rng = population.rng
    seen = rng.random(len(population.ids)) >= miss
    size = population.sizes[seen]
    boxes = population.boxes()[seen] + rng.normal(0.0, 0.02, (len(size), 4)) * np.tile(size, 2)
    weak = rng.random(len(size)) < low
    scores = np.where(weak, rng.uniform(0.1, 0.4, len(size)), rng.uniform(0.5, 0.95, len(size)))
    ghosts = int(rng.poisson(false * len(population.ids)))
    height = population.body * rng.uniform(0.5, 1.4, ghosts)
    half = np.stack([height * rng.uniform(0.15, 0.3, ghosts), 0.5 * height], axis=1)
    centre = rng.uniform(0.0, 1.0, (ghosts, 2)) * population.area
    order = rng.permutation(len(size) + ghosts)
    return Detections(
        np.concatenate([boxes, np.concatenate([centre - half, centre + half], axis=1)])[order],
        np.concatenate([scores, rng.uniform(0.1, 0.6, ghosts)])[order],
    )


def crowd_with_truth(
    objects: int = 100,
    frames: int | None = None,
    seed: int = 0,
    *,
    miss: float = 0.1,
    low: float = 0.3,
    false: float = 0.05,
    width: float = 1920.0,
    height: float = 1080.0,
    lifetime: float = 300.0,
) -> Iterator[CrowdFrame]:
    """Simulate a crowd; yield detections, true boxes (objects, 4) ``xyxy`` in pixels and ids (objects,) per frame.

    Args:
        objects: how many are in the picture at any time; box sizes follow, so that the density stays the same.
        frames: how many frames to yield; None goes on for ever. Memory does not grow with it.
        seed: the same seed gives the same crowd.
        miss: probability that an object is not detected in a frame.
        low: probability that a detection's score lies in 0.1 to 0.4 instead of 0.5 to 0.95.
        false: mean number of false boxes in a frame, per object.
        width: of the picture in pixels.
        height: of the picture in pixels.
        lifetime: mean number of frames until an object vanishes, if it does not leave the picture before.

    Raises:
        NanomotError: an argument is out of its range.
    """
    if objects < 0 or (frames is not None and frames < 0) or min(width, height, lifetime) <= 0 or false < 0:
        raise NanomotError(
            "crowd: objects, frames and false must not be negative; width, height, lifetime be positive."
        )
    if not (0 <= miss <= 1 and 0 <= low <= 1):
        raise NanomotError(f"crowd: miss and low are probabilities between 0 and 1, not {miss} and {low}.")
    return _simulate(np.random.default_rng([seed, 2]), objects, frames, (miss, low, false), (width, height, lifetime))


def _simulate(
    rng: np.random.Generator,
    objects: int,
    frames: int | None,
    faults: tuple[float, float, float],
    space: tuple[float, float, float],
) -> Iterator[CrowdFrame]:
    population = _Population(rng, objects, *space)
    done = 0
    while frames is None or done < frames:
        yield _observe(population, *faults), population.boxes(), population.ids.copy()
        population.step()
        done += 1


def crowd(objects: int = 100, frames: int | None = None, seed: int = 0, **options: float) -> Iterator[Detections]:
    """Simulate a crowd; yield the detections of each frame. The options are those of :func:`crowd_with_truth`."""
    return (detections for detections, _, _ in crowd_with_truth(objects, frames, seed, **options))
