"""One client's live stream: sound comes in, answers go out, and neither side outruns the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from voxaffect.audio.pcm import PcmFormat, PcmStream
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.serving.container_stream import ContainerStream
from voxaffect.serving.schemas import ServiceError, of_recording
from voxaffect.serving.service import Service
from voxaffect.streaming.batch import Predictor
from voxaffect.streaming.endpointer import Endpointer
from voxaffect.streaming.online import LiveRecognizer, LiveStream
from voxaffect.streaming.session import StreamSession


class StreamOptions(BaseModel):
    """The first message of a live stream, a JSON object.

    Args:
        encoding: 16-bit integers or 32-bit floats, the low byte first; or a file as a browser's
            MediaRecorder writes it piece by piece: WebM, Matroska, Ogg or fragmented MP4.
        rate: sample rate of PCM in Hz; a container tells its own.
        channels: interleaved channels of PCM; they are averaged.
        utterances: whether pauses end utterances; else all is one, or several where it is longer
            than the service hears as one.
        token: for clients that cannot send headers, such as browsers.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    encoding: Literal["pcm_s16le", "pcm_f32le", "container"]
    rate: int = 16_000
    channels: int = 1
    utterances: bool = False
    token: str | None = None

    def pcm(self) -> PcmFormat:
        """What the bytes mean, where they are PCM.

        Raises:
            AudioError: no sound can be like that.
        """
        return PcmFormat(self.rate, self.encoding.removeprefix("pcm_"), self.channels)


def parse_hello(text: str | None) -> StreamOptions:
    """Read the first message.

    Raises:
        Refusal: it is none, or means nothing.
    """
    if text is None:
        raise ServiceError(422, "bad_hello", "the first message is binary; say hello in JSON first")
    try:
        hello = StreamOptions.model_validate_json(text)
        if hello.encoding != "container":
            hello.pcm()
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        message = f"the hello cannot be used ({where}: {first['msg']}); correct it"
        raise ServiceError(422, "bad_hello", message) from fault
    except AudioError as fault:
        raise ServiceError(422, "bad_hello", str(fault)) from fault
    return hello


Floats = NDArray[np.float32]

LITTLE_BYTES = 1 << 14
"""Half a second at 16 kHz: taking so much costs less than handing it to a thread."""

FAR_S = 30.0
"""An utterance that has so much time left does not end with a little more PCM of any rate."""


class IncomingAudio(Protocol):
    """Takes bytes as they come and gives samples."""

    def push(self, data: bytes, /) -> Floats:
        """The samples (n,) at 16 kHz that some more bytes complete."""

    def finish(self) -> Floats:
        """What is left."""


class AudioDecoder:
    """Hears one client.

    Args:
        live: hears utterances.
        hello: what the client said first.
        longest_s: seconds that are heard; the rest is not.
        answering: answers for utterances that have ended.
    """

    def __init__(
        self, live: LiveRecognizer, hello: StreamOptions, longest_s: float, answering: Predictor
    ) -> None:
        in_container = hello.encoding == "container"
        self._sound: IncomingAudio = ContainerStream() if in_container else PcmStream(hello.pcm())
        self._listener = StreamSession(live, Endpointer() if hello.utterances else None, answering)
        self._is_plain = not (in_container or hello.utterances)
        self._left = round(longest_s * SAMPLE_RATE_HZ)

    @property
    def stream(self) -> LiveStream | None:
        """The utterance that is heard now."""
        return self._listener.stream

    def placed(self, prediction: Prediction) -> Prediction:
        """The prediction of that utterance, with its times in the stream."""
        return self._listener.placed(prediction)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is heard."""
        return not self._left

    def takes_at_once(self, data: bytes) -> bool:
        """Whether to push these bytes is a moment's work, in which no utterance ends."""
        return self._is_plain and len(data) <= LITTLE_BYTES and self._listener.left_s > FAR_S

    def push(self, data: bytes) -> list[Prediction]:
        """Hear some more bytes; the utterances that ended in them.

        Raises:
            AudioError: they are not what the client said.
        """
        return self._hear(self._sound.push(data))

    def finish(self) -> list[Prediction]:
        """Hear what is left; the last utterances.

        Raises:
            AudioError: as of `push`.
        """
        return self._hear(self._sound.finish()) + self._listener.finish()

    def drop(self) -> None:
        """Forget everything."""
        if isinstance(self._sound, ContainerStream):
            self._sound.drop()
        if self.stream is not None:
            self.stream.drop()

    def _hear(self, samples: Floats) -> list[Prediction]:
        samples = samples[: self._left]
        self._left -= len(samples)
        return self._listener.push(samples)


def ready() -> str:
    """The hello was understood; sound may come."""
    return json.dumps({"type": "ready"})


def interim(prediction: Prediction) -> str:
    """Message of an utterance so far; `emotion` is null while there is too little speech."""
    return _plain("interim", **prediction.to_dict())


def final(prediction: Prediction) -> str:
    """Message of an utterance that has ended."""
    return _plain("final" if prediction.error is None else "refused", **prediction.to_dict())


def end() -> str:
    """All was said."""
    return _plain("end")


def error(refusal: ServiceError) -> str:
    """Why the service hears no more."""
    return _plain("error", error={"code": refusal.code, "message": refusal.message})


def _plain(kind: str, **more: Any) -> str:
    return json.dumps({"type": kind, **more})


AHEAD_S = 5.0
"""Sound that may have come and not been heard: a client that sends faster has to wait."""

END = {"type": "end"}
"""The message by which a client ends its sound and asks for the last answer."""


class ClientDisconnected(Exception):  # noqa: N818 no fault of anyone
    """The client is not there any more."""


class WebSocketSession:
    """Hears one client and answers.

    Args:
        service: hears with.
        websocket: of the client, accepted.
        hello: what it said.
    """

    def __init__(self, service: Service, websocket: WebSocket, hello: StreamOptions) -> None:
        self._service, self._websocket = service, websocket
        self._limits = service.settings.limits
        self._ear = AudioDecoder(service.live, hello, self._limits.live_s, service.batcher)
        self._followed: LiveStream | None = None
        self._latest: Prediction | None = None  # the newest is told, those that it overtook are not
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
            await self._say(ready())
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
            raise ServiceError(
                408, "idle", f"nothing came for {self._limits.idle_s:g} s; send sound, or the end"
            ) from None
        finally:
            self._patience = None

    async def _stop_waiting(self) -> None:
        """Wait no longer for a client's next bytes once the service is to stop."""
        await self._service.draining.wait()
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _pushed(self, data: bytes) -> list[Prediction]:
        """Utterances that end with some bytes, which a thread takes unless they are a moment's."""
        if self._ear.takes_at_once(data):
            return self._ear.push(data)
        return await self._service.computed(self._ear.push, data)

    async def _keep_up(self) -> None:
        while self._followed is not None and self._followed.pending_s > AHEAD_S:
            self._service.refuse_failed()
            await asyncio.sleep(0.02)

    async def _conclude(self) -> None:
        """Say the last answers, and why there will be no more where the client wanted more."""
        self._follow(None)
        await self._say_finals(await self._service.computed(self._ear.finish))
        if self._ear.is_full:
            most = self._limits.live_s
            raise ServiceError(413, "too_long", f"{most:g} s were heard, no more are; connect anew")
        if self._service.draining.is_set():
            raise ServiceError(503, "stopping", "the service is to stop; connect when it runs anew")
        await self._say(end())

    async def _say_finals(self, ended: Sequence[Prediction]) -> None:
        for utterance in ended:
            if utterance.error is None:
                self._service.metrics.audio("/v1/live", utterance.duration_s)
            await self._say(final(utterance))

    def _follow(self, stream: LiveStream | None) -> None:
        if stream is self._followed:
            return
        if self._followed is not None:
            self._service.leave(self._followed)
        self._followed, self._latest = stream, None
        if stream is not None:
            self._service.follow(stream, self._note)

    def _note(self, answer: Prediction) -> None:
        self._latest = answer
        self._news.set()

    async def _tell_interims(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._latest is not None:
                await self._say(interim(self._ear.placed(self._latest)))

    async def _say(self, text: str) -> None:
        """Send a message to a client that reads."""
        try:
            async with self._speaking, asyncio.timeout(self._limits.idle_s):
                await self._websocket.send_text(text)
        except (TimeoutError, WebSocketDisconnect, RuntimeError) as fault:
            raise ClientDisconnected from fault


def _sound(message: Message) -> bytes | None:
    """The bytes of a message, None if it is the end.

    Raises:
        Refusal: it is neither.
        Gone: it says that the client left.
    """
    if message["type"] == "websocket.disconnect":
        raise ClientDisconnected
    data, text = message.get("bytes"), message.get("text")
    if isinstance(data, bytes):
        return data
    if isinstance(text, str) and _is_end(text):
        return None
    raise ServiceError(
        422, "bad_message", 'after the hello send binary messages, or {"type": "end"} at the end'
    )


def _is_end(text: str) -> bool:
    try:
        return bool(json.loads(text) == END)
    except ValueError:
        return False
