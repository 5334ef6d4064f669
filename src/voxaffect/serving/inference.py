"""Inference for uploads: decode, predict in batches across clients, write the response."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from voxaffect.audio.decode import AudioStream, DecodeLimits, open_recording, read
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.parallel.processes import lower_thread_priority
from voxaffect.recognizer.prediction import Prediction, PredictionDict
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.report.predictions.formats import FORMATS, json_line
from voxaffect.serving.metrics import Metrics
from voxaffect.serving.schemas import TimelineDict
from voxaffect.serving.settings import Limits
from voxaffect.serving.uploads import Upload
from voxaffect.streaming.batch import Predictor, predict_each
from voxaffect.streaming.segments import timeline

TOGETHER = 32
"""Largest batch."""

SECONDS_TOGETHER = 300.0
"""Seconds of a batch, beyond which none is added to it."""

Job = tuple[Waveform, Future[Prediction]]


class Batcher:
    """Dynamic batching: requests of many clients go through the model together.

    A batch is whatever is queued when a thread becomes free: nothing waits for a batch to fill, and
    the busier the service, the larger the batches, whose frames cost less. A prediction does not
    depend on the others in its batch.
    """

    def __init__(self, model: Predictor, n_threads: int, metrics: Metrics) -> None:
        self.limits: DecodeLimits = model.limits
        self._model, self._metrics = model, metrics
        self._queue: deque[Job] = deque()
        self._taking = threading.Lock()
        self._executor = ThreadPoolExecutor(n_threads, "voxaffect-batches", _prepare_thread)

    def submit(self, waveform: Waveform) -> Future[Prediction]:
        """Queue a waveform; the future holds its prediction, or raises its `AudioError`.

        Raises:
            RuntimeError: the batcher is closed.
        """
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
        with self._taking:
            batch = self._next_batch()
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

    def _next_batch(self) -> list[Job]:
        batch: list[Job] = []
        seconds = 0.0
        while self._queue and len(batch) < TOGETHER:
            seconds += self._queue[0][0].duration_s
            if batch and seconds > SECONDS_TOGETHER:
                break
            batch.append(self._queue.popleft())
        return batch


def _prepare_thread() -> None:
    torch.set_num_threads(1)  # of this thread: there are as many threads as cores
    lower_thread_priority()  # below live streams, which cannot wait


class InferenceRequest(BaseModel):
    """Query parameters of a request; `form` is a key of `FORMATS`."""

    timeline: bool = Field(
        default=False,
        description="Split the recording into utterances at pauses, predict each.",
    )
    frames: bool = Field(
        default=False, description="Include the posterior of every frame (json only)."
    )
    abstain: float | None = Field(
        default=None, gt=0, le=1, description="Label `unsure` below this probability."
    )
    form: Literal["json", "csv", "audacity", "vtt"] = Field(
        default="json", alias="format", description="Format of the response."
    )


def decode_upload(upload: Upload, limits: Limits, until_s: float) -> Waveform:
    """Decode a whole upload.

    Raises:
        AudioError: it cannot be decoded, or exceeds a limit.
        TimeoutError: the monotonic clock has reached `until_s`.
    """
    with _opened(upload, limits.decode(timeline=False), until_s) as recording:
        return read(recording)


def predict_timeline(
    upload: Upload, request: InferenceRequest, model: Predictor, limits: Limits, until_s: float
) -> tuple[str, float]:
    """Find the utterances of an upload and predict each.

    Returns:
        the response body, and the recording's duration in seconds.

    Raises:
        AudioError: it cannot be decoded, exceeds a limit, or holds no speech.
        TimeoutError: the monotonic clock has reached `until_s`.
    """
    faults: list[AudioError] = []
    opener = partial(_opened, upload, limits.decode(timeline=True), until_s)
    found = timeline(partial(predict_each, model), opener, on_fault=faults.append)
    duration_s, form = found.track.duration_s, FORMATS[request.form]
    segments = [
        replace(one, name=upload.name).abstained(request.abstain) for one in found.utterances
    ]
    if request.form != "json":
        return form.begin + "".join(map(form.entry, segments)), duration_s
    utterances = [cast(PredictionDict, one.to_dict(frames=request.frames)) for one in segments]
    body: TimelineDict = {
        "file": upload.name,
        "duration_s": round(duration_s, 3),
        "utterances": utterances,
        "refused": [str(fault) for fault in faults],
    }
    return json.dumps(body) + "\n", duration_s


@contextmanager
def _opened(upload: Upload, limits: DecodeLimits, until_s: float) -> Iterator[AudioStream]:
    """Open an upload, whose blocks raise `TimeoutError` once it is too late."""

    def check_time() -> None:
        if time.monotonic() > until_s:
            raise TimeoutError

    def in_time(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            check_time()
            yield block

    check_time()
    with open_recording(upload.path, limits=limits, name=upload.name) as recording:
        yield replace(recording, blocks=in_time(recording.blocks))


def whole_text(request: InferenceRequest, name: str, prediction: Prediction) -> str:
    """Response body for a whole recording."""
    prediction = replace(prediction, name=name).abstained(request.abstain)
    if request.form == "json":
        return json_line(prediction, frames=request.frames)
    return FORMATS[request.form].begin + FORMATS[request.form].entry(prediction)
