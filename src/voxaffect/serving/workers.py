"""One service on several processes behind one address: as many interpreters as cores.

Each process has a model, workers and live streams of its own, and the kernel deals connections out
among them. What they count of themselves they add up in files, so that any of them tells of all.
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
from voxaffect.serving.settings import COUNTS, Limits, ServingSettings

logger = logging.getLogger(__name__)
Serve = Callable[[Connection], None]


def serve_together(
    model: Path, settings: ServingSettings, n_processes: int, started: Callable[[int], None]
) -> None:
    """Serve until SIGTERM or Ctrl-C; a second one does not wait for what was taken.

    A process that dies is replaced; what it had taken is lost.

    Args:
        model: a trained recognizer's folder.
        settings: of all processes together; they share `requests` and `live_streams` among them.
        n_processes: how many.
        started: called with the port once all are ready.

    Raises:
        ServingError: the address is not to be had, or a process cannot begin.
    """
    if sys.platform != "linux":
        raise ServingError("only Linux deals connections out; leave --processes at 1")
    with listen_at(settings, shared=True) as taken, TemporaryDirectory("-voxaffect") as counts:
        os.environ[COUNTS] = counts  # before prometheus_client is loaded anywhere
        port = int(taken.getsockname()[1])
        limits = shared_out(settings.limits, n_processes)
        own = replace(settings, port=port, limits=limits, warm_first=True)
        fleet = WorkerProcesses(partial(_serve_one, model, own), n_processes)
        with _told(fleet.stop) as signs:
            fleet.run(partial(started, port))
    if signs:
        signal.raise_signal(signs[0])


def shared_out(limits: Limits, n_processes: int) -> Limits:
    """The limits of one process of some."""
    return replace(
        limits,
        requests=ceil(limits.requests / n_processes),
        live_streams=ceil(limits.live_streams / n_processes),
    )


@dataclass
class _Member:
    """A process, and where it says that it is ready; None once it has."""

    process: SpawnProcess
    news: Connection | None


class WorkerProcesses:
    """Processes that are alike, kept at their number until they are told to stop.

    Args:
        serve: what each does, importable; it sends an empty text once it is ready, or why it will
            never be.
        n_processes: how many.
    """

    def __init__(self, serve: Serve, n_processes: int) -> None:
        self._serve, self._n_processes = serve, n_processes
        self._context = get_context("spawn")
        self._members: list[_Member] = []
        self._is_stopping, self._failure = False, ""

    def run(self, started: Callable[[], None]) -> None:
        """Until all have ended.

        Args:
            started: called once all are ready.

        Raises:
            ServingError: one cannot begin; the others were stopped.
        """
        self._members = [self._begin() for _ in range(self._n_processes)]
        told = False
        while self._members:
            self._look()
            if not told and all(member.news is None for member in self._members):
                told = True
                started()
        if self._failure:
            raise ServingError(self._failure)

    def stop(self) -> None:
        """Tell all to end; told twice, they do not wait for what was taken."""
        self._is_stopping = True
        for member in self._members:
            member.process.terminate()

    def _begin(self) -> _Member:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=self._serve, args=(theirs,))
        process.start()
        theirs.close()
        return _Member(process, ours)

    def _look(self) -> None:
        """Wait for news, and see to it."""
        sources = [m.process.sentinel for m in self._members]
        sources += [m.news for m in self._members if m.news is not None]  # type: ignore[misc]
        news = wait(sources)
        for member in list(self._members):
            if member.news in news:
                self._hear(member)
            if member.process.sentinel in news:
                self._bury(member)

    def _hear(self, member: _Member) -> None:
        assert member.news is not None  # noqa: S101 there was something to hear
        try:
            fault = member.news.recv()
        except EOFError:
            fault = "a process of the service ended before it was ready; its log says why"
        if fault and not self._is_stopping:
            self._failure = fault
            self.stop()
        member.news.close()
        member.news = None

    def _bury(self, member: _Member) -> None:
        member.process.join()
        self._members.remove(member)
        _forget_counts(member.process.pid)
        if not self._is_stopping:
            logger.error(
                "process %s of the service has ended (exit code %s); another takes its place",
                member.process.pid,
                member.process.exitcode,
            )
            self._members.append(self._begin())


def _forget_counts(pid: int | None) -> None:
    """What stood at some level in a process that has ended stands there no more."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 (reads COUNTS)

    mark_process_dead(pid)  # type: ignore[no-untyped-call]


@contextmanager
def _told(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Signals that came meanwhile; each tells to stop."""
    signs: list[int] = []

    def hear(sign: int, _: FrameType | None) -> None:
        signs.append(sign)
        stop()

    before = {sign: signal.signal(sign, hear) for sign in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signs
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _serve_one(model: Path, settings: ServingSettings, news: Connection) -> None:
    """Serve in this process, until it is told to stop or the one that started it has ended."""
    os.setsid()  # Ctrl-C is for the process that started this one, and comes from there
    exit_with_parent(os.getppid(), signal.SIGTERM)
    from voxaffect.recognizer.recognizer import NetRecognizer  # noqa: PLC0415 (slow to load)
    from voxaffect.serving.server import application, serve  # noqa: PLC0415

    try:
        app = application(NetRecognizer.load(model), settings)
        with listen_at(settings, shared=True) as taken:
            serve(app, taken, lambda: news.send(""))
    except VoxaffectError as fault:
        news.send(str(fault))
