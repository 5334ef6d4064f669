"""Fake of the library sounddevice: a device that records given samples."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


class PortAudioError(Exception):
    """Error that sounddevice raises."""


@dataclass
class FakeDevice:
    """Device that delivers samples (n,) at its rate, then nothing.

    Args:
        samples: what it records.
        rate_hz: its own rate.
        overflows: numbers of blocks before which the driver dropped audio.
        then: called after the last block.
        is_connected: whether it is plugged in.
    """

    samples: NDArray[np.float32]
    rate_hz: int = 16_000
    overflows: tuple[int, ...] = ()
    then: Callable[[], None] = lambda: None
    is_connected: bool = True

    def stream(
        self, *, blocksize: int, callback: Callable[..., None], **options: Any
    ) -> FakeStream:
        assert options == {
            "device": None,
            "samplerate": self.rate_hz,
            "channels": 1,
            "dtype": "float32",
        }
        return FakeStream(self, blocksize, callback)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module: Any = ModuleType("sounddevice")
        module.PortAudioError = PortAudioError
        module.query_devices = self.query
        module.InputStream = self.stream
        monkeypatch.setitem(sys.modules, "sounddevice", module)

    def query(self, device: str | int | None = None, kind: str | None = None) -> Any:
        own = {"default_samplerate": float(self.rate_hz), "max_input_channels": 1, "name": "fake"}
        if kind is None:
            speaker = {**own, "max_input_channels": 0, "name": "loud speaker"}
            return [speaker, own] if self.is_connected else [speaker]
        if device is not None or kind != "input" or not self.is_connected:
            raise ValueError(f"No {kind} device matching {device!r}")
        return own


class FakeStream:
    """Stream that calls back on its own thread, as PortAudio does."""

    def __init__(self, device: FakeDevice, size: int, callback: Callable[..., None]) -> None:
        self._device, self._size, self._callback = device, size, callback
        self._thread = Thread(target=self._play)

    def __enter__(self) -> FakeStream:
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._thread.join()

    def _play(self) -> None:
        buffer = np.empty((self._size, 1), np.float32)
        for number, start in enumerate(range(0, len(self._device.samples), self._size)):
            block = self._device.samples[start : start + self._size]
            buffer[: len(block), 0] = block  # the driver's own memory, used again
            status = SimpleNamespace(input_overflow=number in self._device.overflows)
            self._callback(buffer[: len(block)], len(block), None, status)
        self._device.then()
