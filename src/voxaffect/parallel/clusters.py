"""The choice of where work runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import joblib
from joblib.parallel import get_active_backend

from voxaffect.errors import ClusterError, ConfigError
from voxaffect.parallel.backend import ClusterBackend
from voxaffect.parallel.cores import n_cores
from voxaffect.parallel.dask_cluster import dask_workers
from voxaffect.parallel.ray_cluster import ray_workers

LOCAL = "loky"
"""joblib's name for processes of this machine."""

CLUSTERS: Mapping[str, Callable[[str], AbstractContextManager[ClusterBackend]]] = {
    "ray": ray_workers,
    "dask": dask_workers,
}


def effective_jobs(n_jobs: int) -> int:
    """Number of processes on this machine: 0 means one a core."""
    return n_jobs or n_cores()


@contextmanager
def workers(backend: str, address: str | None, n_jobs: int) -> Iterator[int]:
    """Let all work run where it is asked to; yields how many items are at work at once.

    Args:
        backend: `loky` for processes of this machine, `ray`, or `dask`.
        address: of the cluster.
        n_jobs: items at once; 0 stands for all cores that there are.

    Raises:
        ConfigError: the backend is unknown, or goes without or with an address.
        ClusterError: there is no such cluster, or it has no workers.
    """
    if backend == LOCAL and address is None:
        yield effective_jobs(n_jobs)
        return
    if backend not in CLUSTERS or address is None:
        raise ConfigError(_refusal(backend, address))
    with CLUSTERS[backend](address) as cluster:
        if cluster.n_workers == 0:
            raise ClusterError(f"--address {address}: this cluster has no workers; start some")
        with joblib.parallel_config(cluster):
            yield min(n_jobs, cluster.n_workers) or cluster.n_workers


def _refusal(backend: str, address: str | None) -> str:
    if backend == LOCAL:
        return f"--address {address}: {LOCAL} runs on this machine; add --backend ray or dask"
    if backend not in CLUSTERS:
        return f"--backend {backend!r} is unknown; use one of {', '.join((LOCAL, *CLUSTERS))}"
    return f"--backend {backend}: give --address, such as 10.0.0.1:6379, too"


def threads_a_job(n_jobs: int) -> int | None:
    """Threads that each of so many jobs may use, so that all together use every core once.

    None where a single job in this very process may do as it likes.
    """
    backend, _ = get_active_backend()
    if isinstance(backend, ClusterBackend):
        return 1
    return max(1, n_cores() // n_jobs) if n_jobs > 1 else None


def cores_here(n_jobs: int) -> int:
    """How many of so many jobs can be at work on this machine, wherever work runs."""
    return min(n_jobs, n_cores())
