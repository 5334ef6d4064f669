"""Raw PCM as it comes, without a header: bytes -> mono samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from voxaffect.audio.decode import DEFAULT_LIMITS, RATES_HZ, downmix
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, invalid_sample
from voxaffect.errors import AudioError

BLOCK_S = 0.05
"""Length of the blocks that the driver is asked for."""

Floats = NDArray[np.float32]
OnBlock = Callable[[Floats, bool], None]
"""Told of a block (n, channels) and of whether the driver dropped sound before it; by the driver's
own thread, so it must not wait for anything."""


@contextmanager
def microphone(device: str | int | None, on_block: OnBlock) -> Iterator[float]:
    """Record from a device until the `with` statement ends.

    Args:
        device: its number, or a part of its name; None is the system's default.
        on_block: told of each block.

    Yields:
        the device's sample rate in Hz.

    Raises:
        AudioError: sounddevice or PortAudio is not installed, or the device cannot record.
    """
    sound = _sounddevice()
    try:
        found = sound.query_devices(device, "input")
        rate_hz = float(found["default_samplerate"])
        recording = sound.InputStream(
            device=device,
            samplerate=rate_hz,
            channels=1,
            dtype="float32",
            blocksize=round(BLOCK_S * rate_hz),
            callback=_callback(on_block),
        )
    except (sound.PortAudioError, ValueError) as fault:
        called = "the default microphone" if device is None else f"microphone {device!r}"
        raise AudioError(f"{called} cannot record ({fault}); {_choice(sound)}") from fault
    with recording:
        yield rate_hz


def _choice(sound: Any) -> str:
    """What can be done where a device cannot record."""
    there_are = [
        f"{number} {device['name']}"
        for number, device in enumerate(sound.query_devices())
        if device["max_input_channels"]
    ]
    if not there_are:
        return "no microphone is connected: connect one"
    return f"choose another with --device: {', '.join(there_are)}"


def _sounddevice() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 optional, and loads PortAudio
    except ImportError as fault:
        raise AudioError(
            "a microphone needs the library sounddevice; run pip install 'voxaffect[mic]', or send "
            "raw PCM to voxaffect listen --stdin"
        ) from fault
    except OSError as fault:  # its answer where PortAudio itself is missing
        raise AudioError(
            f"a microphone needs PortAudio ({fault}); install it with the system's packages, or "
            "send raw PCM to voxaffect listen --stdin"
        ) from fault
    return sounddevice


def _callback(on_block: OnBlock) -> Callable[[Floats, int, Any, Any], None]:
    def callback(block: Floats, n_frames: int, time: Any, status: Any) -> None:  # noqa: ARG001 PortAudio's
        on_block(block.copy(), bool(status and status.input_overflow))

    return callback


ENCODINGS = {"s16le": ("<i2", 1 / 32_768), "f32le": ("<f4", 1.0)}
"""What a sample is: how NumPy calls it, and the factor to a full scale of 1."""


@dataclass(frozen=True)
class PcmFormat:
    """What bytes mean; channels are interleaved.

    Args:
        rate_hz: sample rate.
        encoding: one of `ENCODINGS`: 16-bit integers or 32-bit floats, the low byte first.
        channels: how many.

    Raises:
        AudioError: no sound can be like that.
    """

    rate_hz: int = SAMPLE_RATE_HZ
    encoding: str = "s16le"
    channels: int = 1

    def __post_init__(self) -> None:
        low, high = RATES_HZ
        if not low <= self.rate_hz <= high:
            raise AudioError(
                f"a sample rate of {self.rate_hz} Hz is outside {low} to {high} Hz; "
                "name the true one"
            )
        if self.encoding not in ENCODINGS:
            raise AudioError(
                f"PCM of the format {self.encoding!r} is unknown; use {' or '.join(ENCODINGS)}"
            )
        if not 1 <= self.channels <= DEFAULT_LIMITS.max_channels:
            raise AudioError(f"{self.channels} channels; choose 1 to {DEFAULT_LIMITS.max_channels}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return np.dtype(ENCODINGS[self.encoding][0]).itemsize * self.channels

    def samples(self, frames: bytes) -> Floats:
        """Whole frames as float32 (n, channels), full scale 1."""
        dtype, scale = ENCODINGS[self.encoding]
        values = np.frombuffer(frames, dtype).astype(np.float32) * np.float32(scale)
        return values.reshape(-1, self.channels)


class StreamResampler:
    """Brings sound that comes block by block to mono at 16 kHz, as `decode` does with a file.

    Args:
        rate_hz: of what comes.
    """

    def __init__(self, rate_hz: float) -> None:
        self._stream = (
            None
            if rate_hz == SAMPLE_RATE_HZ
            else soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
        )

    def push(self, block: Floats) -> Floats:
        """The samples (n,) at 16 kHz that a block (n_samples, channels) completes."""
        return self._resampled(np.ascontiguousarray(downmix(block)), last=False)

    def finish(self) -> Floats:
        """What is left, (n,)."""
        return self._resampled(np.zeros(0, np.float32), last=True)

    def _resampled(self, mono: Floats, *, last: bool) -> Floats:
        if self._stream is None:
            return mono
        resampled: Floats = self._stream.resample_chunk(mono, last=last)
        return resampled


class PcmStream:
    """Takes bytes as they come, cut anywhere, and gives samples.

    Args:
        form: what the bytes mean.
        name: what errors call their source.
    """

    def __init__(self, form: PcmFormat, name: str = "PCM") -> None:
        self._form, self._name = form, name
        self._resampling = StreamResampler(form.rate_hz)
        self._rest = b""

    def push(self, data: bytes) -> Floats:
        """Take the next bytes.

        Returns:
            float32 (n,), mono at 16 kHz, what can be told by now.

        Raises:
            AudioError: a number is no sample, as is likely of another format than was stated.
        """
        data = self._rest + data
        whole = len(data) - len(data) % self._form.frame_bytes
        self._rest = data[whole:]
        frames = self._form.samples(data[:whole])
        if fault := invalid_sample(frames.reshape(-1)):
            raise AudioError(f"{self._name}: {fault}; check the format that was stated")
        return self._resampling.push(frames)

    def finish(self) -> Floats:
        """What is left, float32 (n,); bytes of a frame that was cut off are no sound."""
        return self._resampling.finish()
