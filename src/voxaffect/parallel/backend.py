"""A joblib backend on what every cluster has at its core: a task that is submitted, and its future.

joblib's own bridges to Ray and Dask do not survive the death of a worker: Ray's is a pool of actors
that reserve no core and are not replaced; Dask's never hears of an item that killed its workers,
and waits for it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from joblib.parallel import ParallelBackendBase

from voxaffect.parallel.work import Lost


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
        """Its result; that of a task whose worker died is the task's number and `Lost`."""
        batch, future = out
        try:
            return [*self.result(future)]
        except self.deaths() as fault:
            ((_, (number, *_), _),) = batch.items
            return [(number, Lost(f"the worker that computed it died ({type(fault).__name__})"))]

    @abstractmethod
    def start(self, batch: Any) -> Any:
        """Submit a batch; returns its future."""

    def result(self, future: Any) -> Any:
        """The result of a future that is done, or what the task raised."""
        return future.result()

    @abstractmethod
    def deaths(self) -> tuple[type[Exception], ...]:
        """What a future raises whose task was lost with its worker."""
