from __future__ import annotations

import builtins
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.audio.fake_microphone import FakeDevice
from voxaffect.audio.decode import decode
from voxaffect.audio.pcm import ENCODINGS, PcmFormat, PcmStream, microphone
from voxaffect.errors import AudioError

SOUND = np.random.default_rng(0).uniform(-1, 1, 10_000).astype(np.float32)


def test_blocks_are_delivered_in_order_with_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDevice(SOUND, 48_000, overflows=(1,)).install(monkeypatch)
    blocks: list[tuple[NDArray[np.float32], bool]] = []
    with microphone(None, lambda *block: blocks.append(block)) as rate_hz:
        assert rate_hz == 48_000
    np.testing.assert_array_equal(np.concatenate([block for block, _ in blocks])[:, 0], SOUND)
    assert [lost for _, lost in blocks] == [False, True, False, False, False]


def test_unknown_device_error_lists_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    FakeDevice(SOUND).install(monkeypatch)
    with (
        pytest.raises(AudioError, match=r"microphone 'loft' cannot record .* --device: 1 fake$"),
        microphone("loft", lambda *_: None),
    ):
        pass


def test_no_microphone_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDevice(SOUND, is_connected=False).install(monkeypatch)
    with (
        pytest.raises(AudioError, match=r"the default microphone cannot .*; connect a microphone"),
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
def test_missing_libraries_are_named(
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


SUBTYPES = {"s16le": "PCM_16", "f32le": "FLOAT"}


def sound(n_samples: int, channels: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (n_samples, channels))


def raw(samples: NDArray[np.float64], encoding: str) -> bytes:
    dtype, scale = ENCODINGS[encoding]
    return (samples / scale).round(0 if dtype == "<i2" else 9).astype(dtype).tobytes()


def streamed(form: PcmFormat, data: bytes, borders: list[int]) -> NDArray[np.float32]:
    stream, cuts = PcmStream(form), [0, *sorted(borders), len(data)]
    pieces = [data[a:b] for a, b in pairwise(cuts)]
    return np.concatenate([*(stream.push(piece) for piece in pieces), stream.finish()])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("rate_hz", "channels"), [(16_000, 1), (16_000, 3), (44_100, 2), (8000, 1)]
)
def test_stream_decodes_like_a_file_of_the_same_samples(
    rate_hz: int, channels: int, encoding: str, tmp_path: Path
) -> None:
    samples, form = sound(9000, channels), PcmFormat(rate_hz, encoding, channels)
    path = tmp_path / "same.wav"
    values = np.frombuffer(raw(samples, encoding), ENCODINGS[encoding][0]).reshape(-1, channels)
    written = values if encoding == "s16le" else values.astype(np.float32)
    soundfile.write(path, written, rate_hz, subtype=SUBTYPES[encoding])
    found = streamed(form, raw(samples, encoding), list(range(777, 18_000, 777)))
    np.testing.assert_allclose(found, decode(path).samples, atol=1e-6)
    if rate_hz == 16_000:
        np.testing.assert_array_equal(found, decode(path).samples)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4000), max_size=8), st.sampled_from([16_000, 22_050]))
def test_bytes_may_be_split_anywhere(borders: list[int], rate_hz: int) -> None:
    form, data = PcmFormat(rate_hz, "s16le", 2), raw(sound(1000, 2), "s16le")
    np.testing.assert_allclose(streamed(form, data, borders), streamed(form, data, []), atol=1e-6)


def test_incomplete_last_frame_is_dropped() -> None:
    data = raw(sound(100, 2), "s16le")
    found = streamed(PcmFormat(channels=2), data[:-3], [])
    np.testing.assert_array_equal(found, streamed(PcmFormat(channels=2), data, [])[:-1])


def test_values_that_are_not_finite_are_refused() -> None:
    data = np.array([0, 0.5, np.nan], "<f4").tobytes()
    message = "stdin: sample 2 is not a finite number; check the stated format"
    with pytest.raises(AudioError, match=message):
        PcmStream(PcmFormat(encoding="f32le"), "stdin").push(data)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate_hz": 100}, "100 Hz is outside 1000 to 768000"),
        ({"encoding": "mp3"}, "'mp3' is unknown; use s16le or f32le"),
        ({"channels": 0}, "0 channels are out of range; choose 1 to 16"),
        ({"channels": 99}, "99 channels are out of range"),
    ],
)
def test_invalid_formats_are_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(AudioError, match=message):
        PcmFormat(**wrong)  # type: ignore[arg-type]
