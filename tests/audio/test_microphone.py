from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.audio.fake_microphone import FakeDevice
from voxaffect.audio.microphone import microphone
from voxaffect.errors import AudioError

SOUND = np.random.default_rng(0).uniform(-1, 1, 10_000).astype(np.float32)


def test_blocks_come_in_order_with_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDevice(SOUND, 48_000, overflows=(1,)).install(monkeypatch)
    blocks: list[tuple[NDArray[np.float32], bool]] = []
    with microphone(None, lambda *block: blocks.append(block)) as rate_hz:
        assert rate_hz == 48_000
    np.testing.assert_array_equal(np.concatenate([block for block, _ in blocks])[:, 0], SOUND)
    assert [lost for _, lost in blocks] == [False, True, False, False, False]


def test_a_device_that_is_not_there_is_named_and_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    FakeDevice(SOUND).install(monkeypatch)
    with (
        pytest.raises(AudioError, match=r"microphone 'loft' cannot record .* --device: 1 fake$"),
        microphone("loft", lambda *_: None),
    ):
        pass


def test_a_computer_without_a_microphone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDevice(SOUND, is_connected=False).install(monkeypatch)
    with (
        pytest.raises(AudioError, match=r"default microphone cannot record .*; no microphone is"),
        microphone(None, lambda *_: None),
    ):
        pass


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (ImportError("none"), r"needs the library sounddevice; run pip install 'voxaffect\[mic\]'"),
        (OSError("PortAudio library not found"), "needs PortAudio .*not found.*; install it"),
    ],
)
def test_what_is_not_installed_is_said(
    fault: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name == "sounddevice":
            raise fault
        return load(name, *rest)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(AudioError, match=message), microphone(None, lambda *_: None):
        pass
