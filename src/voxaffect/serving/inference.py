"""What is asked of a recording, and how it is answered: the part of it that computes."""

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
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.decode import AudioStream, DecodeLimits, open_recording, read
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.parallel.processes import lower_thread_priority
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.report.predictions.formats import FORMATS, json_line
from voxaffect.serving.schemas import busy
from voxaffect.serving.settings import Limits
from voxaffect.serving.uploads import Upload
from voxaffect.streaming.batch import Predictor, predict_each
from voxaffect.streaming.segments import Timeline, timeline

# Requests of many clients go through one model together.
#
# A batch is whatever waits when a worker becomes free: nobody waits for company, and the busier the
# service, the larger the batches, whose frames cost less. An answer does not depend on its company.

TOGETHER = 32
"""Recordings of a batch at most."""

SECONDS_TOGETHER = 300.0
"""Seconds of a batch, beyond which none is added to it."""


class _Waiting(NamedTuple):
    waveform: Waveform
    answer: Future[Prediction]


class Batcher:
    """Answers for recordings of anyone, in batches; whoever asks waits for a future.

    Args:
        recognizer: may be asked by several threads at once.
        n_threads: batches at once.
        note: told of the size of each batch.
    """

    def __init__(
        self, recognizer: Predictor, n_threads: int, note: Callable[[int], None] = lambda _: None
    ) -> None:
        self.limits: DecodeLimits = recognizer.limits
        self._recognizer, self._note = recognizer, note
        self._waiting: deque[_Waiting] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"voxaffect-batches-{i}", daemon=True)
            for i in range(n_threads)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def submit(self, waveform: Waveform) -> Future[Prediction]:
        """Ask for an answer; the future holds it, or the `AudioError` that says why there is none.

        Raises:
            RuntimeError: the batcher is closed.
        """
        answer: Future[Prediction] = Future()
        with self._news:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._waiting.append(_Waiting(waveform, answer))
            self._news.notify()
        return answer

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        """Answers as a recognizer gives them, waited for: other clients' go with them."""
        asked = [self.submit(waveform_of(recording, self.limits)) for recording in recordings]
        return [answer.result() for answer in asked]

    def close(self) -> None:
        """Answer what waits, and end."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        torch.set_num_threads(1)  # of this thread: there are as many threads as cores
        lower_thread_priority()  # for live streams, whose sound does not wait
        while batch := self._next():
            self._note(len(batch))
            self._answer(batch)

    def _next(self) -> list[_Waiting]:
        """What is answered together; nothing once the batcher is closed and all is answered."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._closed)
            batch: list[_Waiting] = []
            seconds = 0.0
            while self._waiting and len(batch) < TOGETHER:
                seconds += self._waiting[0].waveform.duration_s
                if batch and seconds > SECONDS_TOGETHER:
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        wanted = [one for one in batch if one.answer.set_running_or_notify_cancel()]
        try:
            outcomes: Sequence[Prediction | Exception] = predict_each(
                self._recognizer, [one.waveform for one in wanted]
            )
        except Exception as failure:  # noqa: BLE001 raised where the answer is waited for
            outcomes = [failure] * len(wanted)
        for one, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, Prediction) and outcome.error is None:
                one.answer.set_result(outcome)
            elif isinstance(outcome, Prediction):
                one.answer.set_exception(outcome.error)
            else:
                one.answer.set_exception(outcome)


@dataclass(frozen=True)
class Deadline:
    """When an answer must be there.

    Args:
        at_s: by the monotonic clock.
        within_s: how long that was.
    """

    at_s: float
    within_s: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So long from now."""
        return cls(time.monotonic() + seconds, seconds)

    @property
    def left_s(self) -> float:
        """Seconds until then, none if it is past."""
        return max(0.0, self.at_s - time.monotonic())

    def check(self) -> None:
        """Go no further once it is past.

        Raises:
            Refusal: it is.
        """
        if not self.left_s:
            raise self.missed()

    def missed(self) -> Exception:
        """What is told then."""
        return busy(
            "too_slow",
            f"no answer within {self.within_s:g} s; send a shorter recording, or try again later",
        )

    def over(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """The same blocks, until then."""
        for block in blocks:
            self.check()
            yield block


@dataclass(frozen=True)
class InferenceRequest:
    """How a recording is to be answered for.

    Args:
        timeline: whether it is cut into utterances at its pauses.
        frames: whether the posterior of every frame is told.
        abstain: probability below which there is no label.
        form: a key of `FORMATS`.
    """

    timeline: bool = False
    frames: bool = False
    abstain: float | None = None
    form: str = "json"


def waveform_of_upload(upload: Upload, limits: Limits, deadline: Deadline) -> Waveform:
    """Decode an upload that is answered as a whole.

    Raises:
        AudioError: it cannot be decoded, or is beyond a limit.
        Refusal: that takes too long.
    """
    with _opened(upload, limits, deadline, whole=True) as recording:
        return read(recording)


def timeline_of_upload(
    upload: Upload, recognizer: Predictor, limits: Limits, deadline: Deadline
) -> tuple[Timeline, list[str]]:
    """Find the utterances of an upload and answer for them.

    Returns:
        its utterances, and why some others have no answer.

    Raises:
        AudioError: it cannot be decoded, is beyond a limit, or nobody speaks in it.
        Refusal: that takes too long.
    """
    faults: list[str] = []

    def note(fault: AudioError) -> None:
        faults.append(str(fault))

    opener = partial(_opened, upload, limits, deadline, whole=False)
    return timeline(partial(predict_each, recognizer), opener, on_fault=note), faults


@contextmanager
def _opened(
    upload: Upload, limits: Limits, deadline: Deadline, *, whole: bool
) -> Iterator[AudioStream]:
    deadline.check()
    bounds = limits.decode(whole=whole)
    with open_recording(upload.path, limits=bounds, name=upload.name) as recording:
        yield replace(recording, blocks=deadline.over(recording.blocks))


def whole_text(question: InferenceRequest, name: str, prediction: Prediction) -> str:
    """The answer for a recording as a whole, in the form that was asked for."""
    prediction = replace(prediction, name=name).abstained(question.abstain)
    if question.form == "json":
        return json_line(prediction, frames=question.frames)
    form = FORMATS[question.form]
    return form.begin() + form.entry(prediction)


def timeline_text(question: InferenceRequest, name: str, found: Timeline, faults: list[str]) -> str:
    """The answers for a recording's utterances, in the form that was asked for."""
    segments = [
        replace(segment, name=name).abstained(question.abstain) for segment in found.utterances
    ]
    if question.form != "json":
        form = FORMATS[question.form]
        return form.begin() + "".join(map(form.entry, segments))
    whole: dict[str, Any] = {
        "file": name,
        "duration_s": round(found.track.duration_s, 3),
        "utterances": [segment.to_dict(frames=question.frames) for segment in segments],
        "refused": faults,
    }
    return json.dumps(whole) + "\n"
