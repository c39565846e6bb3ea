"""Jobs that depend on nothing but their arguments, given to workers that may die under them."""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from nanomot.errors import NanomotError

_LOG = logging.getLogger("nanomot")

ATTEMPTS = 3
"""How often a job is begun before it counts as failed."""
_POLL_SECONDS = 0.2


class Interrupted(Exception):  # noqa: N818  # nothing went wrong
    """A job ended early because its ``stop`` was set."""


@dataclass(frozen=True)
class Turn:
    """What a job is told about the place where it runs.

    Attributes:
        stop: is set when nobody wants the result any more.
        cores: how many processor cores are meant for this job; None: what the libraries choose.
        visible: whether it runs in the caller's own process, so that it may show its progress.
    """

    stop: threading.Event
    cores: int | None = None
    visible: bool = False

    def check(self) -> None:
        """Raise :class:`Interrupted` where ``stop`` is set."""
        if self.stop.is_set():
            raise Interrupted


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        key: by what the caller knows it.
        label: names it in messages.
        work: called with the arguments and a :class:`Turn`; found by its name in other processes. A NanomotError is
            final; after any other exception the job is tried again.
        load: gives the arguments when the job is handed out, so that not all of them are in memory at once.
    """

    key: Any
    label: str
    work: Callable[..., Any]
    load: Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Task:
    """A job as a worker gets it."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """What a worker says of a task.

    Attributes:
        value: what the work returned.
        failure: why there is no value, None where there is one.
        final: whether another attempt would fail in the same way.
        notes: level and text of what was logged meanwhile, for the caller to show.
        attempts: how many this was.
    """

    value: Any = None
    failure: str | None = None
    final: bool = False
    notes: tuple[tuple[int, str], ...] = ()
    attempts: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its value, or the reason why it failed."""

    job: Job
    value: Any = None
    failure: str | None = None


class FailedJobsError(NanomotError):
    """Some jobs failed; all others were done before this was raised.

    Attributes:
        failures: those that failed.
    """

    def __init__(self, what: str, failures: Sequence[Outcome], total: int) -> None:
        self.failures = tuple(failures)
        reasons = "\n  ".join(_named(outcome.job, str(outcome.failure)) for outcome in failures)
        super().__init__(f"{len(failures)} of {total} {what} failed, the others are complete:\n  {reasons}")


def results(outcomes: Iterable[Outcome], what: str) -> Iterator[tuple[Job, Any]]:
    """Jobs with their values, as they come; those that failed are told of at the end.

    Raises:
        FailedJobsError: some failed; all others have been yielded. ``what`` says in it what the jobs are.
    """
    failures: list[Outcome] = []
    total = 0
    for outcome in outcomes:
        total += 1
        if outcome.failure is None:
            yield outcome.job, outcome.value
        else:
            failures.append(outcome)
    if failures:
        raise FailedJobsError(what, failures, total)


class Crew(Protocol):
    """Workers that do one task each at a time.

    Attributes:
        shares_files: whether tasks may name files and write results where the caller sees them.
    """

    shares_files: bool

    def idle(self) -> list[str]:
        """Names of the workers that have nothing to do."""
        ...

    def start(self, worker: str, task: Task) -> None:
        """Give an idle worker a task."""
        ...

    def wait(self, seconds: float) -> list[tuple[str, Answer]]:
        """Answers that have come, at the latest after ``seconds``; a worker that died has answered too."""
        ...

    def halt(self) -> None:
        """Ask running tasks to end early, without waiting for them."""
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...

    def __enter__(self) -> Crew: ...

    def __exit__(self, *error: object) -> None: ...


class Alone:
    """The caller's own process as the only worker."""

    shares_files = True

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._turn = Turn(stop or threading.Event(), visible=True)
        self._task: Task | None = None

    def idle(self) -> list[str]:
        """Its only worker, where that has nothing to do."""
        return [] if self._task else ["this process"]

    def start(self, worker: str, task: Task) -> None:
        """Keep the task for :meth:`wait`."""
        self._task = task

    def wait(self, seconds: float) -> list[tuple[str, Answer]]:
        """Carry the task out, however long it takes."""
        task, self._task = self._task, None
        return [("this process", perform(task, self._turn))] if task else []

    def halt(self) -> None:
        """Whoever interrupts this process does so by the event that it was given."""

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def run_jobs(jobs: Iterable[Job], crew: Crew, stop: threading.Event | None = None) -> Iterator[Outcome]:
    """Have a crew do all jobs; yield what became of each as soon as that is known.

    A job whose worker dies or fails is given to another one, :data:`ATTEMPTS` times in all; the failure of one is no
    concern of the others.

    Raises:
        KeyboardInterrupt: somebody set ``stop``; what was done until then has been yielded.
        NanomotError: there are no workers left.
    """
    waiting = deque(_Waiting(job) for job in jobs)
    running: dict[str, _Waiting] = {}
    try:
        while waiting or running:
            for worker in crew.idle() if waiting else ():
                entry = _next_for(worker, waiting)
                if entry is None:
                    break
                try:
                    task = Task(entry.job.work, entry.job.load())
                except NanomotError as error:
                    yield Outcome(entry.job, failure=str(error))
                    continue
                crew.start(worker, task)
                running[worker] = entry
            for worker, answer in crew.wait(_POLL_SECONDS):
                entry = running.pop(worker)
                outcome = _judge(entry, worker, answer, stop)
                if outcome is not None:
                    yield outcome
                else:
                    waiting.append(replace(entry, begun=entry.begun + answer.attempts, tried=entry.tried | {worker}))
            if stop is not None and stop.is_set():
                raise KeyboardInterrupt
    finally:
        if running:
            crew.halt()


@dataclass(frozen=True)
class _Waiting:
    """A job with the attempts that were made."""

    job: Job
    begun: int = 0
    tried: frozenset[str] = field(default_factory=frozenset)


def _next_for(worker: str, waiting: deque[_Waiting]) -> _Waiting | None:
    """The first job that has not failed at this worker, or the first of all."""
    if not waiting:
        return None
    entry = next((entry for entry in waiting if worker not in entry.tried), waiting[0])
    waiting.remove(entry)
    return entry


def _judge(entry: _Waiting, worker: str, answer: Answer, stop: threading.Event | None) -> Outcome | None:
    """What became of the job; None where it is to be tried again."""
    for level, text in answer.notes:
        _LOG.log(level, "%s", _named(entry.job, text))
    if answer.failure is None:
        return Outcome(entry.job, answer.value)
    begun = entry.begun + answer.attempts
    if answer.final:
        return Outcome(entry.job, failure=answer.failure)
    if begun >= ATTEMPTS:
        return Outcome(entry.job, failure=f"given up after {begun} attempts; the last one: {answer.failure}")
    if stop is None or not stop.is_set():
        _LOG.warning("%s: attempt %d of %d failed (%s).", entry.job.label, begun, ATTEMPTS, answer.failure)
    return None


def _named(job: Job, text: str) -> str:
    """``text`` with the job's label before it, unless it names the job itself."""
    label = re.escape(job.label)
    return text if re.search(rf"(?<![\w.-]){label}(?![\w.-])", text) else f"{job.label}: {text}"


def perform(task: Task, turn: Turn) -> Answer:
    """Carry a task out where it is; what it raises becomes part of the answer.

    Out of sight of the user, the warnings of nanomot's loggers become part of it as well.
    """
    notes: list[tuple[int, str]] = []
    handler = _Notes(notes)
    logger = logging.getLogger("nanomot")
    if not turn.visible:
        logger.addHandler(handler)
    try:
        value = task.work(*task.arguments, turn)
    except NanomotError as error:
        return Answer(failure=str(error), final=True, notes=tuple(notes))
    except Exception as error:  # whatever happens to one job must not reach the others
        return Answer(failure=_sentence(error), notes=tuple(notes))
    finally:
        logger.removeHandler(handler)
    return Answer(value, notes=tuple(notes))


class _Notes(logging.Handler):
    """Keeps what was logged, as text."""

    def __init__(self, notes: list[tuple[int, str]]) -> None:
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self._notes.append((record.levelno, record.getMessage()))


def _sentence(error: Exception) -> str:
    """An unexpected exception in one line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f", {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"
