"""Random boxes and detections for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanomot import Detections


def random_boxes(
    rng: np.random.Generator, count: int, *, width: float = 640, height: float = 480
) -> NDArray[np.float64]:
    corners = rng.uniform((0, 0), (width, height), (count, 2))
    sizes = rng.uniform((15, 30), (120, 240), (count, 2))
    return np.hstack((corners, corners + sizes))


def random_detections(rng: np.random.Generator, count: int, *, classes: int = 1) -> Detections:
    return Detections(random_boxes(rng, count), rng.uniform(0.05, 1.0, count), rng.integers(0, classes, count))


def walking_people(seed: int, *, frames: int = 60, people: int = 8, miss: float = 0.15) -> list[Detections]:
    """A small crowd on straight paths with missed frames, low scores and an empty frame now and then."""
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, people)
    steps = rng.uniform(-4, 4, (people, 1)) * [[1.0, 0.2, 1.0, 0.2]]
    result = []
    for index in range(frames):
        boxes = boxes + steps
        seen = (rng.random(people) > miss) & (index % 17 != 11)
        jitter = rng.normal(0, 1.0, (people, 4))
        result.append(Detections((boxes + jitter)[seen], rng.uniform(0.12, 0.95, people)[seen]))
    return result


seeds = st.integers(0, 2**32 - 1)
