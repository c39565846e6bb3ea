"""A Dask scheduler for the verbs that take one."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def address():
    """A Dask scheduler with two workers."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        memory_limit=0,
        silence_logs=50,
    ) as cluster:
        yield cluster.scheduler_address
