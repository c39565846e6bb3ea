"""A long run through the pipeline: nothing grows, no id comes back, no frame is passed over.

    python scripts/soak.py --frames 100000 --tracker nanotrack

A synthetic crowd takes the place of the network; source, threads, tracker, drawing and result files are the program's
own. Prints the process's memory at intervals and, at the end, a verdict; the exit status is 1 where a check fails.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanomot import Detections, create_tracker, tracker_names
from nanomot.crowd import crowd
from nanomot.pipeline import run
from nanomot.video.drawing import Drawer
from nanomot.video.frames import ImageSequenceSource
from nanomot.video.sinks import MotWriter

WIDTH, HEIGHT = 192, 108
_WARM_UP_SHARE = 0.1
_ALLOWED_GROWTH_MIB = 4.0
_MEMORY_FRAMES = 32
"""How long the trackers remember a lost track at 30 frames a second, and two frames more."""


class CrowdDetector:
    """Finds a synthetic crowd, whatever the picture shows; now and then nothing at all."""

    class_names = ("person",)

    def __init__(self, objects: int) -> None:
        self._crowd: Iterator[Detections] = crowd(objects=objects, width=WIDTH, height=HEIGHT)
        self._count = 0

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """The crowd's next moment."""
        self._count += 1
        found = next(self._crowd)
        return Detections.empty() if self._count % 500 < 3 else found


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--tracker", default="nanotrack", choices=tracker_names())
    args = parser.parse_args()

    tracker = create_tracker(args.tracker)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    source = ImageSequenceSource(itertools.repeat(picture, args.frames), fps=30.0, name="soak", frame_count=args.frames)
    drawer = Drawer(CrowdDetector.class_names)
    warm_up = max(int(args.frames * _WARM_UP_SHARE), 1)
    misplaced, repeated, base, highest = 0, 0, 0.0, 0
    last_seen: dict[int, int] = {}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, MotWriter(Path(folder) / "soak.txt") as writer:
        for count, step in enumerate(run(source, CrowdDetector(args.objects), tracker), start=1):
            writer.write(step.frame, step.tracks)
            drawer.draw(step.frame.image, step.tracks, time=step.frame.time)
            misplaced += step.frame.index + 1 != count
            # A reported id is higher than all before it, or one that the tracker may still remember.
            ids = step.tracks.ids.tolist()
            repeated += sum(track_id <= highest and track_id not in last_seen for track_id in ids)
            last_seen.update(dict.fromkeys(ids, count))
            for track_id in [key for key, seen in last_seen.items() if count - seen > _MEMORY_FRAMES]:
                del last_seen[track_id]
            highest = max(highest, max(ids, default=0))
            if count == warm_up:
                base = _memory_mib()
            if count % max(args.frames // 10, 1) == 0:
                rows = len(tracker.table)
                print(f"frame {count:>8}: {_memory_mib():7.1f} MiB, {rows:4d} rows, {highest} ids", flush=True)
    growth = _memory_mib() - base
    rate = args.frames / (time.perf_counter() - started)
    print(f"{args.tracker}: {rate:,.0f} frames a second, memory grew {growth:+.2f} MiB after the warm-up")
    failures = [
        words
        for bad, words in (
            (growth > _ALLOWED_GROWTH_MIB, f"memory grew by {growth:.1f} MiB after the warm-up"),
            (repeated > 0, f"{repeated} ids came back"),
            (misplaced > 0 or tracker.frame != args.frames, "a frame was not passed to the tracker, or out of order"),
        )
        if bad
    ]
    print("FAILED: " + "; ".join(failures) if failures else "passed: memory flat, ids unique, every frame tracked")
    return 1 if failures else 0


def _memory_mib() -> float:
    """Resident memory of this process now, where the system tells it; its peak elsewhere."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # a kernel interface
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    sys.exit(main())
