"""Jobs in this process and in others of this machine."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from nanomot import processes
from nanomot.errors import NanomotError
from nanomot.jobs import Alone, FailedJobsError, Job, results, run_jobs
from nanomot.processes import Processes
from tests import workload
from tests.workload import job


def outcomes(jobs, crew, stop=None):
    return {outcome.job.label: outcome for outcome in run_jobs(jobs, crew, stop)}


def test_in_this_process_one_failure_stops_no_other(caplog):
    jobs = [job(workload.broken), job(workload.faulty), job(workload.square, 7)]
    found = outcomes(jobs, Alone())
    assert found["square"].value == 49
    assert found["broken"].failure == "a.txt, line 3: is broken."
    assert found["faulty"].failure.startswith("given up after 3 attempts; the last one: ValueError: out of luck, work")
    texts = [record.getMessage() for record in caplog.records]
    assert texts.count("look out") == 1  # what is final is not tried again
    assert sum("of 3 failed" in text for text in texts) == 2


def test_arguments_that_cannot_be_made_are_a_failure_too():
    def load():
        raise NanomotError("boxes.txt: is not there.")

    jobs = [Job("a", "a", workload.square, load), job(workload.square, 2)]
    found = outcomes(jobs, Alone())
    assert found["a"].failure == "boxes.txt: is not there."
    assert found["square"].value == 4


def test_values_first_then_one_error_that_names_all_failures():
    jobs = [job(workload.broken), job(workload.square, 3), job(workload.faulty)]
    seen = []
    done = results(run_jobs(jobs, Alone()), "sequences")
    with pytest.raises(FailedJobsError) as caught:
        seen.extend((job.label, value) for job, value in done)
    assert seen == [("square", 9)]
    assert "2 of 3 sequences failed, the others are complete" in str(caught.value)
    assert "broken: a.txt, line 3" in str(caught.value)
    assert [outcome.job.label for outcome in caught.value.failures] == ["broken", "faulty"]


def test_an_interruption_here_ends_the_job_and_keeps_what_is_done():
    stop = threading.Event()
    running = run_jobs([job(workload.square, 5), job(workload.endless)], Alone(stop), stop)
    assert next(running).value == 25
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        next(running)


def test_processes_that_die_lose_nothing(tmp_path, caplog):
    (tmp_path / "unlucky").mkdir()
    jobs = [
        job(workload.killer),
        job(workload.held_once, tmp_path),
        job(workload.unlucky, tmp_path / "unlucky"),
        job(workload.broken),
        *(job(workload.square, number, label=f"square {number}") for number in range(6)),
    ]
    threading.Thread(target=workload.kill_when_there, args=(tmp_path / "pid",), daemon=True).start()
    with Processes(2) as crew:
        found = outcomes(jobs, crew)
    assert [found[f"square {number}"].value for number in range(6)] == [0, 1, 4, 9, 16, 25]
    assert found["held_once"].value == "done"
    assert found["unlucky"].value == 2
    assert found["broken"].failure == "a.txt, line 3: is broken."
    assert found["killer"].failure == "given up after 3 attempts; the last one: its process was killed by signal 9"
    texts = [record.getMessage() for record in caplog.records]
    # Only whoever kills is blamed, and what a process warns of reaches the user.
    assert sum(text.startswith("killer: attempt") for text in texts) == 2
    assert sum(text.startswith("held_once: attempt") for text in texts) == 1
    assert not [text for text in texts if text.startswith("square")]
    assert "broken: look out" in texts


def test_processes_share_the_cores_and_are_other_processes():
    with Processes(2) as crew:
        found = outcomes([job(workload.process), job(workload.cores)], crew)
    assert found["process"].value != os.getpid()
    assert found["cores"].value == max((os.cpu_count() or 1) // 2, 1)


def test_a_process_that_dies_between_jobs_is_replaced(caplog):
    with Processes(1) as crew:
        pid = outcomes([job(workload.process)], crew)["process"].value
        os.kill(pid, signal.SIGKILL)
        found = outcomes([job(workload.process), job(workload.square, 3)], crew)
    assert found["process"].value != pid
    assert found["square"].value == 9


def test_a_process_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(processes, "_GRACE_SECONDS", 0.2)
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    started = time.monotonic()
    with Processes(1) as crew, pytest.raises(KeyboardInterrupt):
        outcomes([job(workload.deaf)], crew, stop)
    assert time.monotonic() - started < 30


def test_what_cannot_be_sent_is_told():
    with Processes(1) as crew:
        found = outcomes([job(workload.unsendable)], crew)
    assert "given up after 3 attempts" in found["unsendable"].failure


def test_interrupted_processes_end_what_they_do(tmp_path):
    stop = threading.Event()

    def interrupt():
        workload.appears(tmp_path, "begun-*")
        stop.set()

    threading.Thread(target=interrupt, daemon=True).start()
    started = time.monotonic()
    with Processes(1) as crew, pytest.raises(KeyboardInterrupt):
        outcomes([job(workload.witnessed, tmp_path)], crew, stop)
    assert len(list(tmp_path.glob("ended-*"))) == 1
    assert time.monotonic() - started < 30
