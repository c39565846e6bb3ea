"""Work for processes of others: found by its name there, so it cannot lie in a test function."""

from __future__ import annotations

import logging
import os
import signal
import time
from functools import partial
from pathlib import Path

from nanomot.errors import NanomotError
from nanomot.evaluation import runner
from nanomot.jobs import Interrupted, Job


def job(work, *arguments, label=None):
    return Job(label or work.__name__, label or work.__name__, work, partial(tuple, arguments))


def square(number, turn):
    return number * number


def process(turn):
    return os.getpid()


def cores(turn):
    return turn.cores


def unsendable(turn):
    return lambda: None


def killer(turn):
    os.kill(os.getpid(), signal.SIGKILL)


def broken(turn):
    logging.getLogger("nanomot.test").warning("look out")
    raise NanomotError("a.txt, line 3: is broken.")


def unlucky(folder, turn):
    """Fails twice, each time in its own way."""
    attempt = len(list(Path(folder).iterdir()))
    (Path(folder) / str(attempt)).touch()
    if attempt == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if attempt == 1:
        raise ValueError("out of\nluck")
    return attempt


def faulty(turn):
    raise ValueError("out of\nluck")


def held_once(folder, turn):
    """The first attempt leaves its process id and waits to be killed; the second is done at once."""
    mark = Path(folder) / "pid"
    if mark.exists():
        return "done"
    part = mark.with_suffix(".part")
    part.write_text(str(os.getpid()))
    part.replace(mark)
    return endless(turn)


def deaf(turn):
    """Does not stop when it is asked to."""
    time.sleep(60)


def endless(turn):
    """Waits until it is asked to stop."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if turn.stop.is_set():
            raise Interrupted
        time.sleep(0.01)
    return "nobody came"


def hold_sequence(name, sign):
    """Change this process: whoever tracks the sequence ``name`` waits until the file ``sign`` is there."""
    track = runner.track_sequence

    def held(sequence, *more):
        if sequence.name == name:
            appears(sign.parent, sign.name, seconds=120)
        return track(sequence, *more)

    runner.track_sequence = held


def witnessed(folder, turn):
    """As :func:`endless`, and leaves a sign of its beginning and of its end."""
    (Path(folder) / f"begun-{os.getpid()}").touch()
    try:
        return endless(turn)
    finally:
        (Path(folder) / f"ended-{os.getpid()}").touch()


def kill_when_there(mark, seconds=120.0):
    """Kill the process whose id appears in a file."""
    deadline = time.monotonic() + seconds
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(int(mark.read_text()), signal.SIGKILL)


def appears(folder, pattern, seconds=30.0):
    """Whether a file comes to be there in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if list(Path(folder).glob(pattern)):
            return True
        time.sleep(0.01)
    return False
