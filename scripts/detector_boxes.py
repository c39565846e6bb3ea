"""A detector's boxes on the sequences of a benchmark, kept in a folder."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from detectors import PERSON_IF_KNOWN, load_detector
from detectors.zoo import resolve_model
from nanomot.cli.benchmark_options import check_frames, named_sequences
from nanomot.cli.boxes_of import StoredBoxes
from nanomot.detections import Detections, Detector
from nanomot.digests import content_hash
from nanomot.errors import NanomotError
from nanomot.evaluation import benchmarks
from nanomot.evaluation.cache import DetectionCache
from nanomot.evaluation.frames import frames_key, open_frames
from nanomot.evaluation.scoring import DevSequence

CONF = 0.05
NMS = 0.6


@dataclass(frozen=True)
class Setting:
    """A detector at an input shape, as :func:`detectors.load_detector` takes them."""

    model: str
    imgsz: str = "auto"

    @classmethod
    def parse(cls, word: str) -> Setting:
        """``MODEL`` or ``MODEL@HxW``, ``MODEL@native``."""
        model, sign, imgsz = word.rpartition("@")
        return cls(model, imgsz) if sign else cls(word)

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.name if self.imgsz == "auto" else f"{self.name} {self.imgsz}"

    @property
    def path(self) -> Path:
        """The model's file."""
        return resolve_model(self.model).path

    @property
    def name(self) -> str:
        """The model's name in the zoo, else that of its file."""
        entry = resolve_model(self.model).entry
        return entry.name if entry else self.path.stem

    @property
    def known_names(self) -> list[str]:
        """All names under which the zoo knows the model or its file."""
        entry = resolve_model(self.model).entry
        files = [Path(file).stem for file in (*entry.files, self.path.name)] if entry else [self.path.stem]
        return list(dict.fromkeys([self.name, *(entry.aliases if entry else ()), *files]))


def sequences_of(args: argparse.Namespace) -> list[tuple[benchmarks.Sequence, str]]:
    """The sequences of ``--sequences BENCHMARK/NAME`` with the rules by which TrackEval judges them.

    Raises:
        NanomotError: one is not there, or has no frames or no truth.
    """
    words = [(benchmark or args.benchmark, name) for benchmark, _, name in (w.rpartition("/") for w in args.sequences)]
    check_frames(args, dict.fromkeys(benchmark for benchmark, _ in words))
    found = []
    for benchmark, name in words:
        kind, sequences = named_sequences(args, benchmark, [name])
        for sequence in sequences[:1]:
            if sequence.frames is None or sequence.truth is None:
                raise NanomotError(f"{sequence.folder}: needs ground truth, and frames (--frames {name}=PATH).")
            found.append((sequence, kind.preprocessing))
    return found


def with_boxes(
    setting: Setting, sequences: list[tuple[benchmarks.Sequence, str]], cache: Path, threads: int
) -> list[DevSequence]:
    """The sequences with the boxes that the detector finds in them, from ``cache`` where they are known."""
    store = DetectionCache(cache)
    model = content_hash(setting.path)
    devs = []
    for sequence, rules in sequences:
        key = {
            **{"model": model, "imgsz": setting.imgsz, "conf": CONF, "nms": NMS, "classes": PERSON_IF_KNOWN},
            **frames_key(sequence),
        }
        path = store.path(sequence.base_name, key)
        if not store.holds(path):
            detector = load_detector(
                setting.model, conf=CONF, nms=NMS, imgsz=setting.imgsz, classes=PERSON_IF_KNOWN, threads=threads
            )
            store.store(path, _detect(sequence, detector), list(detector.class_names))
        devs.append(DevSequence(sequence, rules, StoredBoxes({sequence.name: path}, CONF, PERSON_IF_KNOWN)))
    return devs


def _detect(sequence: benchmarks.Sequence, detector: Detector) -> Iterator[Detections]:
    with open_frames(sequence) as source:
        for frame in source:
            yield detector.detect(frame.image)
