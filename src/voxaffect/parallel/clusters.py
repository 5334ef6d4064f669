"""The choice of where work runs."""

from __future__ import annotations

import logging
import socket
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import joblib
from joblib.parallel import ParallelBackendBase, get_active_backend

from voxaffect.errors import ClusterError, ConfigError
from voxaffect.parallel.processes import n_cores
from voxaffect.parallel.work import WorkerDied

# A joblib backend on what every cluster has at its core: a task that is submitted, and its future.
#
# joblib's own bridges to Ray and Dask do not survive the death of a worker: Ray's is a pool of
# actors that reserve no core and are not replaced; Dask's never hears of an item that killed its
# workers, and waits for it.


class ClusterBackend(ParallelBackendBase):
    """A joblib backend whose every batch is one task of a cluster.

    Args:
        n_workers: tasks that the cluster works on at once.
    """

    supports_retrieve_callback = True

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__()
        self.n_workers = n_workers
        # Futures call back in the thread that serves the connection, which must not wait for it.
        self._caller = ThreadPoolExecutor(1, "calls back")

    def effective_n_jobs(self, n_jobs: int) -> int:
        """At least 2: joblib computes one job in the main process, which is not on the cluster."""
        return max(2, self.n_workers if n_jobs < 1 else n_jobs)

    def configure(self, n_jobs: int = 1, parallel: Any = None, *_: Any, **__: Any) -> int:
        """Settings of pools on this machine mean nothing here."""
        self.parallel = parallel
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: Any, callback: Callable[..., None] | None = None) -> Any:
        """Start a batch of one task."""
        future = self.start(func)
        if callback is not None:
            future.add_done_callback(lambda done: self._caller.submit(callback, (func, done)))
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Its result; that of a task whose worker died is the task's number and `WorkerDied`."""
        batch, future = out
        try:
            return [*self.result(future)]
        except self.deaths() as fault:
            ((_, (number, *_), _),) = batch.items
            return [
                (number, WorkerDied(f"the worker that computed it died ({type(fault).__name__})"))
            ]

    @abstractmethod
    def start(self, batch: Any) -> Any:
        """Submit a batch; returns its future."""

    def result(self, future: Any) -> Any:
        """The result of a future that is done, or what the task raised."""
        return future.result()

    @abstractmethod
    def deaths(self) -> tuple[type[Exception], ...]:
        """What a future raises whose task was lost with its worker."""


DASK_ANSWER_S = 10
"""How long a scheduler may take to answer."""

FETCH_S = 30
"""How long a result may take that is done: it lies with its worker, and may be lost with it."""


class DaskBackend(ClusterBackend):
    """Every task runs on one thread of a worker that has no other.

    Args:
        client: connected to the scheduler.
        lost: what a future raises whose task was lost.
    """

    def __init__(self, client: Any, lost: tuple[type[Exception], ...]) -> None:
        super().__init__(sum(client.ncores().values()))
        self._client = client
        self._lost = lost
        self._tasks: set[Any] = set()

    def start(self, batch: Any) -> Any:
        """Submit a batch; returns its future."""
        future = self._client.submit(_run, batch, pure=False)
        self._tasks.add(future)
        return future

    def result(self, future: Any) -> Any:
        """The result of a future that is done, or what the task raised."""
        self._tasks.discard(future)
        return future.result(timeout=FETCH_S)

    def deaths(self) -> tuple[type[Exception], ...]:
        """What a future raises whose task has killed several workers, or whose result is gone."""
        return self._lost

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 joblib's
        """Cancel all tasks; those at work end by themselves."""
        self._client.cancel([*self._tasks])
        self._tasks.clear()


@contextmanager
def dask_workers(address: str) -> Iterator[DaskBackend]:
    """Connect to a cluster.

    Args:
        address: `host:port` of its scheduler.

    Raises:
        ClusterError: Dask is not installed, no scheduler answers at the address, it has no workers,
            or some with several threads.
    """
    try:
        from distributed import CancelledError, Client, KilledWorker  # noqa: PLC0415 optional
    except ImportError as fault:
        raise ClusterError("--backend dask needs Dask: pip install 'voxaffect[dask]'") from fault
    try:
        client = Client(address, timeout=DASK_ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as fault:
        raise ClusterError(
            f"--address {address}: no Dask scheduler answers there within {DASK_ANSWER_S} s; start "
            "one with `dask scheduler` and give the address that it prints"
        ) from fault
    with client:
        _refuse_threads(client.ncores())
        yield DaskBackend(client, (KilledWorker, CancelledError, TimeoutError))


def _refuse_threads(n_threads: dict[str, int]) -> None:
    """Threads of one process share PyTorch's random generator: their nets would be of no seed."""
    for worker, n in n_threads.items():
        if n > 1:
            raise ClusterError(
                f"{worker}: this Dask worker works on {n} tasks in one process; start it with "
                f"--nworkers {n} --nthreads 1"
            )


def _run(batch: Any) -> Any:
    return batch()


RAY_ANSWER_S = 5.0
"""How long a cluster may take to accept a connection."""


class RayBackend(ClusterBackend):
    """Every task reserves one core of whichever node has one.

    Args:
        n_workers: tasks that the cluster works on at once.
        ray: the library, connected.
    """

    def __init__(self, n_workers: int, ray: Any) -> None:
        super().__init__(n_workers)
        self._ray = ray
        # A task that died is submitted again by `compute_all`, which knows when to do it alone.
        self._run = ray.remote(num_cpus=1, max_retries=0)(_run)
        self._tasks: dict[Any, Any] = {}

    def start(self, batch: Any) -> Any:
        """Submit a batch; returns its future."""
        task = self._run.remote(batch)
        future = task.future()
        self._tasks[future] = task
        return future

    def result(self, future: Any) -> Any:
        """The result of a future that is done, or what the task raised, as it was raised."""
        self._tasks.pop(future, None)
        try:
            return future.result()
        except self._ray.exceptions.RayTaskError as fault:
            raise fault.cause from None

    def deaths(self) -> tuple[type[Exception], ...]:
        """What a future raises whose task was lost with its worker or node."""
        return (self._ray.exceptions.RayError,)

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 joblib's
        """Kill the processes of all tasks."""
        for task in self._tasks.values():
            self._ray.cancel(task, force=True)
        self._tasks.clear()


@contextmanager
def ray_workers(address: str) -> Iterator[RayBackend]:
    """Connect to a cluster.

    Args:
        address: `host:port` of its head, or `auto` for the one that this machine belongs to.

    Raises:
        ClusterError: Ray is not installed, or the address is not that of a cluster.
    """
    try:
        import ray  # noqa: PLC0415 optional, and slow to load
    except ImportError as fault:
        raise ClusterError("--backend ray needs Ray: pip install 'voxaffect[ray]'") from fault
    try:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as fault:
        raise ClusterError(
            f"--address {address}: no Ray cluster answers there ({_first_line(fault)}); start one "
            "with `ray start --head` and give the address that it prints"
        ) from fault
    try:
        yield RayBackend(int(ray.cluster_resources().get("CPU", 0)), ray)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Fail at once where nothing listens; Ray would try for many minutes.

    Raises:
        OSError: nothing does.
        ValueError: the port is no number.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), RAY_ANSWER_S).close()


def _first_line(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0].rstrip(".")


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


def threads_per_job(n_jobs: int) -> int | None:
    """Threads that each of so many jobs may use, so that all together use every core once.

    None where a single job in this very process may do as it likes.
    """
    backend, _ = get_active_backend()
    if isinstance(backend, ClusterBackend):
        return 1
    return max(1, n_cores() // n_jobs) if n_jobs > 1 else None


def local_jobs(n_jobs: int) -> int:
    """How many of so many jobs can be at work on this machine, wherever work runs."""
    return min(n_jobs, n_cores())
