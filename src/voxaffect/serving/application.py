"""The ASGI application of one recognizer: its routes, and what it does at a signal to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import FrameType
from typing import Annotated, Any, cast

from fastapi import APIRouter, FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import plain
from voxaffect.report.colors import LABEL_COLORS
from voxaffect.report.predictions.formats import FORMATS
from voxaffect.serving import schemas
from voxaffect.serving.inference import InferenceRequest
from voxaffect.serving.schemas import ServiceError, error_responses
from voxaffect.serving.security import LIVE, SecurityMiddleware
from voxaffect.serving.service import Service
from voxaffect.serving.settings import ServingSettings
from voxaffect.serving.uploads import FIELD, FORM, receive
from voxaffect.serving.websocket import serve_stream
from voxaffect.taxonomy import TASKS
from voxaffect.version import __version__

router = APIRouter()
PAGE = StaticFiles(packages=[("voxaffect.serving", "page")])


def application(recognizer: TrainedRecognizer, settings: ServingSettings | None = None) -> FastAPI:
    """The application, for any ASGI server; its `state.service` is the `Service`.

    Raises `TrainingError` unless the recognizer is trained; it must not be trained meanwhile.
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
    if threading.current_thread() is threading.main_thread():
        _drain_at_signals(service)
    try:
        yield
    finally:
        await service.stop()


def _drain_at_signals(service: Service) -> None:
    """At a first signal complete accepted work, before uvicorn's handler stops the server.

    A second one goes to that handler at once. uvicorn by itself would close live streams without
    their final predictions, and refuse connections instead of answering them with 503.
    """
    loop, drains = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    stop: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}

    async def drain(number: int) -> None:
        await service.drain()
        stop[number](number, None)

    def begin(number: int) -> None:
        if not drains:
            drains.append(loop.create_task(drain(number)))

    def handle(number: int, frame: FrameType | None) -> None:
        if service.is_draining:
            stop[number](number, frame)
        else:
            loop.call_soon_threadsafe(begin, number)

    for number in stop:
        signal.signal(number, handle)


async def _validation_error(_: Request, fault: Exception) -> Response:
    first = cast(RequestValidationError, fault).errors()[0]
    where = ".".join(map(str, first["loc"][1:2]))  # further parts are those of a type's choices
    message = f"parameter {where} is invalid ({first['msg']}); correct it"
    return ServiceError(422, "bad_parameter", message).response()


async def _http_error(_: Request, fault: Exception) -> Response:
    error = cast(HTTPException, fault)
    phrase = HTTPStatus(error.status_code).phrase.lower()
    code, message = phrase.replace(" ", "_"), f"{phrase}; see /openapi.json for all paths"
    return ServiceError(error.status_code, code, message, error.headers).response()


def _service(request: Request | WebSocket) -> Service:
    return cast(Service, request.app.state.service)


@router.get("/healthz", responses=error_responses(), tags=["health"])
async def healthz() -> schemas.StatusResponse:
    """Liveness: the process responds."""
    return schemas.StatusResponse(status="alive")


@router.get("/readyz", responses=error_responses(503), tags=["health"])
async def readyz(request: Request) -> schemas.StatusResponse:
    """Readiness: the model is warm, and the service is not stopping."""
    _service(request).check_ready()
    _service(request).check_scheduler()
    return schemas.StatusResponse(status="ready")


TEXT: dict[str, Any] = {"schema": {"type": "string"}}
FILE = {"type": "string", "format": "binary"}
UPLOAD = {"type": "object", "required": [FIELD], "properties": {FIELD: FILE}}


@router.get(
    "/metrics",
    tags=["health"],
    response_class=Response,
    responses={
        200: {"description": "Prometheus text format.", "content": {"text/plain": {}}},
        **error_responses(401),
    },
)
async def metrics(request: Request) -> Response:
    """Prometheus metrics: requests, latency, audio, batches, streams."""
    return Response(_service(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/model", responses=error_responses(401, 429), tags=["prediction"])
async def model(request: Request) -> schemas.ModelResponse:
    """The model: its classes, training corpora and limits."""
    recognizer, limits = _service(request).recognizer, _service(request).settings.limits
    card, public = recognizer.card, ("system", "seed", "split", "note", "made_with")
    return schemas.ModelResponse(
        version=__version__,
        tasks={task: list(TASKS[task].classes) for task in recognizer.classifier.tasks},
        features=list(recognizer.extractor.names),
        corpora=[
            str(one["name"] if isinstance(one, dict) and "name" in one else one)
            for one in card.get("corpora", ())
        ],
        card=plain({key: card[key] for key in public if key in card}),
        limits=schemas.LimitResponse.model_validate(limits, from_attributes=True),
    )


@router.post(
    "/v1/predict",
    tags=["prediction"],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                FORM: {"schema": UPLOAD},
                "application/octet-stream": {"schema": FILE},
                "audio/*": {"schema": FILE},
                "video/*": {"schema": FILE},
            },
        }
    },
    responses={
        200: {
            "description": "The prediction, in the requested format.",
            "model": schemas.PredictionResponse | schemas.TimelineResponse,
            "content": {
                form.media_type.partition(";")[0]: TEXT
                for name, form in FORMATS.items()
                if name != "json"
            },
        },
        **error_responses(401, 408, 413, 415, 422, 429, 503),
    },
)
async def predict(request: Request, parameters: Annotated[InferenceRequest, Query()]) -> Response:
    """Recognize the emotion of a recording.

    The recording is the request body, or the field `file` of a form. It is not stored. `emotion` is
    a class, `no speech`, or `unsure` where a warning rejects the answer; `reason` says why.
    """
    service = _service(request)
    service.check_ready()
    parameters.decide(service.recognizer.card)  # refuses what cannot be asked for
    with service.requests.slot():
        try:
            upload = await receive(request, service.settings.limits)
        except ClientDisconnect:
            text = "the client disconnected during the upload; upload again"
            raise ServiceError(408, "gone", text) from None
        body = await service.predict(upload, parameters)
    return Response(body, media_type=FORMATS[parameters.form].media_type)


@router.websocket(LIVE)
async def live(websocket: WebSocket) -> None:
    """A live stream; its messages are described in docs/serving.md."""
    await serve_stream(_service(websocket), websocket)


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def page(request: Request) -> Response:
    """The web page."""
    return await PAGE.get_response("index.html", request.scope)


@router.api_route("/page/colors.css", methods=["GET", "HEAD"], include_in_schema=False)
async def colors() -> Response:
    """Colors of the classes, as in reports."""
    names = {label.replace(" ", "-"): color for label, color in LABEL_COLORS.items()}
    css = "".join(f" --{name}: {color};" for name, color in names.items())
    return Response(f":root {{{css} }}\n", media_type="text/css")
