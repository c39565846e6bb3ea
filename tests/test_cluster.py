"""Jobs on Dask workers: real ones, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nanomot
from nanomot import cluster
from nanomot.cluster import DaskCrew
from nanomot.detections import Detections
from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.runner import TrackerSpec, track_all
from nanomot.jobs import run_jobs
from tests import workload
from tests.workload import job

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def crew():
    with DaskCrew("local", workers=2) as made:
        yield made


def outcomes(jobs, crew, stop=None):
    return {outcome.job.label: outcome for outcome in run_jobs(jobs, crew, stop)}


def test_workers_that_die_lose_nothing(crew, tmp_path, caplog):
    (tmp_path / "unlucky").mkdir()
    jobs = [
        job(workload.killer),
        job(workload.held_once, tmp_path),
        job(workload.unlucky, tmp_path / "unlucky"),
        job(workload.broken),
        *(job(workload.square, number, label=f"square {number}") for number in range(6)),
    ]
    threading.Thread(target=workload.kill_when_there, args=(tmp_path / "pid",), daemon=True).start()
    found = outcomes(jobs, crew)
    assert [found[f"square {number}"].value for number in range(6)] == [0, 1, 4, 9, 16, 25]
    assert found["held_once"].value == "done"
    assert found["unlucky"].value == 2
    assert found["killer"].failure.startswith("given up after 3 attempts; the last one: the worker tcp://127.0.0.1:")
    assert found["broken"].failure.startswith("worker tcp://127.0.0.1:")
    assert found["broken"].failure.endswith(": a.txt, line 3: is broken.")
    texts = [record.getMessage() for record in caplog.records]
    assert sum(text.startswith("killer: attempt") for text in texts) == 2
    assert sum(text.startswith("held_once: attempt") for text in texts) == 1
    assert not [text for text in texts if text.startswith("square")]
    assert "broken: look out" in texts


def test_a_worker_has_the_cores_that_it_declares(crew):
    assert outcomes([job(workload.cores)], crew)["cores"].value == 1


def walking_people(sequence):
    """Twenty boxes that go their ways and come back."""
    start = np.random.default_rng(int(sequence.name)).uniform(0, 500, (20, 2))
    for index in range(sequence.length):
        corner = start + np.abs(index % 200 - 100) * np.linspace(-1, 1, 20)[:, None]
        yield Detections(np.hstack((corner, corner + [30, 80])), np.full(20, 0.9))


def test_killing_a_worker_in_the_middle_of_a_run_changes_no_byte(crew, tmp_path, caplog):
    lengths = (50, 200, 50, 50, 50)
    sequences = [
        Sequence(str(number), str(number), tmp_path, length, 25.0, None, 0, None)
        for number, length in enumerate(lengths)
    ]
    specs = [TrackerSpec("bytetrack", "bytetrack", overrides={"track_buffer": 20})]

    def runs(name, **options):
        return track_all(
            sequences, specs, walking_people, lambda spec, sequence: tmp_path / name / sequence.name, **options
        )

    assert len(list(runs("serial"))) == len(lengths)
    crew._client.wait_for_workers(2, timeout=120)
    crew._client.run(workload.hold_sequence, "1", tmp_path / "go on")
    done = runs("cluster", crew=crew)
    first = next(done)
    assert first.sequence != "1"
    busy = [worker for worker, (number, _) in crew._running.items() if number]
    pids = crew._client.run(os.getpid, workers=busy)
    for worker in busy:
        os.kill(pids[worker], signal.SIGKILL)
    (tmp_path / "go on").touch()
    names = {first.sequence, *(run.sequence for run in done)}
    assert names == {sequence.name for sequence in sequences}
    for sequence in sequences:
        content = (tmp_path / "serial" / sequence.name).read_bytes()
        assert len(content) > 1000
        assert (tmp_path / "cluster" / sequence.name).read_bytes() == content
    assert any("1: attempt 1 of 3 failed" in record.getMessage() for record in caplog.records)


def test_an_interruption_stops_what_runs_on_the_workers(crew, tmp_path):
    stop = threading.Event()

    def interrupt():
        workload.appears(tmp_path, "begun-*")
        stop.set()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        outcomes([job(workload.witnessed, tmp_path)], crew, stop)
    assert workload.appears(tmp_path, "ended-*", seconds=10)


def test_workers_without_this_version_are_refused(crew, monkeypatch):
    monkeypatch.setattr(nanomot, "__version__", "99.0")
    with pytest.raises(NanomotError, match=r"the worker tcp://127\S+ has nanomot \S+; install nanomot 99\.0 there"):
        DaskCrew(crew._client.scheduler.address)


def test_late_workers_without_this_version_are_left_out(crew, monkeypatch, caplog):
    with DaskCrew(crew._client.scheduler.address, patience=0.5) as other:
        other._fit.clear()
        monkeypatch.setattr(nanomot, "__version__", "99.0")
        with pytest.raises(NanomotError, match="there has been no worker for"):
            outcomes([job(workload.square, 2)], other)
    assert any("It is left out." in record.getMessage() for record in caplog.records)


def test_other_packages_on_a_worker_are_told(crew, monkeypatch, caplog):
    crew._compare_packages(crew.idle())
    assert not caplog.records
    monkeypatch.setattr(cluster, "version", lambda name: "0.1")
    crew._compare_packages(crew.idle())
    assert caplog.records
    assert f"numpy {np.__version__} (here 0.1)" in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("address", "reason"),
    [("tcp://127.0.0.1:9", "Timed out"), ("127.0.0.1:9", "Timed out"), ("tcp://nowhere.invalid:9", "Timed out")],
)
def test_no_scheduler_is_one_sentence(monkeypatch, address, reason):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(NanomotError, match=r"--cluster \S+: no Dask scheduler answers there \(.*") as caught:
        DaskCrew(address)
    assert reason in str(caught.value)
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    ("address", "reason"),
    [("nowhere", "port"), ("", "port"), ("tcp://here:x", "int"), ("carrier-pigeon://coop:1", "carrier-pigeon")],
)
def test_what_is_no_address_is_told(address, reason):
    with pytest.raises(NanomotError, match="is not the address of a Dask scheduler, such as tcp://") as caught:
        DaskCrew(address)
    assert reason in str(caught.value)


def test_what_is_no_address_leaves_nothing_but_the_sentence(tmp_path):
    """A client that was never made completely would print a traceback when it goes."""
    words = [sys.executable, "-m", "nanomot", "track", "--path", str(tmp_path / "*"), "--cluster", "nonsense"]
    (tmp_path / "a.mp4").touch()
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--cluster nonsense: is not the address" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_scheduler_that_goes_away(tmp_path):
    command = "from distributed.cli.dask_scheduler import main; main()"
    place = tmp_path / "scheduler.json"
    words = [sys.executable, "-c", command, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with subprocess.Popen([*words, "--scheduler-file", str(place)], stderr=subprocess.DEVNULL) as scheduler:
        try:
            while not place.exists() or not place.read_text().endswith("}"):
                assert scheduler.poll() is None
                time.sleep(0.02)
            with DaskCrew(json.loads(place.read_text())["address"]) as orphans:
                scheduler.kill()
                with pytest.raises(NanomotError, match="does not answer any more"):
                    outcomes([job(workload.square, 2)], orphans)
        finally:
            scheduler.kill()


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NanomotError, match=r"pip install \"nanomot\[cluster\]\""):
        DaskCrew("local")


def test_nothing_listens_to_other_machines(crew):
    """The workers, their nannies and the scheduler are bound to the loopback interface."""
    tables = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if not tables[0].exists():
        pytest.skip("needs /proc/net/tcp")
    pids = {os.getpid(), *crew._client.run(os.getpid).values()}
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = str(link.readlink()) if link.is_symlink() else ""
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = []
    for table in tables:
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].split(":")[0])
    assert listening
    assert set(listening) == {"0100007F"}
