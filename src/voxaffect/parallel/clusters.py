"""Joblib backends for Ray and Dask clusters, and the number of jobs and threads.

joblib's own backends do not survive the death of a worker: Ray's is a pool of actors that reserve
no core and are not replaced, Dask's waits forever for an item that killed its workers.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from operator import methodcaller
from typing import Any

import joblib
from joblib.parallel import ParallelBackendBase, get_active_backend

from voxaffect.errors import ClusterError, ConfigError
from voxaffect.parallel.processes import n_cores
from voxaffect.parallel.work import WorkerDied


class ClusterBackend(ParallelBackendBase):
    """Joblib backend that submits every batch as one task of a cluster.

    Args:
        n_workers: number of tasks that the cluster runs at a time.
        start: submits a batch; returns its future, and the task to cancel.
        result: result of a completed future, or the task's own exception.
        cancel: cancels tasks.
        deaths: exceptions of a future whose task was lost with its worker.
    """

    supports_retrieve_callback = True

    def __init__(
        self,
        n_workers: int,
        start: Callable[[Any], tuple[Any, Any]],
        result: Callable[[Any], Iterable[Any]],
        cancel: Callable[[list[Any]], object],
        deaths: tuple[type[Exception], ...],
    ) -> None:
        super().__init__()
        self.n_workers = n_workers
        self._start, self._result, self._cancel, self._deaths = start, result, cancel, deaths
        self._tasks: dict[Any, Any] = {}
        # Futures call back on the connection's thread, which must not wait.
        self._callbacks = ThreadPoolExecutor(1, "callbacks")

    def effective_n_jobs(self, n_jobs: int) -> int:
        """At least 2: joblib runs a single job in the main process, outside the cluster."""
        return max(2, self.n_workers if n_jobs < 1 else n_jobs)

    def configure(self, n_jobs: int = 1, parallel: Any = None, *_: Any, **__: Any) -> int:
        """Ignore the settings of local pools."""
        self.parallel = parallel
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: Any, callback: Callable[..., None] | None = None) -> Any:
        """Start a batch of one task; returns its future."""
        future, task = self._start(func)
        self._tasks[future] = task
        if callback is not None:
            future.add_done_callback(lambda done: self._callbacks.submit(callback, (func, done)))
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Result of a batch; the task's number and `WorkerDied` if its worker died."""
        batch, future = out
        self._tasks.pop(future, None)
        try:
            return [*self._result(future)]
        except self._deaths as fault:
            ((_, (number, *_), _),) = batch.items
            name = type(fault).__name__
            return [(number, WorkerDied(f"the worker that computed it died ({name})"))]

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 joblib's
        """Cancel all tasks."""
        self._cancel([*self._tasks.values()])
        self._tasks.clear()


def _run(batch: Any) -> Any:
    return batch()


DASK_CONNECT_S = 10


@contextmanager
def dask_workers(address: str) -> Iterator[ClusterBackend]:
    """Connect to the Dask cluster whose scheduler is at `host:port`.

    Every task runs on a worker with a single thread; running tasks cannot be canceled.

    Raises:
        ClusterError: Dask is not installed, no scheduler answers, or a worker has several threads.
    """
    try:
        from distributed import CancelledError, Client, KilledWorker  # noqa: PLC0415 optional
    except ImportError as fault:
        raise ClusterError("--backend dask needs Dask: pip install 'voxaffect[dask]'") from fault
    try:
        client = Client(address, timeout=DASK_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as fault:
        raise ClusterError(
            f"--address {address}: no Dask scheduler answers there within {DASK_CONNECT_S} s; "
            "start one with `dask scheduler` and give the address that it prints"
        ) from fault

    def start(batch: Any) -> tuple[Any, Any]:
        future = client.submit(_run, batch, pure=False)
        return future, future

    with client:
        n_threads = client.ncores()
        for worker, n in n_threads.items():
            if n > 1:  # they share PyTorch's random generator, so training would not repeat
                raise ClusterError(
                    f"{worker}: this Dask worker runs {n} tasks in one process; start it with "
                    f"--nworkers {n} --nthreads 1"
                )
        deaths = (KilledWorker, CancelledError, TimeoutError)
        # A finished result is stored on its worker, and may be lost with it.
        result = methodcaller("result", timeout=30)
        yield ClusterBackend(sum(n_threads.values()), start, result, client.cancel, deaths)


@contextmanager
def ray_workers(address: str) -> Iterator[ClusterBackend]:
    """Connect to the Ray cluster whose head is at `host:port`, or `auto` for this machine's.

    Every task reserves one core on any node.

    Raises:
        ClusterError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray  # noqa: PLC0415 optional, and slow to load
    except ImportError as fault:
        raise ClusterError("--backend ray needs Ray: pip install 'voxaffect[ray]'") from fault
    try:
        host, colon, port = address.rpartition("://")[2].rpartition(":")
        if colon:  # Ray itself would try to connect for many minutes
            socket.create_connection((host, int(port)), timeout=5).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as fault:
        why = str(fault).strip().partition("\n")[0].rstrip(".")
        raise ClusterError(
            f"--address {address}: no Ray cluster answers there ({why}); start one "
            "with `ray start --head` and give the address that it prints"
        ) from fault
    # Retries are left to `compute_all`, which knows when to run a task alone.
    remote = ray.remote(num_cpus=1, max_retries=0)(_run)

    def start(batch: Any) -> tuple[Any, Any]:
        task = remote.remote(batch)
        return task.future(), task

    def result(future: Any) -> Any:
        try:
            return future.result()
        except ray.exceptions.RayTaskError as fault:
            raise fault.cause from None

    def cancel(tasks: list[Any]) -> None:
        for task in tasks:
            ray.cancel(task, force=True)

    try:
        n_workers = int(ray.cluster_resources().get("CPU", 0))
        yield ClusterBackend(n_workers, start, result, cancel, (ray.exceptions.RayError,))
    finally:
        ray.shutdown()


LOCAL = "loky"  # joblib's name for processes of this machine
CLUSTERS: Mapping[str, Callable[[str], AbstractContextManager[ClusterBackend]]] = {
    "ray": ray_workers,
    "dask": dask_workers,
}


@contextmanager
def workers(backend: str, address: str | None, n_jobs: int) -> Iterator[int]:
    """Run all joblib work on `loky` (processes of this machine), `ray` or `dask`.

    Yields the number of items at a time: at most `n_jobs`, with 0 as many as there are cores.

    Raises:
        ConfigError: the backend is unknown, or its address is missing or not wanted.
        ClusterError: the cluster does not answer, or has no workers.
    """
    if backend not in {LOCAL, *CLUSTERS}:
        known = ", ".join((LOCAL, *CLUSTERS))
        raise ConfigError(f"--backend {backend!r} is unknown; use one of {known}")
    if backend == LOCAL:
        if address is not None:
            raise ConfigError(
                f"--address {address}: {LOCAL} runs on this machine; add --backend ray or dask"
            )
        yield n_jobs or n_cores()
        return
    if address is None:
        raise ConfigError(f"--backend {backend}: give --address as well, such as 10.0.0.1:6379")
    with CLUSTERS[backend](address) as cluster:
        if cluster.n_workers == 0:
            raise ClusterError(f"--address {address}: this cluster has no workers; start some")
        with joblib.parallel_config(cluster):
            yield min(n_jobs, cluster.n_workers) or cluster.n_workers


def local_jobs(n_jobs: int) -> int:
    """Number of jobs that can run on this machine at a time, at most one per core."""
    return min(n_jobs, n_cores())


def threads_per_job(n_jobs: int) -> int | None:
    """Threads per job so that all jobs use every core once; None for no limit, on a single job."""
    backend, _ = get_active_backend()
    if isinstance(backend, ClusterBackend):
        return 1
    return max(1, n_cores() // n_jobs) if n_jobs > 1 else None
