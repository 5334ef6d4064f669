"""A microphone's sound, block by block; needs the extra `mic`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
