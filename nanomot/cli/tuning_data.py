"""Which sequences ``nanomot tune`` searches on and which it holds out, with their boxes."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors import PERSON_IF_KNOWN
from nanomot.cli.benchmark_options import chosen_sequences
from nanomot.cli.boxes_of import StoredBoxes, boxes_in, model_boxes, public_boxes
from nanomot.cli.options import parse_classes
from nanomot.errors import NanomotError
from nanomot.evaluation import benchmarks
from nanomot.evaluation.benchmarks import Benchmark
from nanomot.evaluation.cache import content_hash
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
    tuned = _named(args, args.sequences)
    taken = {_video(sequence) for group in tuned for sequence in group.sequences}
    if args.held_out is None:
        held_out = _others(args, [group.word for group in tuned], taken)
    else:
        held_out = _named(args, args.held_out)
    for group in held_out:
        for sequence in group.sequences:
            if _video(sequence) in taken:
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
    found = {}
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
            found[dev.name] |= {"boxes": content_hash(path), "conf": boxes.conf, "classes": boxes.classes}
    return found


def _named(args: argparse.Namespace, words: Sequence[str]) -> list[_Group]:
    """The sequences of ``NAME`` or ``BENCHMARK/NAME``, by benchmark."""
    names: dict[str, list[str]] = {}
    for word in words:
        benchmark, _, name = word.rpartition("/")
        names.setdefault(benchmark or args.benchmark, []).append(name)
    return [_found(args, benchmark, only) for benchmark, only in names.items()]


def _found(args: argparse.Namespace, benchmark: str, only: list[str] | None) -> _Group:
    found, sequences = chosen_sequences(argparse.Namespace(**{**vars(args), "benchmark": benchmark, "sequences": only}))
    if args.detections == "public":
        return _Group(benchmark, found, sequences)
    # MOT17 has every video three times, for three sets of public boxes; with others they are all the same.
    videos = {_video(sequence): sequence for sequence in reversed(sequences)}
    return _Group(benchmark, found, list(videos.values())[::-1])


def _others(args: argparse.Namespace, words: list[str], taken: set[str]) -> list[_Group]:
    """All further sequences of the benchmarks that have truth and boxes."""
    groups = []
    for word in words:
        group = _found(args, word, None)
        rest = [sequence for sequence in group.sequences if _video(sequence) not in taken]
        usable = [sequence for sequence in rest if sequence.truth and _has_boxes(args, group.benchmark, sequence)]
        left_out = [sequence.name for sequence in rest if sequence not in usable]
        if left_out:
            _LOG.info("not held out, for want of truth or boxes: %s", ", ".join(left_out))
        if usable:
            groups.append(_Group(word, group.benchmark, usable))
    return groups


def _video(sequence: benchmarks.Sequence) -> str:
    """What is the same for sequences that show the same: MOT17 has the videos of MOT16, three times each."""
    return sequence.base_name.replace("MOT16-", "MOT17-")


def _with_boxes(args: argparse.Namespace, groups: list[_Group]) -> list[DevSequence]:
    devs = []
    for group in groups:
        for sequence in group.sequences:
            if sequence.truth is None:
                raise NanomotError(f"{sequence.folder}: has no ground truth (gt/gt.txt), so nothing is scored on it.")
        boxes = _boxes(args, group.benchmark, group.sequences)
        devs += [DevSequence(sequence, group.benchmark.preprocessing, boxes) for sequence in group.sequences]
    return devs


def _boxes(args: argparse.Namespace, benchmark: Benchmark, sequences: list[benchmarks.Sequence]) -> StoredBoxes:
    classes = parse_classes(args.classes, PERSON_IF_KNOWN)
    if args.detections == "model":
        return model_boxes(args, sequences, classes)
    if args.detections == "public":
        return public_boxes(benchmark, sequences, args.conf, classes)
    return boxes_in(Path(args.detections).expanduser(), sequences, args.conf, classes)


def _has_boxes(args: argparse.Namespace, benchmark: Benchmark, sequence: benchmarks.Sequence) -> bool:
    if args.detections == "model":
        return sequence.frames is not None
    try:
        return _boxes(args, benchmark, [sequence]).paths[sequence.name].is_file()
    except NanomotError:
        return False
