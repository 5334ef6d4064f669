"""A WebSocket for sound while it lasts."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from voxaffect.serving.guard import FAULT, LIVE, check_token
from voxaffect.serving.live import words
from voxaffect.serving.live.conversation import Conversation, Gone
from voxaffect.serving.live.hello import Hello, parse_hello
from voxaffect.serving.refusal import Refusal
from voxaffect.serving.service import Service

NORMAL, TRY_AGAIN, VIOLATION, TOO_BIG, BROKEN = 1000, 1013, 1008, 1009, 1011
CLOSINGS = {413: TOO_BIG, 503: TRY_AGAIN}
"""Codes that a WebSocket is closed with (RFC 6455, 7.4), by the status of a refusal."""

router = APIRouter()
logger = logging.getLogger(__name__)


@router.websocket(LIVE)
async def live(websocket: WebSocket) -> None:
    """Hear a client; docs/serving.md tells which messages go to and fro."""
    service = cast(Service, websocket.app.state.service)
    await websocket.accept()
    try:
        service.refuse_unless_ready()
        with service.streams.entered():
            hello = await _hello(websocket, service)
            await Conversation(service, websocket, hello).run()
        await websocket.close(NORMAL)
    except Refusal as refusal:
        await _close(websocket, refusal, CLOSINGS.get(refusal.status, VIOLATION))
    except (Gone, WebSocketDisconnect):
        return
    except Exception:
        logger.exception("a live stream failed")
        await _close(websocket, FAULT, BROKEN)


async def _hello(websocket: WebSocket, service: Service) -> Hello:
    settings = service.settings
    try:
        async with asyncio.timeout(settings.limits.idle_s):
            message = await websocket.receive()
    except TimeoutError:
        raise Refusal(408, "no_hello", "no hello came; say it first") from None
    if message["type"] == "websocket.disconnect":
        raise Gone
    hello = parse_hello(message.get("text"))
    if "authorization" not in websocket.headers:  # else it was checked at the door
        check_token(hello.token or "", settings)
    return hello


async def _close(websocket: WebSocket, refusal: Refusal, code: int) -> None:
    """Say why, and close, if anyone is there."""
    if websocket.application_state is not WebSocketState.CONNECTED:
        return
    try:
        await websocket.send_text(words.error(refusal))
        await websocket.close(code)
    except (WebSocketDisconnect, RuntimeError):
        return
