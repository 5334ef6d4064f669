"""Sound that comes while the program runs: a microphone, or raw PCM on standard input."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Event, Thread
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.microphone import microphone
from voxaffect.audio.pcm import PcmFormat, PcmStream, Resampling

READ_S = 0.1
"""Sound that is read from a pipe at a time."""

WAIT_S = 0.1
"""How long a block is waited for before it is looked whether there is to be an end."""

HELD_BLOCKS = 200
"""Blocks of a microphone that may wait, 10 s; what does not fit is dropped, and said."""

Floats = NDArray[np.float32]
T = TypeVar("T")


class Block(NamedTuple):
    """What came.

    Args:
        samples: float32 (n,) at 16 kHz.
        n_dropped: blocks before it that were lost.
    """

    samples: Floats
    n_dropped: int = 0


Source = Callable[[Event], AbstractContextManager[Iterator[Block]]]
"""Opens sound that comes until it ends or the event is set; what has come by then is given."""


def standard_input(form: PcmFormat) -> Source:
    """Raw PCM on standard input, until its end."""

    @contextmanager
    def opened(stop: Event) -> Iterator[Iterator[Block]]:
        arrived: queue.Queue[bytes | None] = queue.Queue(maxsize=2)  # a fast writer has to wait
        size = max(1, round(READ_S * form.rate_hz)) * form.frame_bytes
        Thread(target=_read, args=(size, arrived), daemon=True).start()
        yield _decoded(arrived, PcmStream(form, "standard input"), stop)

    return opened


def _read(size: int, arrived: queue.Queue[bytes | None]) -> None:
    """Hand on what comes; from the descriptor, as a buffer may be locked when the program ends."""
    while data := os.read(0, size):
        arrived.put(data)
    arrived.put(None)


def _decoded(arrived: queue.Queue[bytes | None], pcm: PcmStream, stop: Event) -> Iterator[Block]:
    for data in _taken(arrived, stop):
        if data is None:
            break
        yield Block(pcm.push(data))
    yield Block(pcm.finish())


def recording(device: str | int | None) -> Source:
    """A microphone, until nobody asks for more."""

    @contextmanager
    def opened(stop: Event) -> Iterator[Iterator[Block]]:
        waiting = Waiting()
        with microphone(device, waiting.put) as rate_hz:
            yield waiting.blocks(Resampling(rate_hz), stop)

    return opened


class Waiting:
    """Blocks between the driver's thread, which cannot wait, and the program."""

    def __init__(self) -> None:
        self._blocks: queue.Queue[tuple[Floats, int]] = queue.Queue(maxsize=HELD_BLOCKS)
        self._n_dropped = 0

    def put(self, block: Floats, overflowed: bool) -> None:  # noqa: FBT001 the driver's words
        """Take a block (n, channels), or count it where there is no room."""
        self._n_dropped += int(overflowed)
        try:
            self._blocks.put_nowait((block, self._n_dropped))
        except queue.Full:
            self._n_dropped += 1
        else:
            self._n_dropped = 0

    def blocks(self, resampling: Resampling, stop: Event) -> Iterator[Block]:
        """What has come, at 16 kHz."""
        for samples, n_dropped in _taken(self._blocks, stop):
            yield Block(resampling.push(samples), n_dropped)
        yield Block(resampling.finish(), self._n_dropped)


def _taken(arrived: queue.Queue[T], stop: Event) -> Iterator[T]:
    """What comes until the event is set, and then what had come by then."""
    while not stop.is_set():
        with suppress(queue.Empty):
            yield arrived.get(timeout=WAIT_S)
    for _ in range(arrived.qsize()):
        yield arrived.get()


@contextmanager
def until_interrupted() -> Iterator[Event]:
    """An event that Ctrl-C sets, once: a second one stops the program as ever."""
    stop = Event()

    def note(number: int, frame: object) -> None:  # noqa: ARG001 the signal's
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
