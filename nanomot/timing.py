"""Seconds spent per stage, by the clock on the wall and by the thread's CPU time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """Adds up how long named stages take; one writer per stage, so no lock is needed.

    Attributes:
        wall: stage -> seconds by the wall clock.
        cpu: stage -> CPU seconds of the calling thread.
        counts: stage -> how often it ran.
    """

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the body of a ``with`` statement as ``stage``."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.wall[stage] = self.wall.get(stage, 0.0) + time.perf_counter() - wall
            self.cpu[stage] = self.cpu.get(stage, 0.0) + time.thread_time() - cpu
            self.counts[stage] = self.counts.get(stage, 0) + 1
