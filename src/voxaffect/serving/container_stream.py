"""A browser's recording while it grows: bytes in as they come, samples out as they are decoded.

FFmpeg pulls where a network pushes, so a thread of its own pulls, and waits when there is nothing.
What waits is bounded on both sides: whoever pushes has to wait too.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import StreamResampler
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, invalid_sample
from voxaffect.errors import AudioError

HELD_BYTES = 1 << 20
"""Encoded bytes that may wait."""

HELD_SAMPLES = 30 * SAMPLE_RATE_HZ
"""Decoded samples that may wait: a few bytes can hold hours."""

DECODED_WITHIN_S = 0.05
"""How long a push waits for its own samples."""

STARTS = {b"\x1aE\xdf\xa3": "matroska", b"OggS": "ogg"}
"""First bytes of a container -> FFmpeg's name of it."""

READ_BYTES = 4096
OPTIONS = {"probesize": "32768", "analyzeduration": "200000"}
"""FFmpeg looks at so many bytes and microseconds before it gives the first samples."""

Floats = NDArray[np.float32]


class ContainerStream:
    """Takes the bytes of a container as they come, cut anywhere, and gives samples.

    Args:
        name: what errors call it.
    """

    def __init__(self, name: str = "container") -> None:
        self._name = name
        self._news = threading.Condition()  # guards all below
        self._bytes = bytearray()
        self._samples: list[Floats] = []
        self._n_samples = 0
        self._ended = self._dropped = False
        self._is_hungry = False
        self._fault: AudioError | None = None
        self._thread = threading.Thread(
            target=self._decode, name="voxaffect-container", daemon=True
        )
        self._thread.start()

    def push(self, data: bytes) -> Floats:
        """Take the next bytes.

        Returns:
            float32 (n,), mono at 16 kHz, what is decoded by now.

        Raises:
            AudioError: the bytes are no container, or a damaged one.
        """
        for first in range(0, len(data), HELD_BYTES):
            self._feed(data[first : first + HELD_BYTES])
        with self._news:
            self._news.wait_for(self._is_idle, DECODED_WITHIN_S)
        return self._take()

    def finish(self) -> Floats:
        """What is left, float32 (n,).

        Raises:
            AudioError: as of `push`.
        """
        with self._news:
            self._ended = True
            self._news.notify_all()
        taken = [self._take()]
        while self._thread.is_alive():
            with self._news:
                self._news.wait_for(lambda: self._samples or not self._thread.is_alive(), 0.02)
            taken.append(self._take())
        return np.concatenate([*taken, self._take()])

    def drop(self) -> None:
        """Decode nothing more."""
        with self._news:
            self._ended = self._dropped = True
            self._bytes.clear()
            self._news.notify_all()

    def _feed(self, data: bytes) -> None:
        with self._news:
            self._news.wait_for(lambda: self._has_room() or self._samples or self._fault)
            self._bytes += data
            self._is_hungry = False
            self._news.notify_all()

    def _has_room(self) -> bool:
        return len(self._bytes) < HELD_BYTES

    def _is_idle(self) -> bool:
        """Whether nothing more can be decoded for now."""
        return self._is_hungry or self._fault is not None or self._n_samples >= HELD_SAMPLES

    def _take(self) -> Floats:
        with self._news:
            if self._fault is not None:
                raise self._fault
            taken, self._samples, self._n_samples = self._samples, [], 0
            self._news.notify_all()
        return np.concatenate([np.zeros(0, np.float32), *taken])

    # What follows is called by the decoding thread.

    def read(self, size: int) -> bytes:
        """The next bytes, as FFmpeg asks for them; none at the end."""
        with self._news:
            self._is_hungry = not self._bytes
            self._news.notify_all()
            self._news.wait_for(lambda: self._bytes or self._ended)
            self._is_hungry = False
            taken = bytes(self._bytes[:size])
            del self._bytes[: len(taken)]
            self._news.notify_all()
            return taken

    def _decode(self) -> None:
        try:
            self._decoded()
        except AudioError as fault:
            self._fail(fault)
        except Exception as fault:  # noqa: BLE001 whatever FFmpeg says of a stranger's bytes
            self._fail(AudioError(f"{self._name}: cannot be decoded ({fault}); record it again"))

    def _fail(self, fault: AudioError) -> None:
        with self._news:
            self._fault = fault
            self._news.notify_all()

    def _decoded(self) -> None:
        import av  # noqa: PLC0415 (slow to load)

        with self._news:
            self._news.wait_for(lambda: len(self._bytes) >= 12 or self._ended)
            form = self._form(bytes(self._bytes[:12]))
        if form is None:
            return
        with av.open(self, "r", form, buffer_size=READ_BYTES, options=OPTIONS) as file:
            if not file.streams.audio:
                raise AudioError(f"{self._name}: holds no sound; record it with a sound track")
            audio = file.streams.audio[0]
            to_mono = av.AudioResampler(format="fltp", layout="mono")
            resampling: StreamResampler | None = None
            for frame in file.decode(audio):
                resampling = resampling or StreamResampler(frame.sample_rate)
                for part in to_mono.resample(frame):
                    self._put(resampling.push(part.to_ndarray().astype(np.float32).T))
            if resampling is not None:
                self._put(resampling.finish())

    def _form(self, head: bytes) -> str | None:
        """FFmpeg's name of the container; None where nothing came."""
        if head[:4] in STARTS:
            return STARTS[head[:4]]
        if head[4:8] == b"ftyp":
            return "mov"
        if not head or self._dropped:
            return None
        raise AudioError(
            f"{self._name}: is no WebM, Matroska, Ogg or MP4; record it as one of them"
        )

    def _put(self, samples: Floats) -> None:
        if fault := invalid_sample(samples):
            raise AudioError(f"{self._name}: {fault}; record it again")
        with self._news:
            self._news.wait_for(lambda: self._n_samples < HELD_SAMPLES or self._dropped)
            if self._dropped:
                raise AudioError(f"{self._name}: nobody hears it any more; send it again")
            self._samples.append(samples)
            self._n_samples += len(samples)
            self._news.notify_all()
