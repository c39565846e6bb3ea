"""Which sequences ``nanomot tune`` searches on and which it holds out, with their boxes."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nanomot.cli.benchmark_options import check_frames, named_sequences
from nanomot.cli.boxes_of import StoredBoxes, chosen_boxes
from nanomot.digests import content_hash
from nanomot.errors import NanomotError
from nanomot.evaluation import benchmarks
from nanomot.evaluation.benchmarks import Benchmark
from nanomot.evaluation.scoring import COPIES, DevSequence

_LOG = logging.getLogger("nanomot.tune")


@dataclass(frozen=True)
class _Group:
    """Sequences of one benchmark, and the word that names it."""

    word: str
    benchmark: Benchmark
    sequences: list[benchmarks.Sequence]


def tuned_and_held_out(args: argparse.Namespace) -> tuple[list[DevSequence], list[DevSequence]]:
    """The sequences of ``--sequences``, and those of ``--held-out`` or all others that can be scored.

    Raises:
        NanomotError: a sequence is missing or lacks truth or boxes, or is to be both.
    """
    check_frames(args, dict.fromkeys(_benchmark(args, word) for word in (*args.sequences, *(args.held_out or ()))))
    tuned = _named(args, args.sequences)
    taken = {mark for group in tuned for sequence in group.sequences for mark in _marks(sequence)}
    if args.held_out is None:
        held_out = _others(args, [group.word for group in tuned], taken)
    else:
        held_out = _named(args, args.held_out)
    for group in held_out:
        for sequence in group.sequences:
            if _marks(sequence) & taken:
                raise NanomotError(
                    f"{sequence.name}: is the same video as one of --sequences, so it cannot be held out; a score on "
                    "what was tuned on says nothing."
                )
    return _with_boxes(args, tuned), _with_boxes(args, held_out)


def with_copies(devs: Sequence[DevSequence], words: str) -> list[DevSequence]:
    """``devs``, and each of them once more for each of the ``words``, such as ``"reverse,half"``.

    Raises:
        NanomotError: a word is none of ``COPIES``.
    """
    copies = [word.strip() for word in words.split(",") if word.strip()]
    for word in copies:
        if word not in COPIES:
            raise NanomotError(f"--augment takes {', '.join(COPIES)}, separated by commas, not {word!r}.")
    return [DevSequence(dev.sequence, dev.preprocessing, dev.boxes_of, copy) for dev in devs for copy in ("", *copies)]


def fingerprint(devs: Iterable[DevSequence]) -> dict[str, Any]:
    """What scores on ``devs`` depend on: contents of boxes and truth, and how they are read."""
    found: dict[str, dict[str, Any]] = {}
    for dev in devs:
        boxes, truth = dev.boxes_of, dev.sequence.truth
        found[dev.name] = {
            "rules": dev.preprocessing,
            "truth": content_hash(truth) if truth is not None else None,
            "length": dev.sequence.length,
            "frame_rate": dev.sequence.frame_rate,
        }
        if isinstance(boxes, StoredBoxes):
            path = boxes.paths[dev.sequence.name]
            found[dev.name] |= {
                "boxes": content_hash(path),
                "conf": boxes.conf,
                "classes": boxes.classes,
                "score_range": boxes.score_ranges.get(dev.sequence.name),
                "offset": dev.sequence.offset,
            }
    return found


def _named(args: argparse.Namespace, words: Sequence[str]) -> list[_Group]:
    """The sequences of ``NAME`` or ``BENCHMARK/NAME``, by benchmark."""
    names: dict[str, list[str]] = {}
    for word in words:
        names.setdefault(_benchmark(args, word), []).append(word.rpartition("/")[2])
    return [_found(args, benchmark, only) for benchmark, only in names.items()]


def _benchmark(args: argparse.Namespace, word: str) -> str:
    """The benchmark of ``NAME`` or ``BENCHMARK/NAME``."""
    return word.rpartition("/")[0] or str(args.benchmark)


def _found(args: argparse.Namespace, benchmark: str, only: list[str] | None) -> _Group:
    found, sequences = named_sequences(args, benchmark, only)
    if args.detections == "public":
        return _Group(benchmark, found, sequences)
    # MOT17 has every video three times, for three sets of public boxes; with others they are all the same.
    kept, seen = [], set[str]()
    for sequence in sequences:
        marks = _marks(sequence)
        if not marks & seen:
            kept.append(sequence)
        seen |= marks
    return _Group(benchmark, found, kept)


def _others(args: argparse.Namespace, words: list[str], taken: set[str]) -> list[_Group]:
    """All further sequences of the benchmarks that have truth and boxes."""
    groups = []
    for word in words:
        group = _found(args, word, None)
        rest = [sequence for sequence in group.sequences if not _marks(sequence) & taken]
        usable = [sequence for sequence in rest if sequence.truth and _has_boxes(args, group.benchmark, sequence)]
        left_out = [sequence.name for sequence in rest if sequence not in usable]
        if left_out:
            _LOG.info("not held out, for want of truth or boxes: %s", ", ".join(left_out))
        if usable:
            groups.append(_Group(word, group.benchmark, usable))
    return groups


def _marks(sequence: benchmarks.Sequence) -> set[str]:
    """By what a video is known under any name: sequences that show the same have one of these in common.

    MOT17 has the videos of MOT16, three times each; copies in folders of users are told by their truth.
    """
    marks = {sequence.base_name.replace("MOT16-", "MOT17-")}
    if sequence.truth is not None and sequence.truth.stat().st_size:
        marks.add(content_hash(sequence.truth))
    return marks


def _with_boxes(args: argparse.Namespace, groups: list[_Group]) -> list[DevSequence]:
    devs = []
    for group in groups:
        for sequence in group.sequences:
            if sequence.truth is None:
                raise NanomotError(f"{sequence.folder}: has no ground truth (gt/gt.txt), so nothing is scored on it.")
        boxes = chosen_boxes(args, group.benchmark, group.sequences)
        devs += [DevSequence(sequence, group.benchmark.preprocessing, boxes) for sequence in group.sequences]
    return devs


def _has_boxes(args: argparse.Namespace, benchmark: Benchmark, sequence: benchmarks.Sequence) -> bool:
    if args.detections == "model":
        return sequence.frames is not None
    try:
        return chosen_boxes(args, benchmark, [sequence]).paths[sequence.name].is_file()
    except NanomotError:
        return False
