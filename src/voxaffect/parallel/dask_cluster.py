"""The workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from voxaffect.errors import ClusterError
from voxaffect.parallel.backend import ClusterBackend

ANSWER_S = 10
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
        client = Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as fault:
        raise ClusterError(
            f"--address {address}: no Dask scheduler answers there within {ANSWER_S} s; start one "
            "with `dask scheduler` and give the address that it prints"
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
