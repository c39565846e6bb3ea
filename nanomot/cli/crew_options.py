"""The flags that hand work to other processes or machines, the same in every verb that has much of it."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from detectors.loader import DETECTORS, REPLAY_SUFFIXES
from nanomot.cluster import LOCAL, DaskCrew
from nanomot.errors import NanomotError
from nanomot.jobs import Alone, Crew, Turn
from nanomot.processes import Processes

_T = TypeVar("_T")

_MOST_WORKERS = 1024


def add_crew_options(group: Any) -> None:
    """Add ``--workers`` and ``--cluster`` to an argument group."""
    group.add_argument(
        "--workers", type=int, metavar="N", help="processes of this machine that share the work (default: none)"
    )
    group.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help=f"Dask scheduler that has workers, e.g. tcp://host:8786, or {LOCAL!r} for one on this machine with "
        "--workers processes (docs/cluster.md)",
    )


def check_crew_options(args: argparse.Namespace) -> None:
    """Make sure that the flags make sense together.

    Raises:
        NanomotError: they do not.
    """
    if args.workers is not None and not 1 <= args.workers <= _MOST_WORKERS:
        raise NanomotError(f"--workers must lie between 1 and {_MOST_WORKERS}, not at {args.workers}.")
    if args.workers is not None and args.cluster not in (None, LOCAL):
        raise NanomotError(f"--workers counts processes of this machine; --cluster {args.cluster} has its own workers.")


def crew_of(args: argparse.Namespace, jobs: int, stop: threading.Event) -> Crew:
    """The workers that the flags ask for, for a known number of jobs; without flags, this process.

    Raises:
        NanomotError: the cluster cannot be used.
    """
    if args.cluster is not None:
        workers = min(args.workers or os.cpu_count() or 1, max(jobs, 1)) if args.cluster == LOCAL else None
        return DaskCrew(args.cluster, workers=workers)
    if args.workers is not None and args.workers > 1:
        return Processes(min(args.workers, max(jobs, 1)))
    return Alone(stop)


def counted(items: Iterable[_T], total: int, crew: Crew, unit: str) -> Iterator[_T]:
    """``items`` with a progress bar of their number, unless their work is done here and shows its own."""
    hidden = True if isinstance(crew, Alone) else None
    with logging_redirect_tqdm(), tqdm(total=total, unit=unit, disable=hidden, leave=False) as bar:
        for item in items:
            bar.update()
            yield item


def with_threads(args: argparse.Namespace, turn: Turn) -> argparse.Namespace:
    """``args`` of a detector, whose network takes the cores of this turn where ``--threads`` says nothing."""
    model = Path(args.model)
    network = args.model not in DETECTORS and model.suffix.lower() not in REPLAY_SUFFIXES and not model.is_dir()
    return argparse.Namespace(**{**vars(args), "threads": args.threads or (turn.cores if network else None)})


def everywhere(place: str | Path) -> str:
    """A path as every machine with the same shared folders can read it; other words (names of models) as they are."""
    path = Path(place).expanduser()
    return str(path.absolute()) if path.exists() else str(place)
