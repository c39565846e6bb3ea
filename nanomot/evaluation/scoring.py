"""Parameters scored on sequences that stay in memory: boxes and truth are read once, then tracked again and again."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Detections
from nanomot.errors import NanomotError
from nanomot.evaluation import benchmarks
from nanomot.evaluation.judge import COMBINED, Row
from nanomot.evaluation.result_files import FRAME, read_tracks, read_truth
from nanomot.evaluation.runner import BoxesOf, TrackerSpec, track_sequence
from nanomot.evaluation.staging import SequenceRows, judged_data, metric_families, open_dataset

COPIES = ("reverse", "half", "quarter")
"""What a sequence can be made into: reversed in time, or every second or fourth frame."""

METRICS = {"HOTA": "HOTA", "DetA": "HOTA", "AssA": "HOTA", "MOTA": "CLEAR", "IDF1": "Identity", "IDSW": "CLEAR"}
"""Metric of a row -> the family of TrackEval's that it belongs to."""

Part = dict[str, dict[str, Any]]
"""One sequence's numbers as TrackEval gives them: family -> field -> value."""

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class DevSequence:
    """A sequence with truth on which parameters are scored; small enough to be sent to another process.

    Attributes:
        sequence: which.
        preprocessing: whose rules TrackEval applies, ``"MOT15"`` to ``"MOT20"``.
        boxes_of: gives its detections.
        copy: one of ``COPIES``, or empty for the sequence as it is.
    """

    sequence: benchmarks.Sequence
    preprocessing: str
    boxes_of: BoxesOf
    copy: str = ""

    @property
    def name(self) -> str:
        """The sequence's name; that of a copy ends with what was done to it."""
        return f"{self.sequence.name}~{self.copy}" if self.copy else self.sequence.name


def _frames_kept(copy: str, length: int) -> NDArray[np.intp]:
    """The frames of a copy, as indices into the sequence."""
    frames = np.arange(length)
    return {"": frames, "reverse": frames[::-1], "half": frames[::2], "quarter": frames[::4]}[copy]


def _truth_of(dev: DevSequence, frames: NDArray[np.intp]) -> NDArray[np.float64]:
    """The truth of the ``frames`` alone, numbered anew."""
    source = dev.sequence
    if source.truth is None:
        raise NanomotError(f"{source.folder}: has no ground truth (gt/gt.txt), so nothing can be scored on it.")
    rows = read_truth(source.truth, source.length, has_classes=dev.preprocessing != "MOT15")
    number = np.zeros(source.length + 1)
    number[frames + 1] = np.arange(1, len(frames) + 1)
    rows[:, FRAME] = number[rows[:, FRAME].astype(np.intp)]
    return rows[rows[:, FRAME] > 0]


class Scorer:
    """One sequence with its boxes and truth in memory; only the tracks of the moment lie in a file."""

    def __init__(self, dev: DevSequence, folder: Path) -> None:
        """Read boxes and truth; ``folder`` is a temporary one of the caller's.

        Raises:
            NanomotError: one of them is missing or malformed.
        """
        frames = _frames_kept(dev.copy, dev.sequence.length)
        everything = list(dev.boxes_of(dev.sequence))
        everything += [Detections.empty()] * (dev.sequence.length - len(everything))
        self._boxes = [everything[index] for index in frames]
        stride = {"half": 2, "quarter": 4}.get(dev.copy, 1)
        self.sequence = replace(
            dev.sequence, name=dev.name, length=len(frames), frame_rate=dev.sequence.frame_rate / stride
        )
        self._result = folder / f"{dev.name}.txt"
        truth = _truth_of(dev, frames)
        self._rows = {dev.name: SequenceRows(truth, np.empty((0, 7)), len(frames))}
        with contextlib.redirect_stdout(io.StringIO()):
            self._dataset = open_dataset(self._rows, folder / dev.name, dev.preprocessing)

    def score(self, spec: TrackerSpec) -> Part:
        """Track the sequence and judge the tracks.

        Raises:
            NanomotError: the tracker cannot be made, or TrackEval refuses the truth.
        """
        from trackeval.utils import TrackEvalException

        track_sequence(self.sequence, spec, self._replay, self._result)
        name, length = self.sequence.name, self.sequence.length
        self._rows[name] = replace(self._rows[name], result=read_tracks(self._result, length))
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                data = judged_data(self._dataset, name)
            except TrackEvalException as error:
                words = " ".join(str(error).split())
                raise NanomotError(f"{self.sequence.truth}: TrackEval cannot judge by it: {words}") from error
            return {family: metric.eval_sequence(data) for family, metric in metric_families().items()}

    def _replay(self, sequence: benchmarks.Sequence) -> Iterator[Detections]:
        return iter(self._boxes)


def rows_of(parts: Mapping[str, Part]) -> dict[str, Row]:
    """Every sequence's metrics (``METRICS``) and those over all of them, in percent or counts."""
    combined: Part = {
        family: metric.combine_sequences({name: part[family] for name, part in parts.items()})
        for family, metric in metric_families().items()
    }
    return {name: _row(part) for name, part in {**parts, COMBINED: combined}.items()}


def _row(part: Part) -> Row:
    # HOTA's family is an average over the thresholds alpha.
    values = {name: float(np.mean(part[family][name])) for name, family in METRICS.items()}
    return {name: int(value) if name == "IDSW" else 100.0 * value for name, value in values.items()}


class Scorers:
    """Scores parameters on several sequences, in this process or in ``workers`` others; a context manager.

    The rows do not depend on the number of workers.
    """

    def __init__(self, devs: Sequence[DevSequence], workers: int = 1) -> None:
        self._devs = list(devs)
        # The longest jobs first, so that no worker is left alone with one at the end.
        self._order = sorted(range(len(self._devs)), key=lambda index: -self._devs[index].sequence.length)
        self._here: dict[int, Scorer] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="nanomot-tune-")
        self._pool: ProcessPoolExecutor | None = None
        if workers > 1:
            self._pool = ProcessPoolExecutor(
                workers, get_context("spawn"), _begin_worker, (self._devs, self._folder.name)
            )

    def __enter__(self) -> Scorers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def rows(
        self, specs: Sequence[TrackerSpec], stop: Callable[[], bool] = lambda: False
    ) -> list[dict[str, Row]] | None:
        """For each of ``specs``, sequence or ``COMBINED`` -> metrics; None when ``stop`` told to give up.

        Raises:
            NanomotError: a sequence cannot be read or scored, or a worker died.
        """
        jobs = [(index, number) for number in range(len(specs)) for index in self._order]
        parts = self._all_here(jobs, specs, stop) if self._pool is None else self._all_there(jobs, specs, stop)
        if parts is None:
            return None
        return [
            rows_of({dev.name: parts[index, number] for index, dev in enumerate(self._devs)})
            for number in range(len(specs))
        ]

    def _all_here(
        self, jobs: list[tuple[int, int]], specs: Sequence[TrackerSpec], stop: Callable[[], bool]
    ) -> dict[tuple[int, int], Part] | None:
        parts = {}
        for index, number in jobs:
            if stop():
                return None
            if index not in self._here:
                self._here[index] = Scorer(self._devs[index], Path(self._folder.name))
            parts[index, number] = self._here[index].score(specs[number])
        return parts

    def _all_there(
        self, jobs: list[tuple[int, int]], specs: Sequence[TrackerSpec], stop: Callable[[], bool]
    ) -> dict[tuple[int, int], Part] | None:
        assert self._pool is not None
        try:
            futures = {
                self._pool.submit(_score_in_worker, index, specs[number]): (index, number) for index, number in jobs
            }
            waiting: set[Future[Part]] = set(futures)
            while waiting:
                done, waiting = wait(waiting, _POLL_SECONDS)
                for future in done:
                    future.result()
                if stop():
                    for future in waiting:
                        future.cancel()
                    return None
            return {job: future.result() for future, job in futures.items()}
        except BrokenProcessPool as error:
            if stop():
                return None
            raise NanomotError("A worker process died (out of memory?); the same command goes on from here.") from error


@dataclass
class _Worker:
    """What a worker process keeps between its jobs."""

    devs: list[DevSequence]
    folder: Path
    scorers: dict[int, Scorer] = field(default_factory=dict)


_worker: _Worker | None = None


def _begin_worker(devs: list[DevSequence], folder: str) -> None:
    """Ctrl-C is the parent's to handle; a parent that is killed must not leave its workers behind."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = _Worker(devs, Path(folder) / str(os.getpid()))
    parent = parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


def _score_in_worker(index: int, spec: TrackerSpec) -> Part:
    assert _worker is not None
    if index not in _worker.scorers:
        _worker.scorers[index] = Scorer(_worker.devs[index], _worker.folder)
    return _worker.scorers[index].score(spec)
