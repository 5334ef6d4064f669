"""What all requests share: one model, its workers, who is inside, and how far its life has come."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.serving.inference import (
    Batcher,
    Deadline,
    InferenceRequest,
    timeline_of_upload,
    timeline_text,
    waveform_of_upload,
    whole_text,
)
from voxaffect.serving.metrics import Metrics
from voxaffect.serving.schemas import ServiceError, busy, of_recording
from voxaffect.serving.settings import ServingSettings
from voxaffect.serving.uploads import Upload
from voxaffect.streaming.online import LiveRecognizer, LiveSettings, LiveStream
from voxaffect.streaming.scheduler import StreamScheduler
from voxaffect.streaming.session import warm_up, white_noise

CLIENTS = 10_000
"""Clients whose last requests are remembered; of more, those that came least lately are not."""


class ConcurrencyLimit:
    """Lets so many in at a time; what comes beyond them is refused, never queued.

    Args:
        most: how many.
        what: they are, in words.

    Attributes:
        inside: how many are in.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self.inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside.

        Raises:
            Refusal: all places are taken.
        """
        if self.inside >= self._most:
            raise busy("busy", f"{self._most} {self._what} are at work already; try again soon")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class RateLimiter:
    """A bucket of tokens for each client: one is taken a request, and they trickle back.

    https://en.wikipedia.org/wiki/Token_bucket

    Args:
        per_s: tokens that come back in a second.
        burst: tokens that a bucket holds.
        clock: seconds that never go back.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Count a request.

        Raises:
            Refusal: the client has made too many of late.
        """
        now = self._clock()
        level, since = self._buckets.pop(client, (float(self._burst), now))
        level = min(self._burst, level + (now - since) * self._per_s)
        enough = level >= 1
        self._buckets[client] = (level - 1 if enough else level, now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        if not enough:
            wait_s = math.ceil((1 - level) / self._per_s)
            raise ServiceError(
                429,
                "too_many_requests",
                f"more than {self._per_s:g} requests a second from one client; "
                f"wait {wait_s} s and ask less often",
                {"Retry-After": str(wait_s)},
            )


ANSWER_EVERY_S = 0.12
"""Time between two answers of a live stream: eight a second."""

LEVELS_S = 1.0
"""Time between two notes of what stands at some level."""

ENDING = 32
"""Utterances of live streams whose last answers are waited for at a time; their batches are as
large, and more wait for a thread."""

Follower = Callable[[Prediction], None]
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Service:
    """A recognizer at work for many clients. All methods are called by the event loop's thread.

    Args:
        recognizer: a trained one.
        settings: how much is taken.

    Attributes:
        batcher: answers for recordings of all clients, once it has started.
        draining: set once nothing new is taken.
        requests: requests for an answer that are inside.
        streams: live streams that are inside.
    """

    def __init__(self, recognizer: NetRecognizer, settings: ServingSettings) -> None:
        limits = settings.limits
        self.recognizer, self.settings, self.metrics = recognizer, settings, Metrics()
        self.requests = ConcurrencyLimit(limits.requests, "requests")
        self.streams = ConcurrencyLimit(limits.live_streams, "live streams")
        self.rates = RateLimiter(limits.rate_per_s, limits.burst, time.monotonic)
        self.live = LiveRecognizer(recognizer, LiveSettings(longest_s=limits.utterance_s))
        self.draining = asyncio.Event()
        self._is_warm = False
        self._followers: dict[LiveStream, Follower] = {}
        self._stack = ExitStack()

    async def start(self) -> None:
        """Start the workers, and warm them up: meanwhile, or first where the settings say so."""
        n = self.settings.n_workers
        self._loop = asyncio.get_running_loop()
        self.batcher = Batcher(self.recognizer, n, self.metrics.batch)
        self._stack.callback(self.batcher.close)
        # Few threads have large batches; the other cores end utterances and answer uploads.
        n_hearing = max(1, n // 2)
        self._pacer = StreamScheduler(
            self.live, self._tell, every_s=ANSWER_EVERY_S, n_threads=n_hearing
        )
        self._stack.enter_context(self._pacer)
        # Timelines and ends wait for batches, so they have threads of their own: decoding goes on
        # meanwhile, and streams are heard on while so many others end.
        self._decoders, self._cutters, self._ears = (
            self._stack.enter_context(ThreadPoolExecutor(n_threads, f"voxaffect-{name}"))
            for name, n_threads in (("decode", n), ("timeline", n), ("live", n + ENDING))
        )
        self._watch()
        self._warming = asyncio.create_task(self._warm_up())
        self._noting = asyncio.create_task(self._note_levels())
        if self.settings.warm_first:
            await self._warming

    async def stop(self) -> None:
        """Take nothing more, and end the workers."""
        self.draining.set()
        self._noting.cancel()
        await asyncio.wait([self._warming, self._noting])
        await asyncio.to_thread(self._stack.close)

    async def drained(self) -> None:
        """Take nothing more, and wait until all are answered that were taken, but not for ever."""
        self.draining.set()
        until = Deadline.after(self.settings.limits.shutdown_s)
        while self.requests.inside + self.streams.inside and until.left_s:
            await asyncio.sleep(0.02)

    def refuse_unless_ready(self) -> None:
        """Whether an answer can be given.

        Raises:
            Refusal: the service is starting or is to stop, or a part of it has failed.
        """
        if self.draining.is_set():
            raise busy("stopping", "the service is to stop; try again when it runs anew")
        if not self._is_warm:
            raise busy("starting", "the service is starting; try again in some seconds")

    async def answer(self, upload: Upload, question: InferenceRequest) -> str:
        """The text of the answer for an upload, which is closed when nobody needs it any more.

        Raises:
            Refusal: the recording cannot be used, or there is no answer in time.
        """
        deadline = Deadline.after(self.settings.limits.answer_s)
        work = self._timeline if question.timeline else self._whole
        try:
            async with asyncio.timeout(deadline.within_s):
                return await work(upload, question, deadline)
        except AudioError as fault:
            raise of_recording(fault) from fault
        except TimeoutError:
            raise deadline.missed() from None

    async def _whole(self, upload: Upload, question: InferenceRequest, deadline: Deadline) -> str:
        limits = self.settings.limits
        waveform = await self._with(
            upload, self._decoders.submit(waveform_of_upload, upload, limits, deadline)
        )
        self.metrics.audio("/v1/predict", waveform.duration_s)
        prediction = await asyncio.wrap_future(self.batcher.submit(waveform))
        return await self.computed(whole_text, question, upload.name, prediction)

    async def _timeline(
        self, upload: Upload, question: InferenceRequest, deadline: Deadline
    ) -> str:
        limits = self.settings.limits
        found, faults = await self._with(
            upload,
            self._cutters.submit(timeline_of_upload, upload, self.batcher, limits, deadline),
        )
        self.metrics.audio("/v1/predict", found.track.duration_s)
        return await self.computed(timeline_text, question, upload.name, found, faults)

    async def _with(self, upload: Upload, work: Future[T]) -> T:
        """What a thread makes of an upload; it is closed by the thread, whoever still waits."""
        work.add_done_callback(lambda _: upload.close())
        return await asyncio.wrap_future(work)

    async def computed(self, work: Callable[..., T], *arguments: Any) -> T:
        """What a thread makes of something; the event loop goes on meanwhile."""
        return await self._loop.run_in_executor(self._ears, work, *arguments)

    def follow(self, stream: LiveStream, told: Follower) -> None:
        """Have somebody told of a live stream's new answers, in the event loop's thread."""
        self._followers[stream] = told

    def leave(self, stream: LiveStream) -> None:
        """Have nobody told of it any more."""
        self._followers.pop(stream, None)

    def _tell(self, streams: Sequence[LiveStream], answers: Sequence[Prediction]) -> None:
        self._loop.call_soon_threadsafe(self._pass_on, list(zip(streams, answers, strict=True)))

    def _pass_on(self, news: Sequence[tuple[LiveStream, Prediction]]) -> None:
        for stream, answer in news:
            if stream in self._followers:
                self._followers[stream](answer)

    async def _warm_up(self) -> None:
        """Answer a probe on each of the ways, so that all is loaded and compiled."""
        try:
            await asyncio.wrap_future(self.batcher.submit(Waveform(white_noise(), "warm-up")))
            await self.computed(warm_up, self.live)
        except Exception:
            logger.exception("the model does not answer; this service will never be ready")
        else:
            self._is_warm = True

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch(
            "requests_inside", "Requests that wait for their answer.", lambda: self.requests.inside
        )
        watch("live_streams", "Live streams that are open.", lambda: self.streams.inside)
        watch("queue", "Recordings that wait for a batch.", lambda: len(self.batcher))

    async def _note_levels(self) -> None:
        """Keep what stands at some level up to date for whoever tells of all processes."""
        while True:
            self.metrics.note_levels()
            await asyncio.sleep(LEVELS_S)

    def refuse_failed(self) -> None:
        """Whether all its parts work.

        Raises:
            Refusal: the thread that hears live streams has failed.
        """
        try:
            self._pacer.check()
        except Exception as failure:
            raise ServiceError(
                503, "failed", "live streams are not heard; restart the service"
            ) from (failure)
