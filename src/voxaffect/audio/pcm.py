"""Live audio: microphone recording, and raw PCM bytes to mono samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from voxaffect.audio.decode import DEFAULT_LIMITS, RATES_HZ, StreamResampler
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Floats, invalid_sample
from voxaffect.errors import AudioError

BLOCK_S = 0.05  # length of the blocks that the driver delivers


@contextmanager
def microphone(
    device: str | int | None, on_block: Callable[[Floats, bool], None]
) -> Iterator[float]:
    """Record from a device until the `with` statement ends; yields its sample rate in Hz.

    Args:
        device: its number, or a part of its name; None is the system's default.
        on_block: called on the driver's thread, so it must not block, with a block (n, channels)
            and whether audio was dropped before it.

    Raises:
        AudioError: sounddevice or PortAudio is not installed, or the device cannot record.
    """
    sounddevice = _import_sounddevice()

    def callback(block: Floats, n_frames: int, time: Any, status: Any) -> None:  # noqa: ARG001 PortAudio's
        on_block(block.copy(), bool(status and status.input_overflow))

    try:
        found = sounddevice.query_devices(device, "input")
        rate_hz = float(found["default_samplerate"])
        recording = sounddevice.InputStream(
            device=device,
            samplerate=rate_hz,
            channels=1,
            dtype="float32",
            blocksize=round(BLOCK_S * rate_hz),
            callback=callback,
        )
    except (sounddevice.PortAudioError, ValueError) as fault:
        called = "the default microphone" if device is None else f"microphone {device!r}"
        inputs = ", ".join(
            f"{number} {known['name']}"
            for number, known in enumerate(sounddevice.query_devices())
            if known["max_input_channels"]
        )
        advice = f"choose another with --device: {inputs}" if inputs else "connect a microphone"
        raise AudioError(f"{called} cannot record ({fault}); {advice}") from fault
    with recording:
        yield rate_hz


def _import_sounddevice() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 optional, and loads PortAudio
    except ImportError as fault:
        raise AudioError(
            "a microphone needs the library sounddevice; run pip install 'voxaffect[mic]', or send "
            "raw PCM to voxaffect listen --stdin"
        ) from fault
    except OSError as fault:  # its answer if PortAudio itself is missing
        raise AudioError(
            f"a microphone needs PortAudio ({fault}); install it with the system's packages, or "
            "send raw PCM to voxaffect listen --stdin"
        ) from fault
    return sounddevice


# NumPy's type of a sample, and the factor to a full scale of 1.
ENCODINGS = {"s16le": ("<i2", 1 / 32_768), "f32le": ("<f4", 1.0)}


@dataclass(frozen=True)
class PcmFormat:
    """Format of raw PCM, channels interleaved; a value out of range is an `AudioError`."""

    rate_hz: int = SAMPLE_RATE_HZ
    encoding: str = "s16le"  # one of `ENCODINGS`
    channels: int = 1

    def __post_init__(self) -> None:
        low, high = RATES_HZ
        if not low <= self.rate_hz <= high:
            raise AudioError(
                f"a sample rate of {self.rate_hz} Hz is outside {low} to {high} Hz; "
                "give the true one"
            )
        if self.encoding not in ENCODINGS:
            raise AudioError(
                f"PCM format {self.encoding!r} is unknown; use {' or '.join(ENCODINGS)}"
            )
        most = DEFAULT_LIMITS.max_channels
        if not 1 <= self.channels <= most:
            raise AudioError(f"{self.channels} channels are out of range; choose 1 to {most}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return np.dtype(ENCODINGS[self.encoding][0]).itemsize * self.channels


class PcmStream:
    """Conversion of raw PCM bytes, split anywhere, to mono samples at 16 kHz; errors name them."""

    def __init__(self, form: PcmFormat, name: str = "PCM") -> None:
        self._form, self._name = form, name
        self._resampler = StreamResampler(form.rate_hz)
        self._rest = b""

    def push(self, data: bytes) -> Floats:
        """Samples (n,) that the next bytes complete; what cannot be one is an `AudioError`."""
        data = self._rest + data
        whole = len(data) - len(data) % self._form.frame_bytes
        self._rest = data[whole:]
        dtype, scale = ENCODINGS[self._form.encoding]
        values = np.frombuffer(data[:whole], dtype).astype(np.float32) * np.float32(scale)
        if fault := invalid_sample(values):
            raise AudioError(f"{self._name}: {fault}; check the stated format")
        return self._resampler.push(values.reshape(-1, self._form.channels))

    def finish(self) -> Floats:
        """Remaining samples (n,); bytes of an incomplete frame are dropped."""
        return self._resampler.finish()
