"""POST a recording, get an answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from voxaffect.report.answers.formats import FORMATS
from voxaffect.serving.asking import Question
from voxaffect.serving.refusal import Refusal
from voxaffect.serving.service import Service
from voxaffect.serving.shapes import Told, ToldInTime, refusals
from voxaffect.serving.uploads import FIELD, FORM, receive

router = APIRouter()

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
        "model": Told | ToldInTime,
        "content": {kind.partition(";")[0]: TEXT for kind in OTHERS},
    },
    **refusals(401, 408, 413, 415, 422, 429, 503),
}


@router.post("/v1/predict", responses=ANSWERED, openapi_extra=BODY, tags=["answers"])
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
    question = Question(timeline, frames, abstain, form)
    with service.requests.entered():
        try:
            upload = await receive(request, service.settings.limits)
        except ClientDisconnect:
            raise Refusal(408, "gone", "the client left before the body was here") from None
        text = await service.answer(upload, question)
    return Response(text, media_type=FORMATS[form].media_type)
