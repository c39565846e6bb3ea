"""The progress bar of a run, and what is printed after it."""

from __future__ import annotations

import time
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from nanomot.timing import StageClock

_STAGES = ("decode", "preprocess", "inference", "postprocess", "detect", "track", "draw+write")


class Progress:
    """Frames done, time left, frames per second and live tracks on stderr; silent where that is no terminal."""

    def __init__(self, total: int | None, *, visible: bool = True) -> None:
        self._logging = logging_redirect_tqdm()
        self._bar = tqdm(
            total=total, unit="frame", disable=None if visible else True, dynamic_ncols=True, smoothing=0.1
        )
        self._started = time.perf_counter()
        self.frames = 0

    def __enter__(self) -> Progress:
        self._logging.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        self._logging.__exit__(kind, error, trace)

    def step(self, live: int) -> None:
        """Count one frame with ``live`` tracks."""
        self.frames += 1
        self._bar.set_postfix_str(f"{live} tracks", refresh=False)
        self._bar.update()

    @property
    def fps(self) -> float:
        """Frames per second since the start, everything included."""
        return self.frames / max(time.perf_counter() - self._started, 1e-9)


def stage_line(clock: StageClock) -> str:
    """Frames per second that each stage would reach alone, by the wall clock."""
    rates = {stage: clock.counts[stage] / max(seconds, 1e-9) for stage, seconds in clock.wall.items()}
    if "inference" in rates:
        rates.pop("detect", None)
    order = [stage for stage in _STAGES if stage in rates] + sorted(set(rates) - set(_STAGES))
    return ", ".join(f"{stage} {rates[stage]:,.0f}" for stage in order)


class TrackCount:
    """How many different ids have been reported, at one byte per id."""

    def __init__(self) -> None:
        self._seen = np.zeros(1024, bool)

    def add(self, ids: NDArray[np.int64]) -> None:
        """Count the (N,) ids of one frame; those below zero are no tracks."""
        ids = ids[ids >= 0]
        if len(ids) and ids.max() >= len(self._seen):
            grown = np.zeros(2 * int(ids.max()), bool)
            grown[: len(self._seen)] = self._seen
            self._seen = grown
        self._seen[ids] = True

    @property
    def total(self) -> int:
        """Different ids so far."""
        return int(self._seen.sum())
