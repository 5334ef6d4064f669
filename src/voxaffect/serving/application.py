"""The ASGI application of one recognizer."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from types import FrameType
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.serving.routes import PAGE, router
from voxaffect.serving.schemas import ServiceError
from voxaffect.serving.security import SecurityMiddleware
from voxaffect.serving.service import Service
from voxaffect.serving.settings import ServingSettings
from voxaffect.version import __version__


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
    app.mount("/page", PAGE)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(SecurityMiddleware, service=service)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service = cast(Service, app.state.service)
    await service.start()
    try:
        with _signals_drain(service):
            yield
    finally:
        await service.stop()


@contextmanager
def _signals_drain(service: Service) -> Iterator[None]:
    """Complete accepted work after a first signal, before uvicorn's handler stops the server.

    A second signal goes to that handler at once. uvicorn itself would close live streams without
    their final predictions, and connections before requests get 503.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, tasks = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    async def drain(number: int) -> None:
        await service.drain()
        stop(number, None)

    def begin(number: int) -> None:
        if not tasks:
            tasks.append(loop.create_task(drain(number)))

    def handle(number: int, frame: FrameType | None) -> None:
        """Called between steps of the event loop."""
        if service.is_draining:
            stop(number, frame)
        else:
            loop.call_soon_threadsafe(begin, number)

    for number in before:
        signal.signal(number, handle)
    yield


async def _validation_error(_: Request, fault: Exception) -> Response:
    first = cast(RequestValidationError, fault).errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    message = f"parameter {where} is invalid ({first['msg']}); correct it"
    return ServiceError(422, "bad_parameter", message).response()


async def _http_error(_: Request, fault: Exception) -> Response:
    error = cast(HTTPException, fault)
    phrase = HTTPStatus(error.status_code).phrase.lower()
    message = f"{phrase}; see /openapi.json for all paths"
    code = phrase.replace(" ", "_")
    return ServiceError(error.status_code, code, message, error.headers).response()
