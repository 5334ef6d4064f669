"""Keeps the answers of all open streams up to date, in the background."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from types import TracebackType
from typing import Self

from voxaffect.errors import StreamingError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.online import LiveRecognizer, LiveStream

Tell = Callable[[Sequence[LiveStream], Sequence[Prediction]], None]
"""Told of streams and their new answers, by the thread that computed them; it must not block."""


WITHOUT_PROVISIONAL = 0.2
"""Share of its time that a pass without provisional frames may take for the next to hear them: with
them it takes three to four times as long."""


class StreamScheduler:
    """Hears what has come in, at regular times, all streams that have news in one go.

    Used in a `with` statement. Each of the threads looks after its own share of the streams. One
    that falls behind does not queue: its next pass takes all that has come, in larger batches,
    which cost less a frame; and it leaves out what is provisional until there is time again, which
    is most of the work. A thread that fails is not replaced; the error is raised at the end of
    the `with` statement and by `refuse_failed`.

    Args:
        live: whose streams.
        tell: what to do with new answers.
        every_s: time between the beginnings of two passes, in seconds.
        n_threads: threads; no more than there are cores to spare.

    Raises:
        StreamingError: a setting is impossible.
    """

    def __init__(
        self, live: LiveRecognizer, tell: Tell, *, every_s: float = 0.1, n_threads: int = 1
    ) -> None:
        if not 0 < every_s < math.inf or n_threads < 1:
            raise StreamingError(
                f"answers every {every_s} s from {n_threads} threads; choose positive numbers"
            )
        self._live, self._tell, self._every_s = live, tell, every_s
        self._stop = Event()
        self._failures: list[BaseException] = []
        self._threads = [
            Thread(target=self._attend, args=(share, n_threads), name=f"voxaffect-live-{share}")
            for share in range(n_threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if kind is None:
            self.refuse_failed()

    def refuse_failed(self) -> None:
        """Raise what has stopped a thread, if anything has."""
        if self._failures:
            raise self._failures[0]

    def _attend(self, share: int, n_shares: int) -> None:
        try:
            provisional = self._live.settings.provisional
            while not self._stop.is_set():
                began = time.monotonic()
                self._pass(share, n_shares, provisional=provisional)
                took_s = time.monotonic() - began
                provisional = self._has_time(took_s, provisional=provisional)
                self._stop.wait(max(0.0, self._every_s - took_s))
        except Exception as failure:  # noqa: BLE001 raised where the pacer is waited for
            self._failures.append(failure)

    def _has_time(self, took_s: float, *, provisional: bool) -> bool:
        """Whether the next pass hears what is provisional, by how long the last one took."""
        share = 1.0 if provisional else WITHOUT_PROVISIONAL
        return self._live.settings.provisional and took_s < share * self._every_s

    def _pass(self, share: int, n_shares: int, *, provisional: bool) -> None:
        streams = [s for s in self._live.due() if s.number % n_shares == share]
        if streams:
            self._tell(streams, self._live.answers(streams, provisional=provisional))
