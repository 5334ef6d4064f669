"""Inference for uploads: decode, predict in batches across clients, write the response."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.decode import AudioStream, DecodeLimits, open_recording, read
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.parallel.processes import lower_thread_priority
from voxaffect.recognizer.prediction import Prediction, PredictionDict
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.report.predictions.formats import FORMATS, json_line
from voxaffect.serving.schemas import ServiceError, TimelineDict, busy
from voxaffect.serving.settings import Limits
from voxaffect.serving.uploads import Upload
from voxaffect.streaming.batch import Predictor, predict_each
from voxaffect.streaming.segments import timeline

TOGETHER = 32
"""Largest batch."""

SECONDS_TOGETHER = 300.0
"""Seconds of a batch, beyond which none is added to it."""


class _Job(NamedTuple):
    waveform: Waveform
    result: Future[Prediction]


class Batcher:
    """Dynamic batching: requests of many clients go through the model together.

    A batch is whatever is queued when a worker becomes free: nothing waits for a batch to fill, and
    the busier the service, the larger the batches, whose frames cost less. A prediction does not
    depend on the others in its batch.

    `on_batch` is called with the size of each batch.
    """

    def __init__(
        self, model: Predictor, n_threads: int, on_batch: Callable[[int], None] = lambda _: None
    ) -> None:
        self.limits: DecodeLimits = model.limits
        self._model, self._on_batch = model, on_batch
        self._queue: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"voxaffect-batches-{i}", daemon=True)
            for i in range(n_threads)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        return len(self._queue)

    def submit(self, waveform: Waveform) -> Future[Prediction]:
        """Queue a waveform; the future holds its prediction, or raises its `AudioError`.

        Raises:
            RuntimeError: the batcher is closed.
        """
        job = _Job(waveform, Future())
        with self._changed:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._queue.append(job)
            self._changed.notify()
        return job.result

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        """Predictions as the model gives them, in batches with those of other clients."""
        results = [self.submit(waveform_of(recording, self.limits)) for recording in recordings]
        return [result.result() for result in results]

    def close(self) -> None:
        """Complete what is queued, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        torch.set_num_threads(1)  # of this thread: there are as many threads as cores
        lower_thread_priority()  # below live streams, which cannot wait
        while batch := self._next_batch():
            self._on_batch(len(batch))
            self._predict(batch)

    def _next_batch(self) -> list[_Job]:
        """The next batch; empty once the batcher is closed and the queue is empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            batch: list[_Job] = []
            seconds = 0.0
            while self._queue and len(batch) < TOGETHER:
                seconds += self._queue[0].waveform.duration_s
                if batch and seconds > SECONDS_TOGETHER:
                    break
                batch.append(self._queue.popleft())
            return batch

    def _predict(self, batch: Sequence[_Job]) -> None:
        jobs = [job for job in batch if job.result.set_running_or_notify_cancel()]
        try:
            predictions = predict_each(self._model, [job.waveform for job in jobs])
        except Exception as failure:  # noqa: BLE001 raised where the result is waited for
            for job in jobs:
                job.result.set_exception(failure)
            return
        for job, prediction in zip(jobs, predictions, strict=True):
            if prediction.error is None:
                job.result.set_result(prediction)
            else:
                job.result.set_exception(prediction.error)


@dataclass(frozen=True)
class Deadline:
    """Deadline of a request, by the monotonic clock, and its distance from the beginning."""

    at_s: float
    within_s: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline in that many seconds."""
        return cls(time.monotonic() + seconds, seconds)

    @property
    def left_s(self) -> float:
        """Seconds left, 0 if it has passed."""
        return max(0.0, self.at_s - time.monotonic())

    def check(self) -> None:
        """Raise `ServiceError` if it has passed."""
        if not self.left_s:
            raise self.missed()

    def missed(self) -> ServiceError:
        """Error of a request that missed it."""
        return busy(
            "too_slow",
            f"no prediction within {self.within_s:g} s; send a shorter recording or retry later",
        )

    def limited(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """The blocks, until it has passed."""
        for block in blocks:
            self.check()
            yield block


@dataclass(frozen=True)
class InferenceRequest:
    """Parameters of a request.

    Args:
        timeline: whether to split the recording into utterances at pauses.
        frames: whether to include the posterior of every frame.
        abstain: probability below which the label is `unsure`.
        form: a key of `FORMATS`.
    """

    timeline: bool = False
    frames: bool = False
    abstain: float | None = None
    form: str = "json"


def decode_upload(upload: Upload, limits: Limits, deadline: Deadline) -> Waveform:
    """Decode a whole upload.

    Raises:
        AudioError: it cannot be decoded, or exceeds a limit.
        ServiceError: that takes too long.
    """
    with _opened(upload, limits.decode(timeline=False), deadline) as recording:
        return read(recording)


def predict_timeline(
    upload: Upload, request: InferenceRequest, model: Predictor, limits: Limits, deadline: Deadline
) -> tuple[str, float]:
    """Find the utterances of an upload and predict each.

    Returns:
        the response body, and the recording's duration in seconds.

    Raises:
        AudioError: it cannot be decoded, exceeds a limit, or holds no speech.
        ServiceError: that takes too long.
    """
    faults: list[AudioError] = []
    opener = partial(_opened, upload, limits.decode(timeline=True), deadline)
    found = timeline(partial(predict_each, model), opener, on_fault=faults.append)
    duration_s, form = found.track.duration_s, FORMATS[request.form]
    segments = [
        replace(one, name=upload.name).abstained(request.abstain) for one in found.utterances
    ]
    if request.form != "json":
        return form.begin() + "".join(map(form.entry, segments)), duration_s
    utterances = [cast(PredictionDict, one.to_dict(frames=request.frames)) for one in segments]
    body: TimelineDict = {
        "file": upload.name,
        "duration_s": round(duration_s, 3),
        "utterances": utterances,
        "refused": [str(fault) for fault in faults],
    }
    return json.dumps(body) + "\n", duration_s


@contextmanager
def _opened(upload: Upload, limits: DecodeLimits, deadline: Deadline) -> Iterator[AudioStream]:
    deadline.check()
    with open_recording(upload.path, limits=limits, name=upload.name) as recording:
        yield replace(recording, blocks=deadline.limited(recording.blocks))


def whole_text(request: InferenceRequest, name: str, prediction: Prediction) -> str:
    """Response body for a whole recording."""
    prediction = replace(prediction, name=name).abstained(request.abstain)
    if request.form == "json":
        return json_line(prediction, frames=request.frames)
    return FORMATS[request.form].begin() + FORMATS[request.form].entry(prediction)
