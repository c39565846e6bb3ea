"""A crew of processes on this machine; one that dies takes nothing but its own task with it."""

from __future__ import annotations

import os
import queue
import signal
import threading
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pickle import PicklingError

from nanomot.jobs import Answer, Task, Turn, perform

_GRACE_SECONDS = 10.0
"""How long a process may take to finish the frame it is at when it is asked to end."""


@dataclass(frozen=True)
class _Lane:
    """One process with the pipe to it."""

    process: BaseProcess
    pipe: Connection
    busy: threading.Event = field(default_factory=threading.Event)


class Processes:
    """``count`` processes that share this machine's cores; each is started when it is first needed.

    Processes are spawned, not forked: the threads of OpenCV and onnxruntime do not survive a fork.
    """

    shares_files = True

    def __init__(self, count: int) -> None:
        self._cores = max((os.cpu_count() or 1) // count, 1)
        self._lanes: dict[str, _Lane | None] = {f"process {number + 1}": None for number in range(count)}
        self._lost: list[tuple[str, Answer]] = []

    def idle(self) -> list[str]:
        """Names of the processes that have nothing to do."""
        return [name for name, lane in self._lanes.items() if lane is None or not lane.busy.is_set()]

    def start(self, worker: str, task: Task) -> None:
        """Give a process a task; start it before where that is needed."""
        lane = self._lanes[worker]
        if lane is None:
            lane = self._lanes[worker] = self._launch()
        lane.busy.set()
        try:
            lane.pipe.send(task)
        except OSError:
            self._lost.append((worker, self._bury(worker, lane)))

    def wait(self, seconds: float) -> list[tuple[str, Answer]]:
        """Answers of processes that are done or dead."""
        found, self._lost = self._lost, []
        busy = {lane.pipe: (name, lane) for name, lane in self._lanes.items() if lane and lane.busy.is_set()}
        for pipe in connection.wait(list(busy), 0.0 if found else seconds):
            name, lane = busy[pipe]  # type: ignore[index]
            try:
                found.append((name, lane.pipe.recv()))
                lane.busy.clear()
            except (EOFError, OSError):
                found.append((name, self._bury(name, lane)))
        return found

    def halt(self) -> None:
        """Set the tasks' ``stop``."""
        for lane in filter(None, self._lanes.values()):
            try:
                lane.pipe.send(None)
            except OSError:  # it is dead already, which is as good
                continue

    def close(self) -> None:
        """Let every process finish the frame it is at, then end it."""
        self.halt()
        for lane in filter(None, self._lanes.values()):
            lane.process.join(_GRACE_SECONDS)
            if lane.process.is_alive():
                lane.process.kill()
                lane.process.join()
            lane.pipe.close()
        self._lanes.clear()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _launch(self) -> _Lane:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._cores), name="nanomot-worker", daemon=True)
        process.start()
        # So that the pipe ends when the process does.
        theirs.close()
        return _Lane(process, ours)

    def _bury(self, worker: str, lane: _Lane) -> Answer:
        lane.process.join(_GRACE_SECONDS)
        lane.pipe.close()
        self._lanes[worker] = None
        code = lane.process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
        return Answer(failure=f"its process {how}")


def _serve(pipe: Connection, cores: int) -> None:
    """A process's life: tasks in, answers out, until None comes or the parent is gone."""
    # Ctrl-C reaches every process of a terminal; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    turn = Turn(threading.Event(), cores)

    def listen() -> None:
        try:
            while True:
                task = pipe.recv()
                if task is None:
                    turn.stop.set()
                tasks.put(task)
        except (EOFError, OSError):
            # Nobody is left who would want an answer.
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    while (task := tasks.get()) is not None:
        answer = perform(task, turn)
        try:
            pipe.send(answer)
        except (TypeError, AttributeError, PicklingError) as error:
            pipe.send(Answer(failure=f"its result cannot be sent ({error})"))
