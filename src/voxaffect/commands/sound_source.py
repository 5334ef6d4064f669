"""Sound that comes while the program runs: a microphone, or raw PCM on standard input."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event, Thread
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.microphone import microphone
from voxaffect.audio.pcm import PcmFormat, PcmStream, Resampling

READ_S = 0.1
"""Sound that is read from a pipe at a time."""

WAIT_S = 0.1
"""How long a block is waited for before nothing is given."""

HELD_BLOCKS = 200
"""Blocks of a microphone that may wait, 10 s; what does not fit is dropped, and said."""

Floats = NDArray[np.float32]


class Block(NamedTuple):
    """What came.

    Args:
        samples: float32 (n,) at 16 kHz; none where nothing came in time.
        n_dropped: blocks before it that were lost.
    """

    samples: Floats
    n_dropped: int = 0


NOTHING = Block(np.zeros(0, np.float32))

Source = Callable[[], AbstractContextManager[Iterator[Block]]]
"""Opens sound that comes; it waits at most `WAIT_S` for each block."""


def standard_input(form: PcmFormat) -> Source:
    """Raw PCM on standard input, until its end."""

    @contextmanager
    def opened() -> Iterator[Iterator[Block]]:
        arrived: queue.Queue[bytes | None] = queue.Queue(maxsize=2)  # a fast writer has to wait
        size = max(1, round(READ_S * form.rate_hz)) * form.frame_bytes
        Thread(target=_read, args=(size, arrived), daemon=True).start()
        yield _decoded(arrived, PcmStream(form, "standard input"))

    return opened


def _read(size: int, arrived: queue.Queue[bytes | None]) -> None:
    """Hand on what comes; from the descriptor, as a buffer may be locked when the program ends."""
    while data := os.read(0, size):
        arrived.put(data)
    arrived.put(None)


def _decoded(arrived: queue.Queue[bytes | None], pcm: PcmStream) -> Iterator[Block]:
    while True:
        try:
            data = arrived.get(timeout=WAIT_S)
        except queue.Empty:
            yield NOTHING
            continue
        if data is None:
            yield Block(pcm.finish())
            return
        yield Block(pcm.push(data))


def recording(device: str | int | None) -> Source:
    """A microphone, until nobody asks for more."""

    @contextmanager
    def opened() -> Iterator[Iterator[Block]]:
        waiting = _Waiting()
        with microphone(device, waiting.put) as rate_hz:
            yield waiting.blocks(Resampling(rate_hz))

    return opened


class _Waiting:
    """Blocks between the driver's thread, which cannot wait, and the program."""

    def __init__(self) -> None:
        self._blocks: queue.Queue[tuple[Floats, int]] = queue.Queue(maxsize=HELD_BLOCKS)
        self._n_dropped = 0

    def put(self, block: Floats, overflowed: bool) -> None:  # noqa: FBT001 the driver's words
        """Take a block, or count it where there is no room."""
        self._n_dropped += int(overflowed)
        try:
            self._blocks.put_nowait((block, self._n_dropped))
        except queue.Full:
            self._n_dropped += 1
        else:
            self._n_dropped = 0

    def blocks(self, resampling: Resampling) -> Iterator[Block]:
        """What has come, at 16 kHz."""
        while True:
            try:
                samples, n_dropped = self._blocks.get(timeout=WAIT_S)
            except queue.Empty:
                yield NOTHING
            else:
                yield Block(resampling.push(samples), n_dropped)


@contextmanager
def until_interrupted() -> Iterator[Event]:
    """An event that Ctrl-C sets, once: a second one stops the program as ever."""
    import signal  # noqa: PLC0415

    stop = Event()

    def note(number: int, frame: object) -> None:  # noqa: ARG001 the signal's
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
