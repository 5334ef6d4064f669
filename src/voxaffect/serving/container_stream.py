"""Decode a browser's recording (WebM, Matroska, Ogg, MP4) while it arrives.

FFmpeg pulls where a network pushes, so it runs in a thread of its own that waits for data. What is
buffered is bounded on both sides: a push may have to wait, too.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import StreamResampler
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, invalid_sample
from voxaffect.errors import AudioError

BUFFERED_BYTES = 1 << 20
"""Encoded bytes that may be buffered."""

BUFFERED_SAMPLES = 30 * SAMPLE_RATE_HZ
"""Decoded samples that may be buffered: a few bytes can hold hours."""

DECODED_WITHIN_S = 0.05
"""How long a push waits for its own samples."""

SIGNATURES = {b"\x1aE\xdf\xa3": "matroska", b"OggS": "ogg"}
"""First bytes of a container -> FFmpeg's name of it."""

HEAD_BYTES = 12
READ_BYTES = 4096
OPTIONS = {"probesize": "32768", "analyzeduration": "200000"}
"""Bytes and microseconds that FFmpeg analyzes before it gives the first samples."""

Floats = NDArray[np.float32]


class ContainerStream:
    """Decode a container whose bytes arrive in pieces, cut anywhere.

    Args:
        name: for error messages.
    """

    def __init__(self, name: str = "container") -> None:
        self._name = name
        self._changed = threading.Condition()  # guards all below
        self._bytes = bytearray()
        self._samples: list[Floats] = []
        self._n_samples = 0
        self._ended = self._dropped = False
        self._needs_bytes = False
        self._fault: AudioError | None = None
        self._thread = threading.Thread(
            target=self._decode, name="voxaffect-container", daemon=True
        )
        self._thread.start()

    def push(self, data: bytes) -> Floats:
        """Take the next bytes.

        Returns:
            float32 (n,), mono at 16 kHz, the samples decoded by now.

        Raises:
            AudioError: the bytes are not a container, or a damaged one.
        """
        for first in range(0, len(data), BUFFERED_BYTES):
            with self._changed:
                self._changed.wait_for(
                    lambda: len(self._bytes) < BUFFERED_BYTES or self._samples or self._fault
                )
                self._bytes += data[first : first + BUFFERED_BYTES]
                self._needs_bytes = False
                self._changed.notify_all()
        with self._changed:
            self._changed.wait_for(
                lambda: self._needs_bytes or self._fault or self._n_samples >= BUFFERED_SAMPLES,
                DECODED_WITHIN_S,
            )
        return self._take()

    def finish(self) -> Floats:
        """The remaining samples, float32 (n,).

        Raises:
            AudioError: as for `push`.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        taken = [self._take()]
        while self._thread.is_alive():
            with self._changed:
                self._changed.wait_for(lambda: self._samples or not self._thread.is_alive(), 0.02)
            taken.append(self._take())
        return np.concatenate([*taken, self._take()])

    def drop(self) -> None:
        """Stop decoding."""
        with self._changed:
            self._ended = self._dropped = True
            self._bytes.clear()
            self._changed.notify_all()

    def _take(self) -> Floats:
        with self._changed:
            if self._fault is not None:
                raise self._fault
            taken, self._samples, self._n_samples = self._samples, [], 0
            self._changed.notify_all()
        return np.concatenate([np.zeros(0, np.float32), *taken])

    # What follows is called by the decoding thread.

    def read(self, size: int) -> bytes:
        """The next bytes for FFmpeg; empty at the end."""
        with self._changed:
            self._needs_bytes = not self._bytes
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._bytes or self._ended)
            self._needs_bytes = False
            taken = bytes(self._bytes[:size])
            del self._bytes[: len(taken)]
            self._changed.notify_all()
            return taken

    def _decode(self) -> None:
        try:
            self._decode_container()
        except Exception as fault:  # noqa: BLE001 any error of FFmpeg on untrusted bytes
            if not isinstance(fault, AudioError):
                fault = AudioError(f"{self._name}: cannot be decoded ({fault}); record it again")
            with self._changed:
                self._fault = fault
                self._changed.notify_all()

    def _decode_container(self) -> None:
        import av  # noqa: PLC0415 (slow to load)

        with self._changed:
            self._changed.wait_for(lambda: len(self._bytes) >= HEAD_BYTES or self._ended)
            form = self._format(bytes(self._bytes[:HEAD_BYTES]))
        if form is None:
            return
        with av.open(self, "r", form, buffer_size=READ_BYTES, options=OPTIONS) as file:
            if not file.streams.audio:
                raise AudioError(f"{self._name}: has no audio track; record it with one")
            audio = file.streams.audio[0]
            to_mono = av.AudioResampler(format="fltp", layout="mono")
            resampler: StreamResampler | None = None
            for frame in file.decode(audio):
                resampler = resampler or StreamResampler(frame.sample_rate)
                for part in to_mono.resample(frame):
                    self._put(resampler.push(part.to_ndarray().astype(np.float32).T))
            if resampler is not None:
                self._put(resampler.finish())

    def _format(self, head: bytes) -> str | None:
        """FFmpeg's name of the container; None if nothing arrived."""
        if head[:4] in SIGNATURES:
            return SIGNATURES[head[:4]]
        if head[4:8] == b"ftyp":
            return "mov"
        if not head or self._dropped:
            return None
        raise AudioError(
            f"{self._name}: is not WebM, Matroska, Ogg or MP4; record it in one of these formats"
        )

    def _put(self, samples: Floats) -> None:
        if fault := invalid_sample(samples):
            raise AudioError(f"{self._name}: {fault}; record it again")
        with self._changed:
            self._changed.wait_for(lambda: self._n_samples < BUFFERED_SAMPLES or self._dropped)
            if self._dropped:
                raise AudioError(f"{self._name}: the stream was closed; send it again")
            self._samples.append(samples)
            self._n_samples += len(samples)
            self._changed.notify_all()
