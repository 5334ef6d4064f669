"""The service on a socket, until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from voxaffect.serving.service import Service
from voxaffect.serving.slow_heads import PromptProtocol

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
