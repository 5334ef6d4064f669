"""Routes of the HTTP and WebSocket API, and the files of the web page."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request, WebSocket
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from voxaffect.recognizer.serialization import plain
from voxaffect.report.colors import LABEL_COLORS
from voxaffect.report.predictions.formats import FORMATS
from voxaffect.serving.inference import InferenceRequest
from voxaffect.serving.schemas import (
    LimitResponse,
    ModelResponse,
    PredictionResponse,
    ServiceError,
    StatusResponse,
    TimelineResponse,
    error_responses,
)
from voxaffect.serving.security import LIVE
from voxaffect.serving.service import Service
from voxaffect.serving.uploads import FIELD, FORM, receive
from voxaffect.serving.websocket import serve_stream
from voxaffect.taxonomy import TASKS
from voxaffect.version import __version__

router = APIRouter()


def _service(request: Request | WebSocket) -> Service:
    return cast(Service, request.app.state.service)


@router.get("/healthz", responses=error_responses(), tags=["health"])
async def healthz() -> StatusResponse:
    """Liveness: the process responds."""
    return StatusResponse(status="alive")


@router.get("/readyz", responses=error_responses(503), tags=["health"])
async def readyz(request: Request) -> StatusResponse:
    """Readiness: the model is warm, and the service is not stopping."""
    _service(request).check_ready()
    _service(request).check_scheduler()
    return StatusResponse(status="ready")


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


@router.websocket(LIVE)
async def live(websocket: WebSocket) -> None:
    """A live stream; its messages are described in docs/serving.md."""
    await serve_stream(_service(websocket), websocket)


CARD_KEYS = ("system", "seed", "split", "note", "made_with")
"""Entries of a recognizer's card that are public."""


@router.get("/v1/model", responses=error_responses(401, 429), tags=["prediction"])
async def model(request: Request) -> ModelResponse:
    """The model: its classes, training corpora and limits."""
    recognizer, limits = _service(request).recognizer, _service(request).settings.limits
    card = recognizer.card
    return ModelResponse(
        version=__version__,
        tasks={task: list(TASKS[task].classes) for task in recognizer.settings.task_weights},
        features=list(recognizer.extractor.names),
        corpora=[
            str(one["name"] if isinstance(one, dict) and "name" in one else one)
            for one in card.get("corpora", ())
        ],
        card=plain({key: card[key] for key in CARD_KEYS if key in card}),
        limits=LimitResponse.model_validate(limits, from_attributes=True),
    )


PAGE = StaticFiles(packages=[("voxaffect.serving", "page")])
"""The files of the web page."""


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def index(request: Request) -> Response:
    """The web page."""
    return await PAGE.get_response("index.html", request.scope)


@router.api_route("/page/colors.css", methods=["GET", "HEAD"], include_in_schema=False)
async def colors() -> Response:
    """Colors of the classes, as in reports."""
    css = "".join(f" --{label}: {color};" for label, color in LABEL_COLORS.items())
    return Response(f":root {{{css} }}\n", media_type="text/css")


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
TEXT: dict[str, Any] = {"schema": {"type": "string"}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The prediction, in the requested format.",
        "model": PredictionResponse | TimelineResponse,
        "content": {
            form.media_type.partition(";")[0]: TEXT
            for name, form in FORMATS.items()
            if name != "json"
        },
    },
    **error_responses(401, 408, 413, 415, 422, 429, 503),
}


@router.post("/v1/predict", responses=RESPONSES, openapi_extra=BODY, tags=["prediction"])
async def predict(request: Request, parameters: Annotated[InferenceRequest, Query()]) -> Response:
    """Recognize the emotion of a recording.

    The recording is the request body, or the field `file` of a form. It is not stored.
    """
    service = _service(request)
    service.check_ready()
    with service.requests.slot():
        try:
            upload = await receive(request, service.settings.limits)
        except ClientDisconnect:
            text = "the client disconnected during the upload; upload again"
            raise ServiceError(408, "gone", text) from None
        body = await service.predict(upload, parameters)
    return Response(body, media_type=FORMATS[parameters.form].media_type)
