"""Worker processes: one service on several processes that share an address (SO_REUSEPORT).

Each process has a model, workers and live streams of its own, and the kernel distributes
connections among them. They add up their metrics in files, so that each reports the sum of all.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from voxaffect.errors import ServingError, VoxaffectError
from voxaffect.parallel.processes import exit_with_parent
from voxaffect.serving.server import listen_at
from voxaffect.serving.settings import COUNTS, ServingSettings

logger = logging.getLogger(__name__)


def serve_together(
    model: Path, settings: ServingSettings, n_processes: int, started: Callable[[int], None]
) -> None:
    """Serve until SIGTERM or Ctrl-C; a second one does not wait for accepted work.

    A process that dies is replaced; its accepted work is lost.

    Args:
        model: folder of a trained recognizer.
        settings: of all processes together, which divide `requests` and `live_streams`.
        n_processes: number of processes.
        started: called with the port once all are ready.

    Raises:
        ServingError: the address is not available, or a process cannot start.
    """
    if sys.platform != "linux":
        raise ServingError("--processes needs Linux; leave it at 1")
    with listen_at(settings, shared=True) as listener, TemporaryDirectory("-voxaffect") as counts:
        os.environ[COUNTS] = counts  # before prometheus_client is imported anywhere
        port = int(listener.getsockname()[1])
        limits = replace(
            settings.limits,
            requests=ceil(settings.limits.requests / n_processes),
            live_streams=ceil(settings.limits.live_streams / n_processes),
        )
        own = replace(settings, port=port, limits=limits, warm_first=True)
        workers = WorkerProcesses(partial(_serve_one, model, own), n_processes)
        with _signals(workers.stop) as received:
            workers.run(partial(started, port))
    if received:
        signal.raise_signal(received[0])


@dataclass
class _Worker:
    """A process and the pipe on which it reports that it is ready; None once it has."""

    process: SpawnProcess
    pipe: Connection | None


class WorkerProcesses:
    """Identical processes, kept at their number until they are stopped.

    Each runs `serve`, which sends an empty string once it is ready, or else an error message.
    """

    def __init__(self, serve: Callable[[Connection], None], n_processes: int) -> None:
        self._serve, self._n_processes = serve, n_processes
        self._context = get_context("spawn")
        self._workers: list[_Worker] = []
        self._is_stopping, self._failure = False, ""

    def run(self, started: Callable[[], None]) -> None:
        """Run until all have ended; call `started` once all are ready.

        Raises:
            ServingError: one cannot start; the others were stopped.
        """
        self._workers = [self._start() for _ in range(self._n_processes)]
        reported = False
        while self._workers:
            self._wait()
            if not reported and all(worker.pipe is None for worker in self._workers):
                reported = True
                started()
        if self._failure:
            raise ServingError(self._failure)

    def stop(self) -> None:
        """Terminate all; the second time, they do not wait for accepted work."""
        self._is_stopping = True
        for worker in self._workers:
            worker.process.terminate()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=self._serve, args=(theirs,))
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _wait(self) -> None:
        """Wait for reports and ends, and handle them."""
        sources: list[Connection | int] = [w.process.sentinel for w in self._workers]
        sources += [w.pipe for w in self._workers if w.pipe is not None]
        ready = wait(sources)
        for worker in list(self._workers):
            if worker.pipe is not None and worker.pipe in ready:
                self._receive(worker.pipe)
                worker.pipe = None
            if worker.process.sentinel in ready:
                self._replace(worker)

    def _receive(self, pipe: Connection) -> None:
        try:
            fault = pipe.recv()
        except EOFError:
            fault = "a process of the service ended before it was ready; see its log"
        if fault and not self._is_stopping:
            self._failure = fault
            self.stop()
        pipe.close()

    def _replace(self, worker: _Worker) -> None:
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 (reads COUNTS)

        process = worker.process
        process.join()
        self._workers.remove(worker)
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
        if not self._is_stopping:
            logger.error(
                "process %s of the service has ended (exit code %s); starting another",
                process.pid,
                process.exitcode,
            )
            self._workers.append(self._start())


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Signals received meanwhile; each calls `stop`."""
    received: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        received.append(number)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve_one(model: Path, settings: ServingSettings, pipe: Connection) -> None:
    """Serve in this process, until it is stopped or its parent process has ended."""
    os.setsid()  # Ctrl-C is for the parent process, and comes from there
    exit_with_parent(os.getppid(), signal.SIGTERM)
    from voxaffect.recognizer.recognizer import NetRecognizer  # noqa: PLC0415 (slow to load)
    from voxaffect.serving.server import application, serve  # noqa: PLC0415

    try:
        app = application(NetRecognizer.load(model), settings)
        with listen_at(settings, shared=True) as listener:
            serve(app, listener, lambda: pipe.send(""))
    except VoxaffectError as fault:
        pipe.send(str(fault))
