"""The shapes of what is said, for the description of the interface; nothing is computed by them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from voxaffect.errors import AudioError, RecordingLimitError, VoxaffectError
from voxaffect.taxonomy import EMOTION

AGAIN_S = 1
"""Seconds after which a client that was refused for want of room may come again."""


class ServiceError(VoxaffectError):
    """A request that is not answered.

    Args:
        status: of HTTP.
        code: the same for programs, more exactly.
        message: the same for people, in a sentence that says what to do.
        headers: of the response.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def as_json(self) -> str:
        """The body of the response."""
        return json.dumps({"error": {"code": self.code, "message": self.message}}) + "\n"

    def response(self) -> Response:
        """The response itself."""
        return Response(self.as_json(), self.status, self.headers, "application/json")


def of_recording(fault: AudioError) -> ServiceError:
    """What is wrong with a recording."""
    if isinstance(fault, RecordingLimitError):
        return ServiceError(413, "recording_too_long", str(fault))
    return ServiceError(422, "unusable_recording", str(fault))


def busy(code: str, message: str) -> ServiceError:
    """There is no room now, and may be soon."""
    return ServiceError(503, code, message, {"Retry-After": str(AGAIN_S)})


class ResponseModel(BaseModel):
    """Holds what it says and nothing else."""

    model_config = ConfigDict(extra="forbid")


class WarningResponse(ResponseModel):
    """A reason to trust an answer less."""

    code: str
    text: str


class PredictionResponse(ResponseModel):
    """What is said of a recording, or of one of its utterances; a line of predict's JSON lines."""

    file: str
    start_s: float | None = None
    end_s: float | None = None
    emotion: str
    probabilities: dict[str, float]
    subtasks: dict[str, dict[str, float]]
    duration_s: float
    novelty: float | None
    warnings: list[WarningResponse]
    times_s: list[float] | None = None
    posteriors: list[list[float]] | None = None


class TimelineResponse(ResponseModel):
    """What is said of a recording that was cut at its pauses."""

    file: str
    duration_s: float
    utterances: list[PredictionResponse]
    refused: list[str]


class ErrorDetail(ResponseModel):
    """Why there is no answer: for programs, and for people in one sentence."""

    code: str
    message: str


class ErrorResponse(ResponseModel):
    """The body of every response that is no answer."""

    error: ErrorDetail


class StatusResponse(ResponseModel):
    """How a service is."""

    status: str


class LimitResponse(ResponseModel):
    """How much is taken."""

    max_bytes: int
    recording_s: float
    utterance_s: float
    live_s: float


class ModelResponse(ResponseModel):
    """What is served."""

    version: str
    tasks: dict[str, list[str]]
    emotions: list[str] = list(EMOTION.classes)
    features: list[str]
    corpora: list[str]
    card: dict[str, Any]
    limits: LimitResponse


REASONS = {
    401: "The token is missing or wrong.",
    403: "A page of another origin asks.",
    404: "There is nothing here.",
    405: "Not with this method.",
    408: "The body came too slowly.",
    413: "The body is too large, or the recording too long.",
    415: "The content type is none of a recording.",
    421: "Called by a name that is not this machine's.",
    422: "The recording or a parameter cannot be used.",
    429: "Too many requests of one client.",
    500: "A fault of the service.",
    503: "Busy, starting, stopping, or too slow; Retry-After says when to come again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses that are no answers, for the description of a path; every path may have some."""
    every = (421, 403, 500)
    return {
        status: {"model": ErrorResponse, "description": REASONS[status]}
        for status in (*statuses, *every)
    }
