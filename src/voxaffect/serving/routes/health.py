"""Whether the service lives, whether it can answer, and what it counts."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from voxaffect.serving.service import Service
from voxaffect.serving.shapes import Status, refusals

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=refusals())
async def healthz() -> Status:
    """Whether the process answers at all."""
    return Status(status="alive")


@router.get("/readyz", responses=refusals(503))
async def readyz(request: Request) -> Status:
    """Whether it takes work: the model has answered, and nobody has told it to stop."""
    service = cast(Service, request.app.state.service)
    service.refuse_unless_ready()
    service.refuse_failed()
    return Status(status="ready")


@router.get(
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
