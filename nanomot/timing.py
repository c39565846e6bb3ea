"""Seconds spent per stage, by the clock on the wall and by the thread's CPU time."""

from __future__ import annotations

import time


class StageClock:
    """Adds up how long named stages take; one writer per stage, so no lock is needed.

    ``with clock("track"): ...`` times its body as the stage "track".

    Attributes:
        wall: stage -> seconds by the wall clock.
        cpu: stage -> CPU seconds of the calling thread.
        counts: stage -> how often it ran.
    """

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def __call__(self, stage: str) -> _Lap:
        """A context manager that times its body as ``stage``."""
        return _Lap(self, stage)


class _Lap:
    """One run of one stage; a class, because a generator costs several times as much in every frame."""

    __slots__ = ("_clock", "_cpu", "_stage", "_wall")

    def __init__(self, clock: StageClock, stage: str) -> None:
        self._clock, self._stage = clock, stage

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        clock, stage = self._clock, self._stage
        clock.wall[stage] = clock.wall.get(stage, 0.0) + time.perf_counter() - self._wall
        clock.cpu[stage] = clock.cpu.get(stage, 0.0) + time.thread_time() - self._cpu
        clock.counts[stage] = clock.counts.get(stage, 0) + 1
