"""WebSocket session of a live stream: audio in, predictions out, with backpressure both ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Literal

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

Floats = NDArray[np.float32]

SMALL_BYTES = 1 << 14
"""Half a second at 16 kHz: processing so much costs less than passing it to a thread."""

FAR_S = 30.0
"""An utterance with so much time left does not end within `SMALL_BYTES` of PCM of any rate."""

AHEAD_S = 5.0
"""Audio that may be received and not yet decoded; a client that sends faster has to wait."""

END = {"type": "end"}
"""Message by which a client ends its audio and asks for the final prediction."""


class StreamOptions(BaseModel):
    """The first message of a live stream, a JSON object.

    Args:
        encoding: PCM of 16-bit integers or 32-bit floats, little-endian; or a container as a
            browser's MediaRecorder writes it: WebM, Matroska, Ogg or fragmented MP4.
        rate: sample rate of PCM in Hz.
        channels: interleaved channels of PCM; they are averaged.
        utterances: whether pauses end utterances; else all is one, or several where it is longer
            than the longest utterance.
        token: for clients that cannot send headers, such as browsers.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    encoding: Literal["pcm_s16le", "pcm_f32le", "container"]
    rate: int = 16_000
    channels: int = 1
    utterances: bool = False
    token: str | None = None

    def pcm(self) -> PcmFormat:
        """Format of PCM.

        Raises:
            AudioError: rate or channels are out of range.
        """
        return PcmFormat(self.rate, self.encoding.removeprefix("pcm_"), self.channels)


def parse_options(text: str | None) -> StreamOptions:
    """Parse the first message, None for a binary one, or raise `ServiceError`."""
    if text is None:
        message = "the first message is binary; send the stream's options as JSON text first"
        raise ServiceError(422, "bad_hello", message)
    try:
        options = StreamOptions.model_validate_json(text)
        if options.encoding != "container":
            options.pcm()
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        message = f"the first message is invalid ({where}: {first['msg']}); correct it"
        raise ServiceError(422, "bad_hello", message) from fault
    except AudioError as fault:
        raise ServiceError(422, "bad_hello", str(fault)) from fault
    return options


class AudioDecoder:
    """Decode one client's audio, at most `longest_s`, for the utterances of its `session`."""

    def __init__(
        self, live: LiveRecognizer, options: StreamOptions, longest_s: float, model: Predictor
    ) -> None:
        in_container = options.encoding == "container"
        self._audio = ContainerStream() if in_container else PcmStream(options.pcm())
        self.session = StreamSession(live, Endpointer() if options.utterances else None, model)
        self._is_plain = not (in_container or options.utterances)
        self._left = round(longest_s * SAMPLE_RATE_HZ)

    @property
    def is_full(self) -> bool:
        """Whether `longest_s` is reached."""
        return not self._left

    def is_quick(self, data: bytes) -> bool:
        """Whether pushing these bytes takes almost no time, as no utterance ends in them."""
        return self._is_plain and len(data) <= SMALL_BYTES and self.session.left_s > FAR_S

    def push(self, data: bytes) -> list[Prediction]:
        """Process more bytes; predictions of the utterances that ended in them.

        Raises:
            AudioError: they are not in the format of the options.
        """
        return self._process(self._audio.push(data))

    def finish(self) -> list[Prediction]:
        """Process the rest; predictions of the last utterances."""
        return self._process(self._audio.finish()) + self.session.finish()

    def drop(self) -> None:
        """End without predictions."""
        if isinstance(self._audio, ContainerStream):
            self._audio.drop()
        if self.session.stream is not None:
            self.session.stream.drop()

    def _process(self, samples: Floats) -> list[Prediction]:
        samples = samples[: self._left]
        self._left -= len(samples)
        return self.session.push(samples)


def interim(prediction: Prediction) -> str:
    """Message with the prediction so far; `emotion` is null while there is too little speech."""
    return _message("interim", **prediction.to_dict())


def final(prediction: Prediction) -> str:
    """Message for an utterance that has ended."""
    return _message("final" if prediction.error is None else "refused", **prediction.to_dict())


def error(fault: ServiceError) -> str:
    """Message with the reason why the service ends the stream."""
    return _message("error", error={"code": fault.code, "message": fault.message})


def _message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


class ClientDisconnected(Exception):  # noqa: N818 not an error
    """The client has disconnected."""


class WebSocketSession:
    """Serve one live stream on an accepted WebSocket."""

    def __init__(self, service: Service, websocket: WebSocket, options: StreamOptions) -> None:
        self._service, self._websocket = service, websocket
        self._limits = service.settings.limits
        self._decoder = AudioDecoder(service.live, options, self._limits.live_s, service.batcher)
        self._subscribed: LiveStream | None = None
        self._latest: Prediction | None = None  # only the newest is sent to a slow client
        self._receiving: asyncio.Timeout | None = None
        self._changed = asyncio.Event()
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Serve until the client ends, disconnects or exceeds a limit, or the service stops.

        Raises:
            ServiceError: the stream ended before the client did.
            ClientDisconnected: it has disconnected.
        """
        interims = asyncio.create_task(self._send_interims())
        try:
            await self._send(_message("ready"))
            await self._receive_all()
            await self._finish()
        except AudioError as fault:
            raise of_recording(fault) from fault
        finally:
            interims.cancel()
            self._subscribe(None)
            self._decoder.drop()
            await asyncio.wait([interims])

    async def _receive_all(self) -> None:
        stopping = asyncio.create_task(self._stop_receiving())
        try:
            while (data := await self._receive()) is not None:
                # In this thread where that is quicker than passing it to another.
                if self._decoder.is_quick(data):
                    ended = self._decoder.push(data)
                else:
                    ended = await self._service.run(self._decoder.push, data)
                await self._send_finals(ended)
                self._subscribe(self._decoder.session.stream)
                while self._subscribed is not None and self._subscribed.pending_s > AHEAD_S:
                    self._service.check_scheduler()
                    await asyncio.sleep(0.02)
                if self._decoder.is_full:
                    return
        finally:
            stopping.cancel()

    async def _receive(self) -> bytes | None:
        """The next bytes; None at the end, or when the service stops."""
        draining = self._service.draining
        if draining.is_set():
            return None
        try:
            async with asyncio.timeout(self._limits.idle_s) as self._receiving:
                return _audio_of(await self._websocket.receive())
        except TimeoutError:
            if draining.is_set():
                return None
            raise ServiceError(
                408, "idle", f"no data for {self._limits.idle_s:g} s; send audio, or the end"
            ) from None
        finally:
            self._receiving = None

    async def _stop_receiving(self) -> None:
        """Wait no longer for a client's next bytes once the service stops."""
        await self._service.draining.wait()
        if self._receiving is not None and not self._receiving.expired():
            self._receiving.reschedule(asyncio.get_running_loop().time())

    async def _finish(self) -> None:
        """Send the last predictions, and an error where the client did not end the stream."""
        self._subscribe(None)
        await self._send_finals(await self._service.run(self._decoder.finish))
        if self._decoder.is_full:
            message = f"the stream has reached the limit of {self._limits.live_s:g} s; reconnect"
            raise ServiceError(413, "too_long", message)
        if self._service.draining.is_set():
            message = "the service is stopping; reconnect when it is running again"
            raise ServiceError(503, "stopping", message)
        await self._send(_message("end"))

    async def _send_finals(self, ended: Sequence[Prediction]) -> None:
        for utterance in ended:
            if utterance.error is None:
                self._service.metrics.audio_s.labels("/v1/live").inc(utterance.duration_s)
            await self._send(final(utterance))

    def _subscribe(self, stream: LiveStream | None) -> None:
        if stream is self._subscribed:
            return
        if self._subscribed is not None:
            self._service.subscribers.pop(self._subscribed, None)
        self._subscribed, self._latest = stream, None
        if stream is not None:
            self._service.subscribers[stream] = self._on_prediction

    def _on_prediction(self, prediction: Prediction) -> None:
        self._latest = prediction
        self._changed.set()

    async def _send_interims(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._latest is not None:
                await self._send(interim(self._decoder.session.placed(self._latest)))

    async def _send(self, text: str) -> None:
        """Send a message; a client that does not read in time counts as disconnected."""
        try:
            async with self._sending, asyncio.timeout(self._limits.idle_s):
                await self._websocket.send_text(text)
        except (TimeoutError, WebSocketDisconnect, RuntimeError) as fault:
            raise ClientDisconnected from fault


def _audio_of(message: Message) -> bytes | None:
    """Bytes of a message; None for the end."""
    if message["type"] == "websocket.disconnect":
        raise ClientDisconnected
    data, text = message.get("bytes"), message.get("text")
    if isinstance(data, bytes):
        return data
    try:
        is_end = json.loads(text or "") == END
    except ValueError:
        is_end = False
    if is_end:
        return None
    raise ServiceError(
        422, "bad_message", 'unknown message; send binary audio, or {"type": "end"} at the end'
    )
