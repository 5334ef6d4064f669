"""Stream scheduler: interim predictions of all open streams at regular times, in the background."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Self

from voxaffect.errors import StreamingError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.online import LiveRecognizer, LiveStream

OnPredictions = Callable[[Sequence[LiveStream], Sequence[Prediction]], None]
"""Called with streams and their new predictions, in a thread of the scheduler; must not block."""

WITHOUT_PROVISIONAL = 0.2
"""Share of its interval that a pass without provisional frames may take for the next to include
them, with which it takes three to four times as long."""


class StreamScheduler:
    """Predict at regular times, all streams with new samples in one batch.

    Used in a `with` statement. Each thread serves its own share of the streams. One that falls
    behind does not queue: its next pass takes all samples that have come, in larger batches, which
    cost less a frame, and leaves out provisional frames, which are most of the work, until there is
    time again. A thread that fails is not replaced; its error is raised at the end of the `with`
    statement and by `check`. Choose at most as many threads as there are free cores.

    Raises:
        StreamingError: a setting is not positive.
    """

    def __init__(
        self,
        live: LiveRecognizer,
        on_predictions: OnPredictions,
        *,
        every_s: float = 0.1,
        n_threads: int = 1,
    ) -> None:
        if not 0 < every_s < math.inf or n_threads < 1:
            raise StreamingError(
                f"every_s = {every_s} or n_threads = {n_threads} is out of range; "
                "choose positive numbers"
            )
        self._live, self._on_predictions, self._every_s = live, on_predictions, every_s
        self._n_threads, self._stop = n_threads, Event()
        self._executor = ThreadPoolExecutor(n_threads, "voxaffect-live")

    def __enter__(self) -> Self:
        self._running = [self._executor.submit(self._run, n) for n in range(self._n_threads)]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        self._executor.shutdown()
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise the error that has stopped a thread, if any."""
        for thread in self._running:
            if thread.done():
                thread.result()

    def _run(self, share: int) -> None:
        wanted = provisional = self._live.settings.provisional
        while not self._stop.is_set():
            began = time.monotonic()
            streams = [s for s in self._live.pending() if s.number % self._n_threads == share]
            if streams:
                predictions = self._live.predict(streams, provisional=provisional)
                self._on_predictions(streams, predictions)
            took_s = time.monotonic() - began
            allowed_s = self._every_s * (1.0 if provisional else WITHOUT_PROVISIONAL)
            provisional = wanted and took_s < allowed_s
            self._stop.wait(max(0.0, self._every_s - took_s))
