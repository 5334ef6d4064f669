"""The service that requests share: a model, its workers, concurrency limits, shutdown."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from threading import Semaphore
from typing import Any, TypeVar, cast

from prometheus_client import Gauge
from starlette.datastructures import UploadFile

from voxaffect.audio.decode import read
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction, PredictionDict
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.report.predictions.formats import FORMATS
from voxaffect.serving.inference import Batcher, InferenceRequest, opened
from voxaffect.serving.metrics import Metrics
from voxaffect.serving.schemas import ServiceError, TimelineDict, busy, of_recording
from voxaffect.serving.settings import ServingSettings
from voxaffect.streaming.batch import predict_each
from voxaffect.streaming.online import LiveRecognizer, LiveSettings, LiveStream
from voxaffect.streaming.scheduler import StreamScheduler
from voxaffect.streaming.segments import timeline
from voxaffect.streaming.session import made_up_voice, warm_up

ENDING = 32  # utterances of live streams that end at a time, a batch; more wait for a thread

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

    def __init__(self, recognizer: TrainedRecognizer, settings: ServingSettings) -> None:
        limits, metrics = settings.limits, Metrics()
        self.recognizer, self.settings, self.metrics = recognizer, settings, metrics
        self.requests = ConcurrencyLimit(limits.requests, "requests", metrics.requests_inside)
        self.streams = ConcurrencyLimit(limits.live_streams, "live streams", metrics.live_streams)
        self.live = LiveRecognizer(recognizer, LiveSettings(longest_s=limits.utterance_s))
        self.is_draining = self._is_warm = False
        # Called with interim predictions of some streams, and with none when the service stops.
        self.listeners: set[Callable[[Mapping[LiveStream, Prediction]], None]] = set()
        self._stack = ExitStack()

    async def start(self) -> None:
        """Start the workers and warm them up, in the background unless `warm_first`."""
        n, limits = self.settings.n_workers, self.settings.limits
        self._loop = asyncio.get_running_loop()
        self.batcher = Batcher(self.recognizer, n, self.metrics)
        self._stack.callback(self.batcher.close)
        # Interim predictions eight times a second, by few threads, which have large batches; the
        # other cores end utterances and serve uploads.
        self._scheduler = StreamScheduler(
            self.live, self._on_predictions, every_s=0.12, n_threads=max(1, n // 2)
        )
        self._stack.enter_context(self._scheduler)
        # Uploads and ends of utterances wait for batches, so they have threads of their own, with
        # which streams go on while ENDING others end. As many uploads are decoded at a time as
        # there are threads for batches, and as many timelines, which alternate between both.
        self._decoding, self._timelines = Semaphore(n), Semaphore(n)
        self._uploads, self._executor = (
            self._stack.enter_context(ThreadPoolExecutor(n_threads, f"voxaffect-{name}"))
            for name, n_threads in (("upload", limits.requests), ("live", n + ENDING))
        )
        self._warming = asyncio.create_task(self._warm_up())
        if self.settings.warm_first:
            await self._warming

    async def stop(self) -> None:
        """Accept nothing more, and end the workers."""
        self.refuse_more()
        await asyncio.wait([self._warming])
        await asyncio.to_thread(self._stack.close)

    def refuse_more(self) -> None:
        """Accept nothing more, and end live streams."""
        self.is_draining = True
        self._notify({})

    async def drain(self) -> None:
        """Accept nothing more, and wait for accepted work, at most `shutdown_s`."""
        self.refuse_more()
        until_s = time.monotonic() + self.settings.limits.shutdown_s
        while self.requests.active + self.streams.active and time.monotonic() < until_s:
            await asyncio.sleep(0.02)

    def check_ready(self) -> None:
        """Raise `ServiceError` while the service starts or stops."""
        if self.is_draining:
            raise busy("stopping", "the service is stopping; retry when it is running again")
        if not self._is_warm:
            raise busy("starting", "the service is starting; retry in a few seconds")

    def check_scheduler(self) -> None:
        """Raise `ServiceError` if the thread of live streams has failed."""
        try:
            self._scheduler.check()
        except Exception as failure:
            message = "live streams have failed; restart the service"
            raise ServiceError(503, "failed", message) from failure

    async def predict(self, upload: UploadFile, request: InferenceRequest) -> str:
        """Response body for an upload, which is closed when unused; else raises `ServiceError`."""
        answer_s = self.settings.limits.answer_s
        work = self._uploads.submit(self._answer, upload, request, time.monotonic() + answer_s)
        work.add_done_callback(lambda _: upload.file.close())
        try:
            async with asyncio.timeout(answer_s):
                return await asyncio.wrap_future(work)
        except AudioError as fault:
            raise of_recording(fault) from fault
        except TimeoutError:
            text = f"no prediction within {answer_s:g} s; send a shorter recording or retry later"
            raise busy("too_slow", text) from None

    def _answer(self, upload: UploadFile, request: InferenceRequest, until_s: float) -> str:
        """Response body; called in a thread; raises `AudioError`, `TimeoutError` when decoding."""
        limits = self.settings.limits.decode(timeline=request.timeline)
        opener, faults = partial(opened, upload, limits, until_s), list[AudioError]()
        found: Sequence[Prediction]
        if request.timeline:
            predict = partial(predict_each, self.batcher)
            with self._timelines:
                split = timeline(predict, opener, on_fault=faults.append)
            found, duration_s = split.utterances, split.track.duration_s
        else:
            with self._decoding, opener() as recording:
                waveform = read(recording)
            found, duration_s = self.batcher.predict([waveform]), waveform.duration_s
        self.metrics.audio_s.labels("/v1/predict").inc(duration_s)
        name, form = str(upload.filename), FORMATS[request.form]
        decide = request.decide(self.recognizer.card)
        predictions = [decide(replace(one, name=name)) for one in found]
        if request.form != "json":
            return form.begin + "".join(map(form.entry, predictions))
        values = [one.to_dict(frames=request.frames) for one in predictions]
        if not request.timeline:
            return json.dumps(values[0]) + "\n"
        body: TimelineDict = {
            "file": name,
            "duration_s": round(duration_s, 3),
            "utterances": cast(list[PredictionDict], values),
            "refused": [str(fault) for fault in faults],
        }
        return json.dumps(body) + "\n"

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in a thread."""
        return await self._loop.run_in_executor(self._executor, function, *arguments)

    def _on_predictions(
        self, streams: Sequence[LiveStream], predictions: Sequence[Prediction]
    ) -> None:
        new = dict(zip(streams, predictions, strict=True))
        self._loop.call_soon_threadsafe(self._notify, new)

    def _notify(self, new: Mapping[LiveStream, Prediction]) -> None:
        for listener in self.listeners:
            listener(new)

    async def _warm_up(self) -> None:
        """Predict a voice in both ways, so that all is loaded and compiled."""
        try:
            await asyncio.wrap_future(self.batcher.submit(Waveform(made_up_voice(), "warm-up")))
            await self.run(warm_up, self.live)
        except Exception:
            logger.exception("the model failed to predict; this service will never be ready")
        else:
            self._is_warm = True
