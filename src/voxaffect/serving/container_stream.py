"""Decode a browser's recording (WebM, Matroska, Ogg, MP4) while it arrives.

FFmpeg pulls where a network pushes, so it runs in a thread of its own, which takes turns with the
one that pushes: it decodes until it needs more bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import StreamResampler
from voxaffect.audio.waveform import invalid_sample
from voxaffect.errors import AudioError

PIECES = 32  # decoded pieces that may wait to be taken: a few bytes can hold hours
HEAD_BYTES, READ_BYTES = 12, 4096
OPTIONS = {"probesize": "32768", "analyzeduration": "200000"}
"""Bytes and microseconds that FFmpeg analyzes before it gives the first samples."""

Floats = NDArray[np.float32]


class ContainerStream:
    """Decode a container whose bytes arrive in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._pushed: SimpleQueue[bytes | None] = SimpleQueue()
        self._decoded: SimpleQueue[Floats | AudioError | None] = SimpleQueue()
        self._room = Semaphore(PIECES)
        self._bytes = io.BytesIO()
        self._has_ended = self._is_dropped = False
        Thread(target=self._run, name="voxaffect-container", daemon=True).start()

    def push(self, data: bytes | None) -> Iterator[Floats]:
        """Decode the next bytes, None at the end, as the result is iterated.

        Yields float32 (n,), mono at 16 kHz; raises `AudioError` for a damaged container.
        """
        self._pushed.put(data)
        while (found := self._decoded.get()) is not None:
            self._room.release()
            if isinstance(found, AudioError):
                raise found
            yield found

    def drop(self) -> None:
        """Stop decoding."""
        self._is_dropped = True
        self._room.release()
        self._pushed.put(None)

    # What follows is called by the decoding thread.

    def read(self, size: int) -> bytes:
        """The next bytes for FFmpeg; empty at the end."""
        while not (taken := self._bytes.read(size)) and not self._has_ended:
            self._decoded.put(None)
            self._receive()
        return taken

    def _receive(self) -> None:
        data = self._pushed.get()
        self._bytes, self._has_ended = io.BytesIO(data or b""), data is None

    def _run(self) -> None:
        self._receive()
        try:
            self._decode()
        except Exception as fault:  # noqa: BLE001 any error of FFmpeg on untrusted bytes
            if not isinstance(fault, AudioError):
                fault = AudioError(f"container: cannot be decoded ({fault}); record it again")
            self._decoded.put(fault)
        while self.read(READ_BYTES):  # what follows the container's end is ignored
            pass
        self._decoded.put(None)

    def _decode(self) -> None:
        import av  # noqa: PLC0415 (slow to load)

        head = b""
        while len(head) < HEAD_BYTES and (more := self.read(HEAD_BYTES - len(head))):
            head += more
        if not head or self._is_dropped:
            return
        self._bytes = io.BytesIO(head + self._bytes.read())
        with av.open(self, "r", _format_of(head), buffer_size=READ_BYTES, options=OPTIONS) as file:
            if not file.streams.audio:
                raise AudioError("container: has no audio track; record it with one")
            to_mono = av.AudioResampler(format="fltp", layout="mono")
            resampler: StreamResampler | None = None
            for frame in file.decode(file.streams.audio[0]):
                resampler = resampler or StreamResampler(frame.sample_rate)
                for part in to_mono.resample(frame):
                    self._put(resampler.push(part.to_ndarray().astype(np.float32).T))
            if resampler is not None:
                self._put(resampler.finish())

    def _put(self, samples: Floats) -> None:
        if fault := invalid_sample(samples):
            raise AudioError(f"container: {fault}; record it again")
        self._room.acquire()
        if self._is_dropped:
            raise AudioError("container: the stream was closed; send it again")
        self._decoded.put(samples)


def _format_of(head: bytes) -> str:
    """FFmpeg's name of a container with these first bytes."""
    if head[4:8] == b"ftyp":
        return "mov"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    raise AudioError(
        "container: is not WebM, Matroska, Ogg or MP4; record it in one of these formats"
    )
