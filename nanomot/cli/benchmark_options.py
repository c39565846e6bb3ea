"""The flags that name a benchmark's sequences and their boxes, the same in every verb that measures."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Benchmark, Sequence, find_sequences, load_benchmark


def add_benchmark_options(group: Any) -> None:
    """Add ``--benchmark`` and what belongs to it to an argument group."""
    group.add_argument("--benchmark", default="MOT17", help="MOT15, MOT16, MOT17, MOT20, DanceTrack, or a folder")
    group.add_argument("--split", default="train", help="train, val_half or test (%(default)s)")
    group.add_argument(
        "--data-root", type=Path, default=Path("data"), help="folder that holds MOT17/train/… (%(default)s)"
    )
    group.add_argument("--sequences", nargs="+", metavar="NAME", help="only these")
    group.add_argument(
        "--frames", action="append", default=[], metavar="SEQ=PATH", help="where a sequence's frames are"
    )


def chosen_sequences(args: argparse.Namespace) -> tuple[Benchmark, list[Sequence]]:
    """The benchmark and the sequences that the flags name.

    Raises:
        NanomotError: one of them is not there.
    """
    check_frames(args, [args.benchmark])
    return named_sequences(args, args.benchmark, args.sequences)


def named_sequences(
    args: argparse.Namespace, benchmark: str, only: Iterable[str] | None
) -> tuple[Benchmark, list[Sequence]]:
    """A benchmark and its sequences, ``only`` some of them; of ``--frames``, what names others is passed over.

    Raises:
        NanomotError: one of them is not there.
    """
    found = load_benchmark(benchmark)
    places = _places(args.frames)
    return found, find_sequences(found, args.data_root.expanduser(), args.split, only=only, frames=places)


def check_frames(args: argparse.Namespace, benchmarks: Iterable[str]) -> None:
    """Make sure that ``--frames`` names sequences of these benchmarks, taken or not.

    Raises:
        NanomotError: a place is not there, or nobody knows its sequence.
    """
    stated = _places(args.frames)
    if not stated:
        return
    found = [sequence for word in benchmarks for sequence in named_sequences(args, word, None)[1]]
    known = {name for sequence in found for name in (sequence.name, sequence.base_name)}
    for name in stated:
        if name not in known:
            names = ", ".join(dict.fromkeys(sequence.base_name for sequence in found))
            raise NanomotError(f"--frames {name}={stated[name]}: there is no sequence {name!r}; there are {names}.")


def _places(words: list[str]) -> dict[str, str]:
    places = dict(word.split("=", 1) for word in words if "=" in word)
    if len(places) != len(words):
        raise NanomotError("--frames takes SEQUENCE=PATH.")
    for sequence, place in places.items():
        if not Path(place).expanduser().exists():
            raise NanomotError(f"{place}: there is no such file or folder, which --frames names for {sequence}.")
    return places
