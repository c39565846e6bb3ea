"""A crew of Dask workers, on this machine or on others: https://distributed.dask.org.

Every worker process is given one job at a time, by its address: when a worker dies, it is known which job it was at,
and no other job is suspected. Dask itself would start lost work again as often as its scheduler's settings say, and
would count every job that waited at the dead worker as guilty.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pkgutil
import queue
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import nanomot
from nanomot.errors import NanomotError
from nanomot.jobs import Answer, Task, Turn, perform

_LOG = logging.getLogger("nanomot")

LOCAL = "local"
PATIENCE_SECONDS = 300.0
"""How long a run waits for a worker when there is none: batch systems and clouds take their time."""
_CONNECT_SECONDS = 5
_HALT_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_PACKAGES = ("numpy", "scipy", "lap", "onnxruntime", "opencv-python")
_IGNORE_CTRL_C = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"


class DaskCrew:
    """The workers of a Dask scheduler.

    Args:
        address: of the scheduler, for instance ``tcp://host:8786`` or ``tls://host:8786``, or ``"local"`` for processes
            of this machine, bound to its loopback interface.
        workers: how many processes ``"local"`` means; None: one per core.
        patience: seconds to wait for a worker when there is none.

    Raises:
        NanomotError: Dask is not installed, no scheduler answers, or a worker has another version of nanomot.
    """

    shares_files = False

    def __init__(self, address: str, *, workers: int | None = None, patience: float = PATIENCE_SECONDS) -> None:
        self._dask = _distributed()
        if address != LOCAL:
            _check_address(address)
        # Its scheduler, its nannies and its client tell of every step; what matters of it is told here.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.address = address
        self._patience = patience
        self._token = uuid.uuid4().hex[:12]
        self._numbers = 0
        self._answers: queue.SimpleQueue[tuple[str, int, Answer]] = queue.SimpleQueue()
        self._running: dict[str, tuple[int, Any]] = {}
        self._fit: dict[str, bool] = {}
        self._alone_since: float | None = None
        self._looked = 0.0
        self._present: list[str] = []
        self._cluster = self._local_cluster(workers or os.cpu_count() or 1) if address == LOCAL else None
        try:
            self._client = self._connect()
            self._check(self._look(), first=True)
        except BaseException:
            self.close()
            raise

    def idle(self) -> list[str]:
        """Addresses of the workers that have nothing to do.

        Raises:
            NanomotError: there has been no worker for too long.
        """
        self._present = self._look()
        self._check([worker for worker in self._present if worker not in self._fit], first=False)
        fit = [worker for worker in self._present if self._fit.get(worker)]
        if fit:
            self._alone_since = None
        else:
            self._wait_for_workers()
        return [worker for worker in fit if worker not in self._running]

    def start(self, worker: str, task: Task) -> None:
        """Give a worker a task."""
        self._numbers += 1
        number = self._numbers
        with warnings.catch_warnings():
            # The boxes of a long sequence are more than Dask expects with a task; they are sent once.
            warnings.filterwarnings("ignore", message="Sending large graph")
            future = self._client.submit(
                _on_worker,
                task,
                self._token,
                worker,
                key=f"nanomot-{self._token}-{number}",
                workers=[worker],
                allow_other_workers=False,
                retries=0,
                pure=False,
            )
        self._running[worker] = (number, future)
        # A thread, because a result lies with its worker and is lost when that dies before it was fetched.
        threading.Thread(target=self._fetch, args=(worker, number, future), daemon=True).start()

    def wait(self, seconds: float) -> list[tuple[str, Answer]]:
        """Answers that have come, and of workers that have gone."""
        found: list[tuple[str, Answer]] = []
        with contextlib.suppress(queue.Empty):
            item = self._answers.get(timeout=seconds)
            while True:
                worker, number, answer = item
                if self._running.get(worker, (0, None))[0] == number:
                    del self._running[worker]
                    found.append((worker, answer))
                item = self._answers.get_nowait()
        if self._running and time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._present = self._look()
            for worker in set(self._running) - set(self._present):
                _, future = self._running.pop(worker)
                future.cancel()
                found.append((worker, Answer(failure=f"the worker {worker} is gone")))
        return found

    def halt(self) -> None:
        """Cancel what waits and set the ``stop`` of what runs."""
        workers = list(self._running)
        for _, future in self._running.values():
            future.cancel()
        self._running.clear()

        def tell() -> None:
            with contextlib.suppress(Exception):  # a worker that cannot be told is gone
                self._client.run(_halt, self._token, workers=workers, on_error="ignore")

        # The workers of others must not go on for hours with what nobody wants; but neither may we wait for them.
        call = threading.Thread(target=tell, daemon=True)
        call.start()
        call.join(_HALT_SECONDS)

    def close(self) -> None:
        """Leave the cluster; one of our own is shut down."""
        with contextlib.suppress(OSError, TimeoutError):
            if hasattr(self, "_client"):
                self._client.close()
            if self._cluster is not None:
                self._cluster.close()

    def __enter__(self) -> DaskCrew:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _local_cluster(self, workers: int) -> Any:
        """A scheduler and worker processes with one thread each that listen to the loopback interface alone.

        Dask's own ``LocalCluster`` lets its workers' HTTP servers listen everywhere in some versions.
        """
        dask = importlib.import_module("dask")
        here = {
            "host": "127.0.0.1",
            "protocol": "tcp://",
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
        }
        worker = {
            "nthreads": 1,
            "memory_limit": 0,
            "silence_logs": logging.CRITICAL,
            # Ctrl-C reaches every process of a terminal; this one decides what becomes of the others.
            "preload": [_IGNORE_CTRL_C],
        }
        # Without Dask's setting that gives memory back at once: it costs a page fault per picture and page.
        environment = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        # TLS is for other machines; what a user has set for these must not keep this one from talking to itself.
        environment["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "False"
        settings = {"distributed.nanny.pre-spawn-environ": environment, "distributed.comm.require-encryption": False}
        with dask.config.set(settings):
            return self._dask.SpecCluster(
                scheduler={"cls": self._dask.Scheduler, "options": {**here, "port": 0}},
                workers={number: {"cls": self._dask.Nanny, "options": {**here, **worker}} for number in range(workers)},
                silence_logs=logging.CRITICAL,
            )

    def _connect(self) -> Any:
        try:
            return self._dask.Client(self._cluster or self.address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError, TimeoutError, RuntimeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise NanomotError(f"--cluster {self.address}: no Dask scheduler answers there ({reason}).") from error

    def _look(self) -> list[str]:
        """Addresses of all workers that are there now."""
        self._looked = time.monotonic()
        return list(self._ask(self._client.nthreads))

    def _ask(self, question: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Something that the scheduler has to answer."""
        try:
            return question(*arguments, **options)
        except (OSError, TimeoutError, RuntimeError) as error:
            raise NanomotError(
                f"--cluster {self.address}: the Dask scheduler does not answer any more ({type(error).__name__}); what "
                "was done until then is kept."
            ) from error

    def _wait_for_workers(self) -> None:
        now = time.monotonic()
        if self._alone_since is None:
            self._alone_since = now
            _LOG.warning("--cluster %s: there is no worker; waiting for one.", self.address)
        if now - self._alone_since > self._patience:
            raise NanomotError(
                f"--cluster {self.address}: there has been no worker for {self._patience:.0f} s; what was done until "
                "then is kept."
            )

    def _check(self, workers: list[str], *, first: bool) -> None:
        """Find out which of ``workers`` have this version of nanomot; those that come late without it are left out."""
        if not workers:
            return
        # A function of the standard library, because nanomot's own cannot be called where nanomot is missing.
        found = self._ask(
            self._client.run, pkgutil.resolve_name, "nanomot:__version__", workers=workers, on_error="return"
        )
        for worker in workers:
            theirs = found.get(worker)
            if not isinstance(theirs, (str, ImportError, AttributeError)):
                continue  # it is not there any more, or not yet: it will be asked again
            self._fit[worker] = theirs == nanomot.__version__
            if self._fit[worker]:
                continue
            what = f"nanomot {theirs}" if isinstance(theirs, str) else f"no nanomot ({theirs})"
            fault = f"the worker {worker} has {what}; install nanomot {nanomot.__version__} there, as it is here."
            if first:
                raise NanomotError(f"--cluster {self.address}: {fault}")
            _LOG.error("--cluster %s: %s It is left out.", self.address, fault)
        self._compare_packages([worker for worker in workers if self._fit.get(worker)])

    def _compare_packages(self, workers: list[str]) -> None:
        if not workers:
            return
        ours = _versions()
        found = self._ask(self._client.run, _versions, workers=workers, on_error="ignore")
        for worker, theirs in found.items():
            other = [f"{name} {theirs[name]} (here {ours[name]})" for name in ours if theirs[name] != ours[name]]
            if other:
                _LOG.warning("The worker %s has %s: results may differ from this machine's.", worker, ", ".join(other))

    def _fetch(self, worker: str, number: int, future: Any) -> None:
        try:
            answer = future.result()
        except self._dask.scheduler.KilledWorker as error:
            # A worker that comes back under its old address gets its task again from the scheduler.
            answer = Answer(failure=f"the worker {worker} died", attempts=error.args[2] + 1)
        except Exception as error:  # cancelled, or whatever a worker that is not in order gives back
            answer = Answer(failure=f"{type(error).__name__}: {' '.join(str(error).split())}, worker {worker}")
        self._answers.put((worker, number, answer))


_STOPS: dict[str, threading.Event] = {}
"""On a worker: by a run's token, whether it was halted."""


def _on_worker(task: Task, token: str, worker: str) -> Answer:
    stop = _STOPS.setdefault(token, threading.Event())
    get_worker = importlib.import_module("distributed").get_worker
    answer = perform(task, Turn(stop, get_worker().state.nthreads))
    if answer.failure is None:
        return answer
    return replace(answer, failure=f"worker {worker}: {answer.failure}")


def _halt(token: str) -> None:
    _STOPS.setdefault(token, threading.Event()).set()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _check_address(address: str) -> None:
    """Refuse what no client can be made of: Dask's own leaves a traceback behind when it is given such a word."""
    try:
        importlib.import_module("distributed.comm.addressing").get_address_host_port(address)
    except (ValueError, TypeError) as error:
        raise NanomotError(
            f"--cluster {address}: is not the address of a Dask scheduler, such as tcp://host:8786 ({error})."
        ) from error


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise NanomotError('--cluster needs Dask distributed: python -m pip install "nanomot[cluster]".') from error
