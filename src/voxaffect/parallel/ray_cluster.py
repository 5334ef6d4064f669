"""The workers of a Ray cluster."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from voxaffect.errors import ClusterError
from voxaffect.parallel.backend import ClusterBackend

ANSWER_S = 5.0
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
        socket.create_connection((host, int(port)), ANSWER_S).close()


def _run(batch: Any) -> Any:
    return batch()


def _first_line(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0].rstrip(".")
