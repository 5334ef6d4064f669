"""Run the service with uvicorn until a signal stops it, in this process or in several.

Several processes share an address (SO_REUSEPORT). Each has a model, workers and live streams of its
own, and the kernel distributes connections among them. They add up their metrics in files.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors.multiprocess import SIGNALS, Multiprocess

from voxaffect.errors import ServingError, VoxaffectError
from voxaffect.parallel.processes import exit_with_parent
from voxaffect.serving.metrics import COUNTS
from voxaffect.serving.settings import ServingSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

HEAD_S = 10.0  # longest time for the head of a request
BACKLOG = 512
logger = logging.getLogger(__name__)


def serve(
    model: Path, settings: ServingSettings, n_processes: int, started: Callable[[int], None]
) -> None:
    """Serve until SIGTERM or Ctrl-C; a second one does not wait for accepted work.

    The processes divide `requests` and `live_streams` of the settings; one that dies is replaced,
    and its accepted work is lost. `started` is called with the port once requests are accepted.

    Raises:
        ServingError: the address is not available, or a process cannot start.
        RecognizerError: the model cannot be loaded.
    """
    if n_processes > 1:
        _serve_together(model, settings, n_processes, started)
        return
    with listen_at(settings) as listener:
        server = uvicorn.Server(config_of(_load(model, settings), settings))
        listener.listen(BACKLOG)
        started(int(listener.getsockname()[1]))
        server.run([listener])


def listen_at(settings: ServingSettings, *, shared: bool = False) -> socket.socket:
    """Bind the address, or raise `ServingError`; `shared`: others of this user may bind it, too."""
    listener = None
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as fault:
        if listener is not None:
            listener.close()
        where = f"{settings.host}:{settings.port} ({fault.strerror})"
        message = f"cannot listen on {where}; choose another with --host and --port"
        if fault.errno == errno.EADDRINUSE:
            message = f"port {settings.port} is already in use; choose another with --port"
        raise ServingError(message) from fault
    return listener


def config_of(app: Callable[..., Any], settings: ServingSettings, **others: Any) -> uvicorn.Config:
    """Settings of uvicorn."""
    return uvicorn.Config(
        app,
        http=PromptProtocol,
        ws="websockets-sansio",
        ws_max_size=1 << 20,
        ws_per_message_deflate=False,  # audio hardly shrinks; unpacking would block the event loop
        backlog=BACKLOG,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_graceful_shutdown=3,  # s for connections to close after the last response
        **others,
    )


def _load(model: Path, settings: ServingSettings) -> FastAPI:
    from voxaffect.recognizer.recognizer import TrainedRecognizer  # noqa: PLC0415 (slow to load)
    from voxaffect.serving.application import application  # noqa: PLC0415

    return application(TrainedRecognizer.load(model), settings)


class PromptProtocol(H11Protocol):
    """uvicorn's HTTP protocol with a time limit for the head of each request (slowloris)."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first head."""
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        """Start or stop the time of a head."""
        super().data_received(data)
        self._update_timer()

    def _update_timer(self) -> None:
        waits = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if waits and self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self.transport.close)
        elif not waits and self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _serve_together(
    model: Path, settings: ServingSettings, n_processes: int, started: Callable[[int], None]
) -> None:
    if sys.platform != "linux":
        raise ServingError("--processes needs Linux; leave it at 1")
    with listen_at(settings, shared=True) as listener, TemporaryDirectory("-voxaffect") as folder:
        os.environ[COUNTS] = folder
        port = int(listener.getsockname()[1])
        limits = replace(
            settings.limits,
            requests=ceil(settings.limits.requests / n_processes),
            live_streams=ceil(settings.limits.live_streams / n_processes),
        )
        own = replace(settings, port=port, limits=limits, warm_first=True)
        config = config_of(
            partial(_load_in_worker, model, own),
            own,
            factory=True,
            workers=n_processes,
            timeout_worker_healthcheck=60,  # s without a response, after which one is replaced
        )
        supervisor = _Supervisor(config, _SharedAddress(own), partial(started, port))
        supervisor.run()
        if supervisor.stopped_by is None:
            _load(model, own)  # raises what has stopped them
            raise ServingError("a process of the service ended before it was ready; see its log")
    signal.signal(supervisor.stopped_by, supervisor.handlers[supervisor.stopped_by])
    signal.raise_signal(supervisor.stopped_by)


class _SharedAddress(socket.socket):
    """An address that each process, in which it is unpickled, binds for itself.

    Of one listening socket for all, as uvicorn's, one process took 76 of 100 connections at once.
    """

    def __init__(self, settings: ServingSettings) -> None:
        super().__init__()
        self.settings = settings

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(listen_at, self.settings, shared=True), ()


class _Supervisor(Multiprocess):
    """uvicorn's supervisor, which keeps the number of processes; it reports what they do."""

    def __init__(
        self, config: uvicorn.Config, address: _SharedAddress, started: Callable[[], None]
    ) -> None:
        self.handlers: dict[int, Any] = {n: signal.getsignal(n) or signal.SIG_DFL for n in SIGNALS}
        super().__init__(config, [address])
        self.stopped_by: int | None = None
        for number, handler in self.handlers.items():  # uvicorn would go on without its terminal
            stops = number in {signal.SIGINT, signal.SIGTERM}
            signal.signal(number, self._stop if stops else handler)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the failure is raised
        self._started, self._is_ready = started, False

    def _stop(self, number: int, _: FrameType | None) -> None:
        """Stop in the next round; a second signal is passed on, so that all end at once."""
        if self.stopped_by is not None:
            self.terminate_all()
        self.stopped_by = number
        self.signal_queue.append(number)

    def keep_subprocess_alive(self) -> None:
        """Replace those that have ended; report once all are ready."""
        for one in self.processes:
            one.child_conn.close()  # so that its end is noticed while it is asked if it responds
        before = list(self.processes)
        super().keep_subprocess_alive()
        ended = [one for one in before if one not in self.processes]
        if ended and not self._is_ready:
            self.should_exit.set()  # another would fail as well
            return
        for one in ended:
            mark_process_dead(one.pid)  # type: ignore[no-untyped-call]
            text = "process %s of the service has ended (exit code %s); starting another"
            logger.error(text, one.pid, one.exitcode)
        if not self._is_ready and all(one.is_ready() for one in self.processes):
            self._is_ready = True
            self._started()


def _load_in_worker(model: Path, settings: ServingSettings) -> FastAPI:
    """The application of a process that ends with the one that started it."""
    os.setsid()  # Ctrl-C is for the parent process, and comes from there
    exit_with_parent(os.getppid(), signal.SIGTERM)
    try:
        return _load(model, settings)
    except VoxaffectError as fault:  # the parent process reports it
        raise SystemExit(STARTUP_FAILURE) from fault
