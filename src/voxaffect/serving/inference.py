"""Inference for uploads: parameters, decoding in time, batches across clients."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from voxaffect.audio.decode import AudioStream, DecodeLimits, open_recording
from voxaffect.audio.waveform import Waveform
from voxaffect.parallel.processes import lower_thread_priority
from voxaffect.recognizer.prediction import Prediction, own_threshold
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.serving.metrics import Metrics
from voxaffect.serving.schemas import ServiceError
from voxaffect.streaming.batch import Predictor, predict_each

TOGETHER = 32  # largest batch
SECONDS_TOGETHER = 300.0  # seconds of a batch, beyond which none is added to it

Job = tuple[Waveform, Future[Prediction]]


class Batcher:
    """Dynamic batching: requests of many clients go through the model together.

    A batch is whatever is queued when a thread becomes free: nothing waits for a batch to fill, and
    the busier the service, the larger the batches, whose frames cost less.
    """

    def __init__(self, model: Predictor, n_threads: int, metrics: Metrics) -> None:
        self.limits: DecodeLimits = model.limits
        self._model, self._metrics = model, metrics
        self._queue: deque[Job] = deque()
        self._taking = Lock()
        self._executor = ThreadPoolExecutor(n_threads, "voxaffect-batches", _prepare_thread)

    def submit(self, waveform: Waveform) -> Future[Prediction]:
        """Queue a waveform; the future holds its prediction, or raises its `AudioError`."""
        result: Future[Prediction] = Future()
        self._queue.append((waveform, result))
        self._metrics.queue.inc()
        self._executor.submit(self._predict_queued)  # in vain where an earlier call took this one
        return result

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        """Predictions as the model gives them, in batches with those of other clients."""
        results = [self.submit(waveform_of(recording, self.limits)) for recording in recordings]
        return [result.result() for result in results]

    def close(self) -> None:
        """Complete what is queued, and end the threads."""
        self._executor.shutdown()

    def _predict_queued(self) -> None:
        batch, seconds = list[Job](), 0.0
        with self._taking:
            while self._queue and len(batch) < TOGETHER:
                seconds += self._queue[0][0].duration_s
                if batch and seconds > SECONDS_TOGETHER:
                    break
                batch.append(self._queue.popleft())
        if not batch:
            return
        self._metrics.queue.dec(len(batch))
        self._metrics.batches.observe(len(batch))
        jobs = [(waveform, job) for waveform, job in batch if job.set_running_or_notify_cancel()]
        try:
            predictions = predict_each(self._model, [waveform for waveform, _ in jobs])
        except Exception as failure:  # noqa: BLE001 raised where the result is waited for
            for _, job in jobs:
                job.set_exception(failure)
            return
        for (_, job), prediction in zip(jobs, predictions, strict=True):
            if prediction.error is None:
                job.set_result(prediction)
            else:
                job.set_exception(prediction.error)


def _prepare_thread() -> None:
    torch.set_num_threads(1)  # of this thread: there are as many threads as cores
    lower_thread_priority()  # below live streams, which cannot wait


Threshold = Annotated[float, Field(gt=0, le=1)]


class Doubts(BaseModel):
    """How sure the recognizer must be, as a request or a live stream asks for it."""

    force: bool = Field(
        default=False,
        description="Name the likeliest emotion where the label would be `unsure`; what holds no "
        "speech stays `no speech`.",
    )
    abstain: Threshold | Literal["own"] | None = Field(
        default=None,
        description="Label `unsure` below this probability, or with a warning that is more than a "
        "narrow band; `own`: below the recognizer's own threshold.",
    )

    def decide(self, card: Mapping[str, Any]) -> Callable[[Prediction], Prediction]:
        """What makes a prediction as asked for; raises `ServiceError` where that is impossible."""
        abstain = own_threshold(card) if self.abstain == "own" else self.abstain
        if self.force and abstain is not None:
            text = "force names every emotion and abstain does not; use one of them"
            raise ServiceError(422, "bad_parameter", text)
        if self.abstain == "own" and abstain is None:
            text = "the recognizer has no threshold of its own; give one, such as abstain=0.5"
            raise ServiceError(422, "bad_parameter", text)
        return lambda prediction: prediction.decided(force=self.force, abstain=abstain)


class InferenceRequest(Doubts):
    """Query parameters of a request; `form` is a key of `FORMATS`."""

    timeline: bool = Field(
        default=False, description="Split the recording into utterances at pauses, predict each."
    )
    frames: bool = Field(
        default=False, description="Include the posterior of every frame (json only)."
    )
    form: Literal["json", "csv", "audacity", "vtt"] = Field(
        default="json", alias="format", description="Format of the response."
    )


@contextmanager
def opened(upload: UploadFile, limits: DecodeLimits, until_s: float) -> Iterator[AudioStream]:
    """Open an upload, whose blocks raise `TimeoutError` after `until_s` of the monotonic clock."""

    def in_time(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            if time.monotonic() > until_s:
                raise TimeoutError
            yield block

    path = Path(f"/dev/fd/{upload.file.fileno()}")
    with open_recording(path, limits=limits, name=upload.filename) as recording:
        yield replace(recording, blocks=in_time(recording.blocks))
