"""Live streams on a WebSocket: audio in, predictions out, with backpressure both ways."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, ValidationError
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voxaffect.audio.pcm import PcmFormat, PcmStream
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import AudioError
from voxaffect.features.frames import merge_blocks
from voxaffect.recognizer.prediction import Prediction
from voxaffect.serving.container_stream import ContainerStream
from voxaffect.serving.inference import Doubts
from voxaffect.serving.schemas import ServiceError, of_recording
from voxaffect.serving.security import FAULT, check_token
from voxaffect.serving.service import Service
from voxaffect.streaming.batch import Predictor
from voxaffect.streaming.endpointer import Endpointer
from voxaffect.streaming.online import LiveRecognizer, LiveStream
from voxaffect.streaming.session import StreamSession

Floats = NDArray[np.float32]

SMALL_BYTES = 1 << 14  # half a second at 16 kHz, quicker to process than to pass to a thread
FAR_S = 30.0  # an utterance with so much left does not end within `SMALL_BYTES` of PCM of any rate
AHEAD_S = 5.0  # audio received and not yet decoded; a client that sends faster has to wait
GOING_AWAY, VIOLATION, TOO_BIG, BROKEN, TRY_AGAIN = 1001, 1008, 1009, 1011, 1013
"""Close codes of a WebSocket (RFC 6455, 7.4)."""

CLOSE_CODES = {413: TOO_BIG, 500: BROKEN, 503: TRY_AGAIN}  # of HTTP statuses

logger = logging.getLogger(__name__)


class StreamOptions(Doubts):
    """The first message of a live stream, a JSON object."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    encoding: Literal["pcm_s16le", "pcm_f32le", "container"]  # the last from a MediaRecorder
    rate: int = 16_000  # of PCM, in Hz
    channels: int = 1  # of PCM, interleaved; they are averaged
    utterances: bool = False  # whether pauses end utterances; else all is one, if not too long
    token: str | None = None  # for clients that cannot send headers, such as browsers

    def pcm(self) -> PcmFormat:
        """Format of PCM; raises `AudioError` where rate or channels are out of range."""
        return PcmFormat(self.rate, self.encoding.removeprefix("pcm_"), self.channels)


class AudioDecoder:
    """Decode one client's audio, at most `longest_s`, for the utterances of its `session`."""

    def __init__(
        self, live: LiveRecognizer, options: StreamOptions, longest_s: float, model: Predictor
    ) -> None:
        in_container = options.encoding == "container"
        self._audio = ContainerStream() if in_container else PcmStream(options.pcm())
        self.session = StreamSession(live, Endpointer() if options.utterances else None, model)
        self._is_plain = not (in_container or options.utterances)
        self.left = round(longest_s * SAMPLE_RATE_HZ)  # samples, until `longest_s` is reached

    def is_quick(self, data: bytes) -> bool:
        """Whether pushing these bytes takes almost no time, as no utterance ends in them."""
        return self._is_plain and len(data) <= SMALL_BYTES and self.session.left_s > FAR_S

    def push(self, data: bytes | None) -> list[Prediction]:
        """Process more bytes, None at the end; predictions of utterances that ended in them.

        Raises `AudioError` where they are not in the format of the options.
        """
        decoded: Iterable[Floats]
        if isinstance(self._audio, ContainerStream):
            decoded = merge_blocks(self._audio.push(data))
        else:
            decoded = [self._audio.finish() if data is None else self._audio.push(data)]
        ended: list[Prediction] = []
        for samples in decoded:
            kept = samples[: self.left]
            self.left -= len(kept)
            ended += self.session.push(kept)
            if not self.left:
                break
        return ended if data is not None else ended + self.session.finish()

    def drop(self) -> None:
        """End without predictions."""
        if isinstance(self._audio, ContainerStream):
            self._audio.drop()
        if self.session.stream is not None:
            self.session.stream.drop()


async def serve_stream(service: Service, websocket: WebSocket) -> None:
    """Accept a WebSocket and serve its live stream; errors are messages, too."""
    await websocket.accept()
    try:
        service.check_ready()
        with service.streams.slot():
            await WebSocketSession(service, websocket).run()
        await websocket.close()
    except ServiceError as fault:
        await _close(websocket, fault)
    except WebSocketDisconnect:
        return
    except Exception:
        logger.exception("a live stream failed")
        await _close(websocket, FAULT)


async def _close(websocket: WebSocket, fault: ServiceError) -> None:
    """Send an error and close, if the client is connected."""
    error = {"code": fault.code, "message": fault.message}
    if websocket.application_state is WebSocketState.CONNECTED:
        with suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_text(json.dumps({"type": "error", "error": error}))
            await websocket.close(CLOSE_CODES.get(fault.status, VIOLATION))


class WebSocketSession:
    """Serve one live stream on an accepted WebSocket."""

    def __init__(self, service: Service, websocket: WebSocket) -> None:
        self._service, self._websocket = service, websocket
        self._limits = service.settings.limits
        self._latest: tuple[LiveStream, Prediction] | None = None  # all that a slow client gets
        self._changed = asyncio.Event()
        self._receiving: asyncio.Timeout | None = None
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Serve until the client ends or disconnects; raises `ServiceError` if the stream ends."""
        text = f"no first message for {self._limits.idle_s:g} s; send the stream's options"
        idle = ServiceError(408, "no_hello", text)
        if (message := await self._receive(idle)) is None:
            raise idle
        options = _parse_options(message.get("text"))
        if "authorization" not in self._websocket.headers:  # else it was checked by the middleware
            check_token(options.token or "", self._service.settings)
        live, live_s = self._service.live, self._limits.live_s
        self._decide = options.decide(live.recognizer.card)
        self._decoder = AudioDecoder(live, options, live_s, self._service.batcher)
        interims = asyncio.create_task(self._send_interims())
        self._service.listeners.add(self._on_change)
        try:
            await self._send("ready")
            while self._decoder.left and (data := await self._receive_audio()) is not None:
                await self._process(data)
            await self._finish()
        except AudioError as fault:
            raise of_recording(fault) from fault
        finally:
            self._service.listeners.remove(self._on_change)
            interims.cancel()
            self._decoder.drop()
            await asyncio.wait([interims])

    async def _receive_audio(self) -> bytes | None:
        """The next bytes; None at the end, or when the service stops."""
        text = f"no data for {self._limits.idle_s:g} s; send audio, or the end"
        if (message := await self._receive(ServiceError(408, "idle", text))) is None:
            return None
        if isinstance(data := message.get("bytes"), bytes):
            return data
        with suppress(ValueError):
            if json.loads(message.get("text") or "") == {"type": "end"}:
                return None
        text = 'unknown message; send binary audio, or {"type": "end"} at the end'
        raise ServiceError(422, "bad_message", text)

    async def _receive(self, idle: ServiceError) -> Message | None:
        """The next message; None when the service stops; raises `idle` if none comes in time."""
        if self._service.is_draining:
            return None
        try:
            async with asyncio.timeout(self._limits.idle_s) as self._receiving:
                message = await self._websocket.receive()
        except TimeoutError:
            if self._service.is_draining:
                return None
            raise idle from None
        finally:
            self._receiving = None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        return message

    async def _process(self, data: bytes) -> None:
        # In this thread where that is quicker than passing it to another.
        if self._decoder.is_quick(data):
            await self._send_finals(self._decoder.push(data))
        else:
            await self._send_finals(await self._service.run(self._decoder.push, data))
        session = self._decoder.session
        while session.stream is not None and session.stream.pending_s > AHEAD_S:
            self._service.check_scheduler()
            await asyncio.sleep(0.02)

    async def _finish(self) -> None:
        """Send the last predictions, and an error where the client did not end the stream."""
        await self._send_finals(await self._service.run(self._decoder.push, None))
        if not self._decoder.left:
            message = f"the stream has reached the limit of {self._limits.live_s:g} s; reconnect"
            raise ServiceError(413, "too_long", message)
        if self._service.is_draining:
            message = "the service is stopping; reconnect when it is running again"
            raise ServiceError(503, "stopping", message)
        await self._send("end")

    def _on_change(self, new: Mapping[LiveStream, Prediction]) -> None:
        """Send a new prediction, unless a newer one comes first; wait no longer if draining."""
        stream = self._decoder.session.stream
        if stream is not None and stream in new:
            self._latest = stream, new[stream]
            self._changed.set()
        if self._service.is_draining and self._receiving and not self._receiving.expired():
            self._receiving.reschedule(asyncio.get_running_loop().time())

    async def _send_finals(self, ended: Sequence[Prediction]) -> None:
        for utterance in ended:
            kind = "final" if utterance.error is None else "refused"
            if utterance.error is None:
                self._service.metrics.audio_s.labels("/v1/live").inc(utterance.duration_s)
            await self._send(kind, self._decide(utterance).to_dict())

    async def _send_interims(self) -> None:
        while await self._changed.wait():
            self._changed.clear()
            if self._latest is not None and self._latest[0] is self._decoder.session.stream:
                prediction = self._decoder.session.placed(self._latest[1])
                await self._send("interim", self._decide(prediction).to_dict())

    async def _send(self, kind: str, fields: Mapping[str, object] | None = None) -> None:
        """Send a message; a client that does not read in time counts as disconnected."""
        text = json.dumps({"type": kind, **(fields or {})})
        try:
            async with self._sending, asyncio.timeout(self._limits.idle_s):
                await self._websocket.send_text(text)
        except (TimeoutError, RuntimeError) as fault:
            raise WebSocketDisconnect(GOING_AWAY) from fault


def _parse_options(text: str | None) -> StreamOptions:
    """Parse the first message, None for a binary one, or raise `ServiceError`."""
    message = "the first message is binary; send the stream's options as JSON text first"
    try:
        if text is not None:
            options = StreamOptions.model_validate_json(text)
            if options.encoding != "container":
                options.pcm()
            return options
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        message = f"the first message is invalid ({where}: {first['msg']}); correct it"
    except AudioError as fault:
        message = str(fault)
    raise ServiceError(422, "bad_hello", message)
