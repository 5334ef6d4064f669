"""Requests of many clients go through one model together.

A batch is whatever waits when a worker becomes free: nobody waits for company, and the busier the
service, the larger the batches, whose frames cost less. An answer does not depend on its company.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import torch

from voxaffect.audio.decode import DecodeLimits
from voxaffect.audio.waveform import Waveform
from voxaffect.listening.answering import Answering, Outcome, answer_each
from voxaffect.parallel.gentle import step_back
from voxaffect.prediction import Prediction
from voxaffect.recording import Recording, waveform_of

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
        self, recognizer: Answering, n_threads: int, note: Callable[[int], None] = lambda _: None
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
        """Answers as a recogniser gives them, waited for: other clients' go with them."""
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
        step_back()  # for live streams, whose sound does not wait
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
            outcomes: Sequence[Outcome | Exception] = answer_each(
                self._recognizer, [one.waveform for one in wanted]
            )
        except Exception as failure:  # noqa: BLE001 raised where the answer is waited for
            outcomes = [failure] * len(wanted)
        for one, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, Prediction):
                one.answer.set_result(outcome)
            else:
                one.answer.set_exception(outcome)
