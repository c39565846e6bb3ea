"""Microseconds that a tracker's update takes for one frame, ours beside every installed tracker of others.

    python scripts/bench_trackers.py                                   # all that is installed, crowds of 10 to 1000
    python scripts/bench_trackers.py --detections MOT17-02-FRCNN.npz   # stored boxes in place of crowds
    python scripts/bench_trackers.py --only nanomot --profile bytetrack

``pip install "nanomot[bench]"`` brings the peers that install without trouble. More are measured where they are found,
installed with ``--no-deps``: ``ultralytics`` 8.4.190, ``boxmot`` 25.0.0 and ``bytetracker`` 0.3.2 beside torch 2.13.0,
torchvision 0.28.0, polars, psutil and ultralytics-thop; ``norfair`` 2.3.0 and ``motpy`` 0.0.10 beside filterpy.

Only the update is timed: boxes are brought into each tracker's own format before. Trackers take turns of ``--stretch``
frames, in rotating order, so that a noisy machine troubles all alike; in turns of one frame they find cold caches,
which hold what the others left in them, as they do behind a detector. The clock is the process's CPU time: what a
machine that does nothing else takes, for libraries are held to one thread. The garbage collector is off. A frame's
time is the least of the rounds', a tracker's the median of its frames after the first half, in which its memory of
lost tracks fills. The cost exponent is that between 100 and 1000 objects.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import itertools
import json
import logging
import math
import os
import platform
import pstats
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
from bench_peers import PEERS, Peer, ours

from detectors.replay import load_replay
from nanomot import Detections, __version__
from nanomot.crowd import crowd

OBJECTS = (10, 30, 100, 300, 1000)
BASE = "nanomot bytetrack"
_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)
_PROFILE_SECONDS = 2.0
_LEAST_SHARE = 0.02
_ONE_THREAD = {
    f"{name}_THREADS": "1"
    for name in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM", "NUMEXPR_NUM", "RAYON_NUM", "POLARS_MAX")
}


@dataclass(frozen=True)
class Timing:
    """One tracker on one set of frames: median microseconds a frame, and how many frames it managed."""

    microseconds: float
    frames: int
    complete: bool


def installed(peers: Sequence[Peer]) -> list[tuple[Peer, list[Any]]]:
    """The peers that can be imported, with their modules; one line for each that cannot."""
    found = []
    for peer in peers:
        try:
            found.append((peer, peer.load()))
        except (ImportError, AttributeError, OSError) as error:
            print(f"{peer.name}: not installed ({error})", file=sys.stderr)
    return found


def measure(
    peers: Sequence[tuple[Peer, list[Any]]], frames: Sequence[Detections], rounds: int, stretch: int, seconds: float
) -> dict[str, Timing]:
    """Time the updates of all ``peers`` on the same frames; one that has used up ``seconds`` a round takes no more."""
    times: dict[str, list[list[float]]] = {peer.name: [] for peer, _ in peers}
    for _ in range(rounds):
        updates = [(peer, modules, peer.make(*modules)) for peer, modules in peers]
        for peer, _ in peers:
            times[peer.name].append([])
        gc.collect()
        gc.disable()
        for turn, start in enumerate(range(0, len(frames), stretch)):
            first = turn % len(updates)
            for peer, modules, update in updates[first:] + updates[:first]:
                spent = times[peer.name][-1]
                if sum(spent) > seconds:
                    continue
                for index in range(start, min(start + stretch, len(frames))):
                    given = peer.prepare(*modules, frames[index], index)
                    started = time.process_time()
                    update(*given)
                    spent.append(time.process_time() - started)
        gc.enable()
    return {name: _timing(found, len(frames)) for name, found in times.items()}


def _timing(rounds: list[list[float]], asked: int) -> Timing:
    count = min(len(found) for found in rounds)
    least = np.array([found[:count] for found in rounds]).min(axis=0)
    return Timing(1e6 * float(np.median(least[count // 2 :])), count, count == asked)


def profile(name: str, frames: Sequence[Detections], seconds: float) -> Counter[str]:
    """Microseconds of a median frame by function of nanomot; what NumPy and SciPy take counts for who calls them.

    Shares by cProfile, which charges every call of a Python function a little, times what a frame takes without it.
    """
    peer = ours(name)
    median = measure([(peer, [])], frames, 2, len(frames), seconds)[peer.name].microseconds
    profiler = cProfile.Profile(builtins=False)
    half, deadline = len(frames) // 2, time.process_time() + seconds
    while time.process_time() < deadline:
        update = peer.make()
        for found in frames[:half]:
            update(found)
        profiler.enable()
        for found in frames[half:]:
            update(found)
        profiler.disable()
    spent: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        if label := _own_function(function[0], function[2]):
            spent[label] += own
        else:
            for caller, (*_, whole) in callers.items():
                if label := _own_function(caller[0], caller[2]):
                    spent[label] += whole
    scale = median / max(sum(spent.values()), 1e-12)
    return Counter({label: round(scale * share) for label, share in spent.items()})


def _own_function(path: str, name: str) -> str | None:
    return f"{Path(path).stem}.{name}" if f"{os.sep}nanomot{os.sep}" in path else None


def exponent(row: dict[str, Timing]) -> float:
    """Slope of log(time) over log(objects) between 100 and 1000; nan where one was not measured."""
    if "100" not in row or "1000" not in row:
        return math.nan
    return math.log10(row["1000"].microseconds / row["100"].microseconds)


def print_times(results: dict[str, dict[str, Timing]], kinds: dict[str, str]) -> None:
    """The Markdown table of medians, fastest of the largest crowd first."""
    columns = list(dict.fromkeys(itertools.chain.from_iterable(results.values())))
    _header(["tracker", "update in", *columns, "exponent"])
    order = sorted(results, key=lambda name: results[name][columns[-1]].microseconds)
    for name in order:
        row = results[name]
        cells = [f"{row[key].microseconds:,.0f}{'' if row[key].complete else '*'}" for key in columns]
        slope = exponent(row)
        print(f"| {name} | {kinds[name]} | {' | '.join(cells)} | {'-' if math.isnan(slope) else f'{slope:.2f}'} |")
    if BASE in results:
        _header([f"times {BASE}", "", *columns, ""])
        for name in order:
            ratios = [results[name][key].microseconds / results[BASE][key].microseconds for key in columns]
            print(f"| {name} | | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} | |")


def _header(names: Sequence[str]) -> None:
    print(f"\n| {' | '.join(names)} |")
    print("|---|---" + "|---:" * (len(names) - 2) + "|")


def print_profile(name: str, by_size: dict[str, Counter[str]]) -> None:
    """The Markdown table of a profile: the functions that take more than a fiftieth at some size."""
    totals = {size: sum(counts.values()) for size, counts in by_size.items()}
    _header([f"{name}: microseconds a frame in", "", *by_size])
    functions = {
        key for size, counts in by_size.items() for key, count in counts.items() if count > _LEAST_SHARE * totals[size]
    }
    last = list(by_size)[-1]
    for key in sorted(functions, key=lambda key: -by_size[last][key]):
        print(f"| `{key}` | | {' | '.join(f'{counts[key]:,}' for counts in by_size.values())} |")
    print(f"| all | | {' | '.join(f'{total:,}' for total in totals.values())} |")


def scenes(args: argparse.Namespace) -> dict[str, list[Detections]]:
    """What is tracked: the crowds by their size, or each file of stored boxes by its name."""
    if not args.detections:
        return {
            str(objects): list(crowd(objects, args.frames or max(120, min(400, 40_000 // objects))))
            for objects in args.objects
        }
    found = {}
    for path in args.detections:
        replay = load_replay(str(path), conf=0.1)
        found[path.stem] = [replay.detect(_NO_PICTURE) for _ in range(args.frames or 400)]
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs="+", default=list(OBJECTS), help="sizes of the crowds")
    parser.add_argument("--detections", type=Path, nargs="+", default=[], help="stored boxes, see detectors/replay.py")
    parser.add_argument("--frames", type=int, help="frames a round; default: 400 and fewer for large crowds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stretch", type=int, default=20, help="frames in a row that a tracker gets in its turn")
    parser.add_argument("--seconds", type=float, default=20.0, help="a tracker that took longer in a round stops (*)")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="trackers whose name contains a WORD")
    parser.add_argument("--profile", metavar="TRACKER", help="where the time of one of ours goes, after the table")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)

    peers = installed([peer for peer in PEERS if not args.only or any(word in peer.name for word in args.only)])
    print(machine())
    versions = {peer.distribution: _version(peer) for peer, _ in peers}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    results: dict[str, dict[str, Timing]] = {peer.name: {} for peer, _ in peers}
    frames = scenes(args)
    for label, found in frames.items():
        print(
            f"{label}: {len(found)} frames, {np.mean([len(one) for one in found]):.0f} boxes a frame", file=sys.stderr
        )
        for name, timing in measure(peers, found, args.rounds, args.stretch, args.seconds).items():
            results[name][label] = timing
    print_times(results, {peer.name: peer.language for peer, _ in peers})
    if args.profile:
        seconds = min(args.seconds, _PROFILE_SECONDS)
        print_profile(args.profile, {label: profile(args.profile, found, seconds) for label, found in frames.items()})
    if args.json:
        figures = {name: {key: vars(value) for key, value in row.items()} for name, row in results.items()}
        args.json.write_text(json.dumps({"machine": machine(), "versions": versions, "trackers": figures}, indent=1))


def machine() -> str:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def _version(peer: Peer) -> str:
    try:
        return __version__ if peer.distribution == "nanomot" else peer.version()
    except PackageNotFoundError:
        return "?"


if __name__ == "__main__":
    if any(name not in os.environ for name in _ONE_THREAD):
        # Libraries read these when they are loaded, which they are by now.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**_ONE_THREAD, **os.environ})
    main()
