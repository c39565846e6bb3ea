"""Run a tracker over a long synthetic crowd and show that nothing grows, repeats or is passed over.

    python scripts/soak.py --frames 100000 --tracker nanotrack

Prints the process's memory at intervals and, at the end, a verdict; the exit status is 1 where a check fails.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

from nanomot import Detections, create_tracker, tracker_names
from nanomot.crowd import crowd

_WARM_UP_SHARE = 0.1
_ALLOWED_GROWTH_MIB = 4.0


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--tracker", default="nanotrack", choices=tracker_names())
    args = parser.parse_args()

    tracker = create_tracker(args.tracker)
    warm_up = max(int(args.frames * _WARM_UP_SHARE), 1)
    report_every = max(args.frames // 10, 1)
    repeated, updates, base = 0, 0, 0.0
    remembered: set[int] = set()
    started = time.perf_counter()
    for index, found in enumerate(crowd(objects=args.objects, frames=args.frames)):
        if index % 500 < 3:  # now and then the detector sees nothing at all
            found = Detections.empty()
        first_free = tracker.table.next_id
        tracks = tracker.update(found)
        updates += 1
        # A reported id is one that the tracker remembered, or one that it had not given before.
        repeated += sum(track_id < first_free for track_id in set(tracks.ids.tolist()) - remembered)
        remembered = set(tracker.table.ids.tolist())
        if index + 1 == warm_up:
            base = _memory_mib()
        if (index + 1) % report_every == 0:
            rows, ids = len(tracker.table), tracker.table.next_id - 1
            print(f"frame {index + 1:>8}: {_memory_mib():7.1f} MiB, {rows:4d} rows, {ids} ids", flush=True)
    growth = _memory_mib() - base
    rate = updates / (time.perf_counter() - started)
    print(f"{args.tracker}: {updates} updates at {rate:,.0f} a second, memory grew {growth:+.2f} MiB after the warm-up")
    failures = [
        words
        for bad, words in (
            (growth > _ALLOWED_GROWTH_MIB, f"memory grew by {growth:.1f} MiB after the warm-up"),
            (repeated > 0, f"{repeated} ids came back"),
            (updates != args.frames or tracker.frame != args.frames, "a frame was not passed to the tracker"),
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
