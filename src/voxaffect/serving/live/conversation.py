"""One client's live stream: sound comes in, answers go out, and neither side outruns the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from voxaffect.errors import AudioError
from voxaffect.listening.listener import Utterance
from voxaffect.listening.live import LiveAnswer, LiveStream
from voxaffect.prediction import Prediction
from voxaffect.serving.live import words
from voxaffect.serving.live.ear import Ear
from voxaffect.serving.live.hello import Hello
from voxaffect.serving.refusal import Refusal, of_recording
from voxaffect.serving.service import Service

AHEAD_S = 5.0
"""Sound that may have come and not been heard: a client that sends faster has to wait."""

END = {"type": "end"}
"""The message by which a client ends its sound and asks for the last answer."""


class Gone(Exception):  # noqa: N818 no fault of anyone
    """The client is not there any more."""


class Conversation:
    """Hears one client and answers.

    Args:
        service: hears with.
        websocket: of the client, accepted.
        hello: what it said.
    """

    def __init__(self, service: Service, websocket: WebSocket, hello: Hello) -> None:
        self._service, self._websocket = service, websocket
        self._limits = service.settings.limits
        self._ear = Ear(service.live, hello, self._limits.live_s, service.batcher)
        self._followed: LiveStream | None = None
        self._latest: LiveAnswer | None = None  # the newest is told, those that it overtook are not
        self._patience: asyncio.Timeout | None = None  # while the next bytes are waited for
        self._news = asyncio.Event()
        self._speaking = asyncio.Lock()

    async def run(self) -> None:
        """Hear until the client has said all, leaves, says too much, or the service is to stop.

        Raises:
            Refusal: the client did what it may not.
            Gone: it left.
        """
        teller = asyncio.create_task(self._tell_interims())
        try:
            await self._say(words.ready())
            await self._hear()
            await self._conclude()
        except AudioError as fault:
            raise of_recording(fault) from fault
        finally:
            teller.cancel()
            self._follow(None)
            self._ear.drop()
            await asyncio.wait([teller])

    async def _hear(self) -> None:
        stopping = asyncio.create_task(self._stop_waiting())
        try:
            while (data := await self._next()) is not None:
                await self._say_finals(await self._pushed(data))
                self._follow(self._ear.stream)
                await self._keep_up()
                if self._ear.is_full:
                    return
        finally:
            stopping.cancel()

    async def _next(self) -> bytes | None:
        """The next bytes; None where no more come, or no more are heard."""
        draining = self._service.draining
        if draining.is_set():
            return None
        try:
            async with asyncio.timeout(self._limits.idle_s) as self._patience:
                return _sound(await self._websocket.receive())
        except TimeoutError:
            if draining.is_set():
                return None
            raise Refusal(
                408, "idle", f"nothing came for {self._limits.idle_s:g} s; send sound, or the end"
            ) from None
        finally:
            self._patience = None

    async def _stop_waiting(self) -> None:
        """Wait no longer for a client's next bytes once the service is to stop."""
        await self._service.draining.wait()
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _pushed(self, data: bytes) -> list[Utterance]:
        """Utterances that end with some bytes, which a thread takes unless they are a moment's."""
        if self._ear.takes_at_once(data):
            return self._ear.push(data)
        return await self._service.computed(self._ear.push, data)

    async def _keep_up(self) -> None:
        while self._followed is not None and self._followed.unheard_s > AHEAD_S:
            self._service.refuse_failed()
            await asyncio.sleep(0.02)

    async def _conclude(self) -> None:
        """Say the last answers, and why there will be no more where the client wanted more."""
        self._follow(None)
        await self._say_finals(await self._service.computed(self._ear.finish))
        if self._ear.is_full:
            most = self._limits.live_s
            raise Refusal(413, "too_long", f"{most:g} s were heard, no more are; connect anew")
        if self._service.draining.is_set():
            raise Refusal(503, "stopping", "the service is to stop; connect when it runs anew")
        await self._say(words.end())

    async def _say_finals(self, ended: Sequence[Utterance]) -> None:
        for utterance in ended:
            if isinstance(utterance.outcome, Prediction):
                self._service.metrics.audio("/v1/live", utterance.outcome.duration_s)
            await self._say(words.final(utterance))

    def _follow(self, stream: LiveStream | None) -> None:
        if stream is self._followed:
            return
        if self._followed is not None:
            self._service.leave(self._followed)
        self._followed, self._latest = stream, None
        if stream is not None:
            self._service.follow(stream, self._note)

    def _note(self, answer: LiveAnswer) -> None:
        self._latest = answer
        self._news.set()

    async def _tell_interims(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._latest is not None:
                await self._say(words.interim(self._ear.start_s, self._latest))

    async def _say(self, text: str) -> None:
        """Send a message to a client that reads."""
        try:
            async with self._speaking, asyncio.timeout(self._limits.idle_s):
                await self._websocket.send_text(text)
        except (TimeoutError, WebSocketDisconnect, RuntimeError) as fault:
            raise Gone from fault


def _sound(message: Message) -> bytes | None:
    """The bytes of a message, None if it is the end.

    Raises:
        Refusal: it is neither.
        Gone: it says that the client left.
    """
    if message["type"] == "websocket.disconnect":
        raise Gone
    data, text = message.get("bytes"), message.get("text")
    if isinstance(data, bytes):
        return data
    if isinstance(text, str) and _is_end(text):
        return None
    raise Refusal(
        422, "bad_message", 'after the hello send binary messages, or {"type": "end"} at the end'
    )


def _is_end(text: str) -> bool:
    try:
        return bool(json.loads(text) == END)
    except ValueError:
        return False
