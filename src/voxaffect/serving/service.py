"""The service that requests share: a model, its workers, concurrency limits, shutdown."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from prometheus_client import Gauge

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.serving.inference import (
    Batcher,
    InferenceRequest,
    decode_upload,
    predict_timeline,
    whole_text,
)
from voxaffect.serving.metrics import Metrics
from voxaffect.serving.schemas import ServiceError, busy, of_recording
from voxaffect.serving.settings import ServingSettings
from voxaffect.serving.uploads import Upload
from voxaffect.streaming.online import LiveRecognizer, LiveSettings, LiveStream
from voxaffect.streaming.scheduler import StreamScheduler
from voxaffect.streaming.session import warm_up, white_noise

INTERIM_S = 0.12
"""Interval of interim predictions of live streams: eight a second."""

ENDING = 32
"""Utterances of live streams whose final predictions are awaited at a time; their batches are as
large, and more wait for a thread."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class ConcurrencyLimit:
    """Concurrency limit, reported as a metric: beyond it, requests are refused, not queued."""

    def __init__(self, most: int, what: str, gauge: Gauge) -> None:
        self._most, self._what, self._gauge = most, what, gauge
        self.active = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Take a slot, or raise `ServiceError`."""
        if self.active >= self._most:
            raise busy("busy", f"{self._most} {self._what} are active already; retry soon")
        self.active += 1
        try:
            with self._gauge.track_inprogress():
                yield
        finally:
            self.active -= 1


class Service:
    """A trained recognizer that serves many clients; called in the event loop's thread."""

    def __init__(self, recognizer: NetRecognizer, settings: ServingSettings) -> None:
        limits, metrics = settings.limits, Metrics()
        self.recognizer, self.settings, self.metrics = recognizer, settings, metrics
        self.requests = ConcurrencyLimit(limits.requests, "requests", metrics.requests_inside)
        self.streams = ConcurrencyLimit(limits.live_streams, "live streams", metrics.live_streams)
        self.live = LiveRecognizer(recognizer, LiveSettings(longest_s=limits.utterance_s))
        self.draining = asyncio.Event()
        self._is_warm = False
        # Called in the event loop's thread with interim predictions of their streams.
        self.subscribers: dict[LiveStream, Callable[[Prediction], None]] = {}
        self._stack = ExitStack()

    async def start(self) -> None:
        """Start the workers and warm them up, in the background unless `warm_first`."""
        n = self.settings.n_workers
        self._loop = asyncio.get_running_loop()
        self.batcher = Batcher(self.recognizer, n, self.metrics)
        self._stack.callback(self.batcher.close)
        # Few threads have large batches; the other cores end utterances and serve uploads.
        self._scheduler = StreamScheduler(
            self.live, self._on_predictions, every_s=INTERIM_S, n_threads=max(1, n // 2)
        )
        self._stack.enter_context(self._scheduler)
        # Timelines and ends of utterances wait for batches, so they have threads of their own:
        # decoding goes on meanwhile, and so do streams while ENDING others end.
        self._decoders, self._timelines, self._executor = (
            self._stack.enter_context(ThreadPoolExecutor(n_threads, f"voxaffect-{name}"))
            for name, n_threads in (("decode", n), ("timeline", n), ("live", n + ENDING))
        )
        self._warming = asyncio.create_task(self._warm_up())
        if self.settings.warm_first:
            await self._warming

    async def stop(self) -> None:
        """Accept nothing more, and end the workers."""
        self.draining.set()
        await asyncio.wait([self._warming])
        await asyncio.to_thread(self._stack.close)

    async def drain(self) -> None:
        """Accept nothing more, and wait for accepted work, at most `shutdown_s`."""
        self.draining.set()
        until_s = time.monotonic() + self.settings.limits.shutdown_s
        while self.requests.active + self.streams.active and time.monotonic() < until_s:
            await asyncio.sleep(0.02)

    def check_ready(self) -> None:
        """Raise `ServiceError` while the service starts or stops."""
        if self.draining.is_set():
            raise busy("stopping", "the service is stopping; retry when it is running again")
        if not self._is_warm:
            raise busy("starting", "the service is starting; retry in a few seconds")

    def check_scheduler(self) -> None:
        """Raise `ServiceError` if the thread of live streams has failed."""
        try:
            self._scheduler.check()
        except Exception as failure:
            raise ServiceError(
                503, "failed", "live streams have failed; restart the service"
            ) from failure

    async def predict(self, upload: Upload, request: InferenceRequest) -> str:
        """Response body for an upload, which is closed as soon as no thread uses it.

        Raises:
            ServiceError: the recording cannot be used, or takes too long.
        """
        answer_s = self.settings.limits.answer_s
        work = self._timeline if request.timeline else self._whole
        try:
            async with asyncio.timeout(answer_s):
                return await work(upload, request, time.monotonic() + answer_s)
        except AudioError as fault:
            raise of_recording(fault) from fault
        except TimeoutError:
            message = (
                f"no prediction within {answer_s:g} s; send a shorter recording or retry later"
            )
            raise busy("too_slow", message) from None

    async def _whole(self, upload: Upload, request: InferenceRequest, until_s: float) -> str:
        work = self._decoders.submit(decode_upload, upload, self.settings.limits, until_s)
        waveform = await _result(upload, work)
        self.metrics.audio_s.labels("/v1/predict").inc(waveform.duration_s)
        prediction = await asyncio.wrap_future(self.batcher.submit(waveform))
        return await self.run(whole_text, request, upload.name, prediction)

    async def _timeline(self, upload: Upload, request: InferenceRequest, until_s: float) -> str:
        work = self._timelines.submit(
            predict_timeline, upload, request, self.batcher, self.settings.limits, until_s
        )
        text, duration_s = await _result(upload, work)
        self.metrics.audio_s.labels("/v1/predict").inc(duration_s)
        return text

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in a thread."""
        return await self._loop.run_in_executor(self._executor, function, *arguments)

    def _on_predictions(
        self, streams: Sequence[LiveStream], predictions: Sequence[Prediction]
    ) -> None:
        self._loop.call_soon_threadsafe(self._notify, list(zip(streams, predictions, strict=True)))

    def _notify(self, new: Sequence[tuple[LiveStream, Prediction]]) -> None:
        for stream, prediction in new:
            if stream in self.subscribers:
                self.subscribers[stream](prediction)

    async def _warm_up(self) -> None:
        """Predict noise in both ways, so that all is loaded and compiled."""
        try:
            await asyncio.wrap_future(self.batcher.submit(Waveform(white_noise(), "warm-up")))
            await self.run(warm_up, self.live)
        except Exception:
            logger.exception("the model failed to predict; this service will never be ready")
        else:
            self._is_warm = True


async def _result(upload: Upload, work: Future[T]) -> T:
    """Result of a thread, which closes the upload even if it is no longer awaited."""
    work.add_done_callback(lambda _: upload.file.close())
    return await asyncio.wrap_future(work)
