"""What is served."""

from __future__ import annotations

from typing import Any, cast

from fastapi import APIRouter, Request

import voxaffect
from voxaffect.artefact import plain
from voxaffect.recognizer import Recognizer
from voxaffect.serving.service import Service
from voxaffect.serving.shapes import Limit, Model, refusals
from voxaffect.taxonomy import TASKS

TOLD = ("system", "seed", "split", "note", "made_with")
"""What of a recogniser's card is told; the rest is for whoever has its folder."""

router = APIRouter()


@router.get("/v1/model", responses=refusals(401, 429), tags=["answers"])
async def model(request: Request) -> Model:
    """The recogniser: what it tells apart, what it learned from, how much it takes at once."""
    service = cast(Service, request.app.state.service)
    return summary(service.recognizer, service)


def summary(recognizer: Recognizer, service: Service) -> Model:
    """A recogniser and the limits of its service."""
    limits, card = service.settings.limits, recognizer.card
    return Model(
        version=voxaffect.__version__,
        tasks={task: list(TASKS[task].classes) for task in recognizer.settings.task_weights},
        features=list(recognizer.extractor.names),
        corpora=_corpora(card),
        card=plain({key: card[key] for key in TOLD if key in card}),
        limits=Limit(
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
