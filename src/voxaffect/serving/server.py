"""The service on a socket, until a signal stops it."""

from __future__ import annotations

import asyncio
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
from voxaffect.serving.routes import (
    health_router,
    model_router,
    page_router,
    prediction_router,
    stream_router,
)
from voxaffect.serving.schemas import ServiceError
from voxaffect.serving.security import SecurityMiddleware
from voxaffect.serving.service import Service
from voxaffect.serving.settings import ServingSettings
from voxaffect.version import __version__


def listen_at(settings: ServingSettings, *, shared: bool = False) -> socket.socket:
    """Take the address.

    Args:
        settings: have it.
        shared: whether other processes of this user may take it, too, and get some connections.

    Raises:
        ServingError: it is not to be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            taken.bind(address)
        except OSError:
            taken.close()
            raise
    except OSError as fault:
        raise ServingError(
            f"{settings.host}:{settings.port} is not to be had ({fault.strerror}); "
            "choose another with --host and --port"
        ) from fault
    return taken


def application(recognizer: NetRecognizer, settings: ServingSettings | None = None) -> FastAPI:
    """A service for one recognizer, to be run by any ASGI server, such as `server.serve`.

    Args:
        recognizer: a trained one; it must not be trained again meanwhile.
        settings: whom it lets in, and how much it takes.

    Returns:
        the application; its `state.service` is the `Service`.

    Raises:
        TrainingError: the recognizer was never trained.
    """
    service = Service(recognizer, settings or ServingSettings())
    app = FastAPI(
        title="voxaffect",
        version=__version__,
        description="Which emotion speech expresses, and how sure that is.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    for router in (prediction_router, stream_router, model_router, health_router, page_router()):
        app.include_router(router)
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
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


async def _refused(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, ServiceError)  # noqa: S101 registered for it
    return fault.response()


async def _invalid(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)  # noqa: S101 registered for it
    first = fault.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    message = f"the parameter {where} cannot be used ({first['msg']}); correct it"
    return ServiceError(422, "bad_parameter", message).response()


async def _http(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)  # noqa: S101 registered for it
    phrase = HTTPStatus(fault.status_code).phrase
    code = phrase.lower().replace(" ", "_")
    said = f"{phrase.lower()}; /openapi.json describes every path"
    return ServiceError(fault.status_code, code, said, fault.headers).response()


HEAD_S = 10.0
"""How long a head may take."""


class PromptProtocol(H11Protocol):
    """uvicorn's, with a time limit for heads, the first of a connection and all that follow."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Wait while no head is here; only the first byte of it starts the time."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        self._waiting = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


BACKLOG = 512
MESSAGE_BYTES = 1 << 20
"""Longest message of a WebSocket."""

CLOSE_S = 3
"""How long connections may take to close after the last answer."""


def serve(app: FastAPI, taken: socket.socket, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; a second one does not wait for what was taken.

    Args:
        app: what `application` gives.
        taken: what `address.listen_at` gives; it is closed.
        started: called once requests are taken.
    """
    server_of(app, started).run([taken])


def server_of(app: FastAPI, started: Callable[[], None]) -> uvicorn.Server:
    """A server that is not started yet, for whoever runs it otherwise, such as in a thread."""
    service: Service = app.state.service
    config = uvicorn.Config(
        app,
        http=PromptProtocol,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,  # sound hardly shrinks, and unpacking costs the event loop
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
    """uvicorn's, which finishes what it has taken while it refuses what comes."""

    def __init__(
        self, config: uvicorn.Config, service: Service, started: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._service, self._tell_started = service, started
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._tell_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came; the handler runs between two steps of the event loop."""
        if self._service.draining.is_set():
            super().handle_exit(sig, frame)
        else:
            self._loop.call_soon_threadsafe(self._drain, sig)

    def _drain(self, sig: int) -> None:
        async def drained() -> None:
            await self._service.drained()
            super(_Server, self).handle_exit(sig, None)

        if self._draining is None:
            self._draining = self._loop.create_task(drained())
