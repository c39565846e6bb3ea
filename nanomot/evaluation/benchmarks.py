"""Benchmarks in MOTChallenge layout: which sequences there are, and where their frames, boxes and truth lie."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nanomot.errors import NanomotError
from nanomot.evaluation.archives import Archive, parse_archives
from nanomot.resources import configs_dir, load_yaml
from nanomot.video.images import read_seqinfo

_REQUIRED = {"folder", "preprocessing", "splits"}
_KEYS = {
    *_REQUIRED,
    *("sequences", "detectors", "public_scores", "address", "licence", "archives", "frames"),
}


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's layout.

    Attributes:
        name: as users call it.
        folder: below the data root.
        preprocessing: whose rules TrackEval applies, ``"MOT15"`` to ``"MOT20"``.
        splits: name of a split -> its folder.
        sequences: name of an official split -> base names of all its sequences, where they are known.
        detectors: suffixes under which each sequence is there once per public detector.
        public_scores: the suffix of a public detector, or "all" -> the scores that mean 0 and 1 in its ``det.txt``.
        address: where to get the data.
        frames: sequence -> another place of its frames, for instance a video.
        licence: what its authors allow, in a few words.
        archives: what ``nanomot data download`` fetches; empty where that is not possible.
        file: the YAML file that says all this; None for a folder of sequences.
    """

    name: str
    folder: str
    preprocessing: str
    splits: Mapping[str, str]
    detectors: tuple[str, ...] = ()
    address: str = ""
    frames: Mapping[str, str] = field(default_factory=dict)
    sequences: Mapping[str, list[str]] = field(default_factory=dict)
    public_scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    licence: str = ""
    archives: tuple[Archive, ...] = ()
    file: Path | None = None

    def without_detector(self, sequence: str) -> str:
        """The sequence's name without the suffix of a public detector: ``MOT17-02-SDP`` -> ``MOT17-02``."""
        stem, _, suffix = sequence.rpartition("-")
        return stem if stem and suffix in self.detectors else sequence

    def score_range(self, sequence: str) -> tuple[float, float] | None:
        """Which scores of the sequence's public boxes mean 0 and 1; None where they are what they say."""
        suffix = sequence.rpartition("-")[2]
        return self.public_scores.get(suffix, self.public_scores.get("all"))


@dataclass(frozen=True)
class Sequence:
    """One sequence of a split.

    Attributes:
        name: of its folder, which is the name of its result file.
        base_name: the same without the suffix of a public detector.
        folder: holds ``gt/gt.txt`` and ``det/det.txt``.
        length: number of frames.
        frame_rate: frames per second.
        frames: video or folder of pictures; None where they are not here.
        offset: number of frames of the whole sequence before this split's first one.
        truth: ground truth, None where it is not published.
    """

    name: str
    base_name: str
    folder: Path
    length: int
    frame_rate: float
    frames: Path | None
    offset: int
    truth: Path | None


def benchmark_names() -> list[str]:
    """Names of the shipped benchmarks."""
    return sorted(path.stem for path in (configs_dir() / "benchmarks").glob("*.yaml"))


def load_benchmark(name: str) -> Benchmark:
    """A shipped benchmark by its name, a benchmark's YAML file, or any folder of sequences in MOTChallenge layout.

    Raises:
        NanomotError: there is no such benchmark, or its file is malformed.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return Benchmark(path.resolve().name, str(path.resolve()), "MOT17", {"train": ".", "test": "."})
    known = {shipped.lower(): shipped for shipped in benchmark_names()}
    if path.suffix not in (".yaml", ".yml"):
        if name.lower() not in known:
            raise NanomotError(
                f"There is no benchmark {name!r}; known are {', '.join(known.values())}, or name a folder of sequences."
            )
        path = configs_dir() / "benchmarks" / f"{known[name.lower()]}.yaml"
    return _from_mapping(path, load_yaml(path))


def _from_mapping(path: Path, values: dict[str, Any]) -> Benchmark:
    unknown, missing = sorted(set(values) - _KEYS), sorted(_REQUIRED - set(values))
    if unknown or missing:
        fault = f"unknown key {unknown[0]!r}" if unknown else f"no value for {missing[0]!r}"
        raise NanomotError(f"{path}: has {fault}; a benchmark's keys are {', '.join(sorted(_KEYS))}.")
    values["archives"] = parse_archives(path, values.get("archives") or [], values["splits"])
    values["detectors"] = tuple(values.get("detectors") or ())
    values["sequences"] = values.get("sequences") or {}
    values["public_scores"] = {
        name: _range(path, name, limits) for name, limits in (values.get("public_scores") or {}).items()
    }
    return Benchmark(name=path.stem, file=path, **values)


def _range(path: Path, name: str, limits: Any) -> tuple[float, float]:
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not low < high:
        raise NanomotError(f"{path}: public_scores of {name} must be [low, high] with low < high, not {limits}.")
    return low, high


def find_sequences(
    benchmark: Benchmark,
    data_root: Path,
    split: str,
    *,
    only: Iterable[str] | None = None,
    frames: Mapping[str, str] | None = None,
) -> list[Sequence]:
    """The sequences of a split that are here, in the order of their names.

    Args:
        benchmark: whose.
        data_root: the folder that holds ``MOT17/train/...``.
        split: one of the benchmark's splits.
        only: names, with or without the suffix of a public detector.
        frames: sequence (either name) -> place of its frames; these win over the benchmark's.

    Raises:
        NanomotError: the split or a named sequence is missing; the message says where data comes from.
    """
    if split not in benchmark.splits:
        raise NanomotError(f"{benchmark.name} has no split {split!r}; it has {', '.join(benchmark.splits)}.")
    folder = data_root / benchmark.folder / benchmark.splits[split]
    places = {**benchmark.frames, **(frames or {})}
    found = [
        _sequence(benchmark, path, places)
        for path in sorted(folder.iterdir() if folder.is_dir() else ())
        if (path / "seqinfo.ini").is_file()
    ]
    if not found:
        hint = _right_root(benchmark, data_root, split) or _source(benchmark, data_root, split)
        raise NanomotError(f"{folder}: holds no sequence of {benchmark.name}.{hint}")
    wanted = set(only or ())
    unknown = wanted - {name for sequence in found for name in (sequence.name, sequence.base_name)}
    if unknown:
        raise NanomotError(f"{folder}: has no sequence {sorted(unknown)[0]!r}; it has {_names(found)}.")
    return [s for s in found if not wanted or s.name in wanted or s.base_name in wanted]


def _right_root(benchmark: Benchmark, data_root: Path, split: str) -> str:
    """What to say where the benchmark lies beside or above the folder that was named as the data root."""
    for parent in list(data_root.absolute().parents)[:2]:
        if not Path(benchmark.folder).is_absolute() and (parent / benchmark.folder / benchmark.splits[split]).is_dir():
            return f" Did you mean --data-root {parent}?"
    return ""


def _source(benchmark: Benchmark, data_root: Path, split: str) -> str:
    """The sentence that says where a split comes from."""
    by_hand = f"et it from {benchmark.address} and unpack it there." if benchmark.address else ""
    is_fetched = any(archive.split in ("", split) for archive in benchmark.archives) and split in benchmark.sequences
    if is_fetched and benchmark.name in benchmark_names():
        root = "" if data_root == Path("data") else f" --data-root {shlex.quote(str(data_root))}"
        return f" `nanomot data download {benchmark.name}{root}` fetches it; or g{by_hand}"
    return f" G{by_hand}" if by_hand else ""


def _names(sequences: Iterable[Sequence]) -> str:
    return ", ".join(sequence.name for sequence in sequences)


def _sequence(benchmark: Benchmark, folder: Path, places: Mapping[str, str]) -> Sequence:
    length, rate = _length_and_rate(folder)
    base_name = benchmark.without_detector(folder.name)
    stated = places.get(folder.name) or places.get(base_name)
    pictures = folder / read_seqinfo(folder / "seqinfo.ini").get("imDir", "img1")
    frames = Path(stated).expanduser() if stated else (folder if pictures.is_dir() else None)
    offset = 0
    whole = folder.parent.parent / benchmark.splits.get("train", "train") / folder.name
    if folder.parent.name.endswith("half") and (whole / "seqinfo.ini").is_file():
        offset = _length_and_rate(whole)[0] - length
        if frames is None and (whole / pictures.name).is_dir():
            frames = whole
    truth = folder / "gt" / "gt.txt"
    return Sequence(folder.name, base_name, folder, length, rate, frames, offset, truth if truth.is_file() else None)


def _length_and_rate(folder: Path) -> tuple[int, float]:
    ini = folder / "seqinfo.ini"
    info = read_seqinfo(ini)
    try:
        length, rate = int(info["seqLength"]), float(info["frameRate"])
    except (KeyError, ValueError) as error:
        raise NanomotError(f"{ini}: seqLength and frameRate must be numbers ({error}).") from error
    if length <= 0 or rate <= 0:
        raise NanomotError(f"{ini}: seqLength and frameRate must be above 0.")
    return length, rate
