"""POST a recording, get an answer."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query, Request, WebSocket
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect, WebSocketState

from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.recognizer.serialization import plain
from voxaffect.report.colors import LABEL_COLORS
from voxaffect.report.predictions.formats import FORMATS
from voxaffect.serving import websocket as words
from voxaffect.serving.inference import InferenceRequest
from voxaffect.serving.schemas import (
    LimitResponse,
    ModelResponse,
    PredictionResponse,
    ServiceError,
    StatusResponse,
    TimelineResponse,
    refusals,
)
from voxaffect.serving.security import FAULT, LIVE, check_token
from voxaffect.serving.service import Service
from voxaffect.serving.uploads import FIELD, FORM, receive
from voxaffect.serving.websocket import (
    ClientDisconnected,
    StreamOptions,
    WebSocketSession,
    parse_hello,
)
from voxaffect.taxonomy import TASKS
from voxaffect.version import __version__

health_router = APIRouter(tags=["health"])


@health_router.get("/healthz", responses=refusals())
async def healthz() -> StatusResponse:
    """Whether the process answers at all."""
    return StatusResponse(status="alive")


@health_router.get("/readyz", responses=refusals(503))
async def readyz(request: Request) -> StatusResponse:
    """Whether it takes work: the model has answered, and nobody has told it to stop."""
    service = cast(Service, request.app.state.service)
    service.refuse_unless_ready()
    service.refuse_failed()
    return StatusResponse(status="ready")


@health_router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus's text format.", "content": {"text/plain": {}}},
        **refusals(401),
    },
)
async def metrics(request: Request) -> Response:
    """Counts of requests, seconds, batches, streams, as Prometheus reads them."""
    service = cast(Service, request.app.state.service)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


NORMAL, TRY_AGAIN, VIOLATION, TOO_BIG, BROKEN = 1000, 1013, 1008, 1009, 1011
CLOSINGS = {413: TOO_BIG, 503: TRY_AGAIN}
"""Codes that a WebSocket is closed with (RFC 6455, 7.4), by the status of a refusal."""

stream_router = APIRouter()
logger = logging.getLogger(__name__)


@stream_router.websocket(LIVE)
async def live(websocket: WebSocket) -> None:
    """Hear a client; docs/serving.md tells which messages go to and fro."""
    service = cast(Service, websocket.app.state.service)
    await websocket.accept()
    try:
        service.refuse_unless_ready()
        with service.streams.entered():
            hello = await _hello(websocket, service)
            await WebSocketSession(service, websocket, hello).run()
        await websocket.close(NORMAL)
    except ServiceError as refusal:
        await _close(websocket, refusal, CLOSINGS.get(refusal.status, VIOLATION))
    except (ClientDisconnected, WebSocketDisconnect):
        return
    except Exception:
        logger.exception("a live stream failed")
        await _close(websocket, FAULT, BROKEN)


async def _hello(websocket: WebSocket, service: Service) -> StreamOptions:
    settings = service.settings
    try:
        async with asyncio.timeout(settings.limits.idle_s):
            message = await websocket.receive()
    except TimeoutError:
        raise ServiceError(408, "no_hello", "no hello came; say it first") from None
    if message["type"] == "websocket.disconnect":
        raise ClientDisconnected
    hello = parse_hello(message.get("text"))
    if "authorization" not in websocket.headers:  # else it was checked at the door
        check_token(hello.token or "", settings)
    return hello


async def _close(websocket: WebSocket, refusal: ServiceError, code: int) -> None:
    """Say why, and close, if anyone is there."""
    if websocket.application_state is not WebSocketState.CONNECTED:
        return
    try:
        await websocket.send_text(words.error(refusal))
        await websocket.close(code)
    except (WebSocketDisconnect, RuntimeError):
        return


TOLD = ("system", "seed", "split", "note", "made_with")
"""What of a recognizer's card is told; the rest is for whoever has its folder."""

model_router = APIRouter()


@model_router.get("/v1/model", responses=refusals(401, 429), tags=["answers"])
async def model(request: Request) -> ModelResponse:
    """The recognizer: what it tells apart, what it learned from, how much it takes at once."""
    service = cast(Service, request.app.state.service)
    return summary(service.recognizer, service)


def summary(recognizer: NetRecognizer, service: Service) -> ModelResponse:
    """A recognizer and the limits of its service."""
    limits, card = service.settings.limits, recognizer.card
    return ModelResponse(
        version=__version__,
        tasks={task: list(TASKS[task].classes) for task in recognizer.settings.task_weights},
        features=list(recognizer.extractor.names),
        corpora=_corpora(card),
        card=plain({key: card[key] for key in TOLD if key in card}),
        limits=LimitResponse(
            max_bytes=limits.max_bytes,
            recording_s=limits.recording_s,
            utterance_s=limits.utterance_s,
            live_s=limits.live_s,
        ),
    )


def _corpora(card: dict[str, Any]) -> list[str]:
    """Names of the training corpora."""
    corpora = card.get("corpora", ())
    return [str(one["name"] if isinstance(one, dict) and "name" in one else one) for one in corpora]


MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FILES = (
    "index.html",
    "page.css",
    "page.js",
    "drawing.js",
    "recording.js",
    "service.js",
    "microphone.js",
    "icon.svg",
)


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str

    @property
    def tag(self) -> str:
        """Changes with the content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    def response(self, request: Request) -> Response:
        """The file, or that it is as it was."""
        headers = {"ETag": self.tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


def page_router() -> APIRouter:
    """Routes to all files of the page."""
    router = APIRouter(include_in_schema=False)
    for name, asset in assets().items():
        path = "/" if name == "index.html" else f"/page/{name}"
        router.add_api_route(path, _giving(asset), methods=["GET", "HEAD"])
    return router


def assets() -> dict[str, Asset]:
    """All files of the page by name."""
    folder = files("voxaffect.serving") / "page"
    read = {name: (folder / name).read_bytes() for name in FILES}
    found = {**read, "colors.css": colors().encode()}
    return {name: Asset(raw, MEDIA_TYPES[name.split(".")[-1]]) for name, raw in found.items()}


def colors() -> str:
    """The classes' colors as the reports draw them, as variables of CSS."""
    variables = (f" --{label}: {color};" for label, color in LABEL_COLORS.items())
    return ":root {" + "".join(variables) + " }\n"


def _giving(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    async def give(request: Request) -> Response:
        return asset.response(request)

    return give


prediction_router = APIRouter()

BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            },
            "application/octet-stream": BINARY,
            "audio/*": BINARY,
            "video/*": BINARY,
        },
    }
}
OTHERS = [form.media_type for name, form in FORMATS.items() if name != "json"]
TEXT: dict[str, Any] = {"schema": {"type": "string"}}
ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What is said of the recording, in the form that was asked for.",
        "model": PredictionResponse | TimelineResponse,
        "content": {kind.partition(";")[0]: TEXT for kind in OTHERS},
    },
    **refusals(401, 408, 413, 415, 422, 429, 503),
}


@prediction_router.post("/v1/predict", responses=ANSWERED, openapi_extra=BODY, tags=["answers"])
async def predict(
    request: Request,
    *,
    timeline: Annotated[
        bool, Query(description="Cut the recording at its pauses and answer for each utterance.")
    ] = False,
    frames: Annotated[
        bool, Query(description="Also the posterior of every frame (json only).")
    ] = False,
    abstain: Annotated[
        float | None, Query(gt=0, le=1, description="Say unsure below this probability.")
    ] = None,
    form: Annotated[
        Literal["json", "csv", "audacity", "vtt"],
        Query(alias="format", description="How the answer is written."),
    ] = "json",
) -> Response:
    """Say which emotion a recording expresses, and how sure that is.

    The recording is the body as it is, or the field `file` of a form. Nothing of it is kept.
    """
    service = cast(Service, request.app.state.service)
    service.refuse_unless_ready()
    question = InferenceRequest(timeline, frames, abstain, form)
    with service.requests.entered():
        try:
            upload = await receive(request, service.settings.limits)
        except ClientDisconnect:
            raise ServiceError(408, "gone", "the client left before the body was here") from None
        text = await service.answer(upload, question)
    return Response(text, media_type=FORMATS[form].media_type)
