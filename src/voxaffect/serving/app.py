"""The application: a recogniser and settings in, all paths out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

import voxaffect
from voxaffect.recognizer import Recognizer
from voxaffect.serving.guard import Guard
from voxaffect.serving.refusal import Refusal
from voxaffect.serving.routes import health, live, model, prediction
from voxaffect.serving.routes.page import page_router
from voxaffect.serving.service import Service
from voxaffect.serving.settings import ServingSettings


def application(recognizer: Recognizer, settings: ServingSettings | None = None) -> FastAPI:
    """A service for one recogniser, to be run by any ASGI server, such as `server.serve`.

    Args:
        recognizer: a trained one; it must not be trained again meanwhile.
        settings: whom it lets in, and how much it takes.

    Returns:
        the application; its `state.service` is the `Service`.

    Raises:
        TrainingError: the recogniser was never trained.
    """
    service = Service(recognizer, settings or ServingSettings())
    app = FastAPI(
        title="voxaffect",
        version=voxaffect.__version__,
        description="Which emotion speech expresses, and how sure that is.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    for router in (prediction.router, live.router, model.router, health.router, page_router()):
        app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(Guard, service=service)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.service.start()
    try:
        yield
    finally:
        await app.state.service.stop()


async def _refused(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, Refusal)  # noqa: S101 registered for it
    return fault.response()


async def _invalid(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)  # noqa: S101 registered for it
    first = fault.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    message = f"the parameter {where} cannot be used ({first['msg']}); correct it"
    return Refusal(422, "bad_parameter", message).response()


async def _http(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)  # noqa: S101 registered for it
    phrase = HTTPStatus(fault.status_code).phrase
    code = phrase.lower().replace(" ", "_")
    said = f"{phrase.lower()}; /openapi.json describes every path"
    return Refusal(fault.status_code, code, said, fault.headers).response()
