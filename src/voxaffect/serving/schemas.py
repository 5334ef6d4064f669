"""Schemas of responses, for the OpenAPI description, and the error that every refusal is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ForwardRef, NotRequired, TypedDict, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from starlette.responses import Response

from voxaffect.errors import AudioError, RecordingLimitError, VoxaffectError
from voxaffect.recognizer.prediction import ErrorDict, PredictionDict, WarningDict
from voxaffect.taxonomy import EMOTION


class ServiceError(VoxaffectError):
    """A refused request: HTTP status, code for programs, message (what is wrong; what to do)."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The HTTP response."""
        body = json.dumps({"error": {"code": self.code, "message": self.message}}) + "\n"
        return Response(body, self.status, self.headers, "application/json")


def of_recording(fault: AudioError) -> ServiceError:
    """Error of a recording that cannot be used."""
    if isinstance(fault, RecordingLimitError):
        return ServiceError(413, fault.code, str(fault))
    return ServiceError(422, fault.code, str(fault))


def busy(code: str, message: str) -> ServiceError:
    """Error of a request that may succeed later."""
    return ServiceError(503, code, message, {"Retry-After": "1"})


class ResponseModel(BaseModel):
    """A response without further fields."""

    model_config = ConfigDict(extra="forbid")


class TimelineDict(TypedDict):
    """A recording that was split into utterances at pauses."""

    file: str
    duration_s: float
    utterances: list[PredictionDict]
    refused: list[str]


class ErrorBody(TypedDict):
    """The body of every error response."""

    error: ErrorDict


MODELS = {
    WarningDict: "WarningResponse",
    PredictionDict: "PredictionResponse",
    TimelineDict: "TimelineResponse",
    ErrorDict: "ErrorDetail",
    ErrorBody: "ErrorResponse",
}


def _model_of(shape: Any) -> type[ResponseModel]:
    """Model of a TypedDict of the standard library; pydantic reads those from Python 3.12 on."""
    fields: dict[str, Any] = {}
    for name, hint in get_type_hints(shape, include_extras=True).items():
        if get_origin(hint) is NotRequired:
            fields[name] = (_type_of(get_args(hint)[0]) | None, None)
        else:
            fields[name] = (_type_of(hint), ...)
    return create_model(MODELS[shape], __base__=ResponseModel, __doc__=shape.__doc__, **fields)


def _type_of(hint: Any) -> Any:
    if hint in MODELS:
        return ForwardRef(MODELS[hint])
    return list[_type_of(get_args(hint)[0])] if get_origin(hint) is list else hint  # type: ignore[misc]


_models = [_model_of(shape) for shape in MODELS]
WarningResponse, PredictionResponse, TimelineResponse, ErrorDetail, ErrorResponse = _models
for _model in _models:
    _model.model_rebuild()


class StatusResponse(ResponseModel):
    """Status of the service."""

    status: str


class LimitResponse(ResponseModel):
    """Limits of recordings and streams."""

    max_bytes: int
    recording_s: float
    utterance_s: float
    live_s: float


class ModelResponse(ResponseModel):
    """The model that is served."""

    version: str
    tasks: dict[str, list[str]]
    emotions: list[str] = list(EMOTION.classes)
    features: list[str]
    corpora: list[str]
    card: dict[str, Any]
    limits: LimitResponse


REASONS = {
    401: "The token is missing or wrong.",
    403: "Cross-origin request blocked.",
    408: "The request body arrived too slowly.",
    413: "The request body is too large, or the recording too long.",
    415: "Unsupported content type.",
    421: "The Host header is not a name of this machine.",
    422: "The recording or a parameter is invalid.",
    429: "Too many requests from one client.",
    500: "Internal error.",
    503: "Busy, starting, stopping, or too slow; retry as Retry-After says.",
}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error responses of a path for the OpenAPI description, with those that every path has."""
    every = (*statuses, 421, 403, 500)
    return {one: {"model": ErrorResponse, "description": REASONS[one]} for one in every}
