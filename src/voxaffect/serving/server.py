"""The ASGI application, and the uvicorn server that runs it until a signal stops it."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from voxaffect.errors import ServingError
from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.serving.routes import page_router, router
from voxaffect.serving.schemas import ServiceError
from voxaffect.serving.security import SecurityMiddleware
from voxaffect.serving.service import Service
from voxaffect.serving.settings import ServingSettings
from voxaffect.version import __version__

HEAD_S = 10.0
"""Longest time for the head of a request."""

BACKLOG = 512
MESSAGE_BYTES = 1 << 20
"""Largest message of a WebSocket."""

CLOSE_S = 3
"""Longest time for connections to close after the last response."""


def listen_at(settings: ServingSettings, *, shared: bool = False) -> socket.socket:
    """Bind the address; if `shared`, other processes of this user may bind it, too.

    Raises:
        ServingError: it is not available.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            message = f"port {settings.port} is already in use; choose another with --port"
        else:
            message = (
                f"cannot listen on {settings.host}:{settings.port} ({fault.strerror}); "
                "choose another with --host and --port"
            )
        raise ServingError(message) from fault
    return listener


def application(recognizer: NetRecognizer, settings: ServingSettings | None = None) -> FastAPI:
    """The ASGI application of one recognizer, for any ASGI server, such as `serve`.

    Args:
        recognizer: a trained one; it must not be trained meanwhile.
        settings: of the service.

    Returns:
        the application; its `state.service` is the `Service`.

    Raises:
        TrainingError: the recognizer is not trained.
    """
    service = Service(recognizer, settings or ServingSettings())
    app = FastAPI(
        title="voxaffect",
        version=__version__,
        description="Speech emotion recognition with calibrated probabilities.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.include_router(router)
    app.include_router(page_router())
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(SecurityMiddleware, service=service)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.service.start()
    try:
        yield
    finally:
        await app.state.service.stop()


async def _validation_error(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)  # noqa: S101 registered for it
    first = fault.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    message = f"parameter {where} is invalid ({first['msg']}); correct it"
    return ServiceError(422, "bad_parameter", message).response()


async def _http_error(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)  # noqa: S101 registered for it
    phrase = HTTPStatus(fault.status_code).phrase.lower()
    message = f"{phrase}; see /openapi.json for all paths"
    code = phrase.replace(" ", "_")
    return ServiceError(fault.status_code, code, message, fault.headers).response()


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

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop_timer()
        super().connection_lost(exc)

    def _update_timer(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def serve(app: FastAPI, listener: socket.socket, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; a second one does not wait for accepted work.

    Args:
        app: from `application`.
        listener: from `listen_at`; it is closed at the end.
        started: called once requests are accepted.
    """
    server_of(app, started).run([listener])


def server_of(app: FastAPI, started: Callable[[], None]) -> uvicorn.Server:
    """A server that is not started yet, for example to be run in a thread."""
    service: Service = app.state.service
    config = uvicorn.Config(
        app,
        http=PromptProtocol,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,  # audio hardly shrinks; unpacking would block the event loop
        backlog=BACKLOG,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=service.settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_graceful_shutdown=CLOSE_S,
    )
    return _Server(config, service, started)


class _Server(uvicorn.Server):
    """uvicorn's server with a graceful shutdown: completes accepted work, refuses the rest."""

    def __init__(
        self, config: uvicorn.Config, service: Service, started: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._service, self._on_started = service, started
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call `started`."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, exit on the second; called between steps of the event loop."""
        if self._service.draining.is_set():
            super().handle_exit(sig, frame)
        else:
            self._loop.call_soon_threadsafe(self._drain, sig)

    def _drain(self, sig: int) -> None:
        async def drain() -> None:
            await self._service.drain()
            super(_Server, self).handle_exit(sig, None)

        if self._draining is None:
            self._draining = self._loop.create_task(drain())
