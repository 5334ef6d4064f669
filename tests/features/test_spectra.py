from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.short_time import mel_bands
from voxaffect.features.spectra import (
    LogMel,
    magnitude_spectrum,
    mel,
    mel_triangles,
    power_spectrum,
)

LOG_MEL = LogMel()

Array = NDArray[np.float64]


def noise(n_samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.05, n_samples).astype(np.float32)


def reference(x: NDArray[np.float32], n_mels: int, low_hz: float, high_hz: float) -> Array:
    """Frame by frame in float64, from the definitions."""
    n = np.arange(400)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 400)
    mel = 1127 * np.log(1 + np.arange(257) * 31.25 / 700)
    low, high = 1127 * np.log(1 + low_hz / 700), 1127 * np.log(1 + high_hz / 700)
    edges = np.linspace(low, high, n_mels + 2)
    rows = []
    for start in range(0, len(x) - 399, 160):
        power = np.abs(np.fft.rfft(window * x[start : start + 400].astype(np.float64), 512)) ** 2
        rise = (mel - edges[:-2, None]) / np.diff(edges)[:-1, None]
        fall = (edges[2:, None] - mel) / np.diff(edges)[1:, None]
        rows.append(np.log(np.clip(np.minimum(rise, fall), 0, None) @ power))
    return np.array(rows)


@settings(max_examples=10, deadline=None)
@given(
    n_samples=st.integers(400, 6000),
    n_mels=st.integers(4, 60),
    low_hz=st.floats(0, 200),
    high_hz=st.floats(5000, 8000),
)
def test_agrees_with_the_definitions(
    n_samples: int, n_mels: int, low_hz: float, high_hz: float
) -> None:
    x = noise(n_samples, n_mels)
    log_mel = LogMel(n_mels=n_mels, low_hz=low_hz, high_hz=high_hz)
    (values,) = log_mel.extract([Waveform(x)])
    assert values.dtype == np.float32
    assert values.shape == (FrameGrid().n_frames(n_samples), len(log_mel.names))
    np.testing.assert_allclose(values, reference(x, n_mels, low_hz, high_hz), atol=2e-3)


@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(400, 60_000), min_size=2, max_size=6), seed=st.integers(0, 99))
def test_values_do_not_depend_on_the_batch(lengths: list[int], seed: int) -> None:
    waveforms = [Waveform(noise(n, seed + i)) for i, n in enumerate(lengths)]
    together = LOG_MEL.extract(waveforms)
    backwards = LOG_MEL.extract(waveforms[::-1])[::-1]
    for waveform, one, other in zip(waveforms, together, backwards, strict=True):
        np.testing.assert_array_equal(one, LOG_MEL.extract([waveform])[0])
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("band", [15, 25, 35])
def test_a_tone_at_the_middle_of_a_band_is_loudest_there(band: int) -> None:
    edges = np.linspace(mel(20.0), mel(8000.0), 42)
    hz = 700 * np.expm1(edges[band + 1] / 1127)
    t = np.arange(16_000) / 16_000
    (values,) = LOG_MEL.extract([Waveform(np.sin(2 * np.pi * hz * t).astype(np.float32))])
    assert set(values.argmax(axis=1)) == {band}


def test_gain_adds_a_constant() -> None:
    x = noise(8000)
    soft, loud = LOG_MEL.extract([Waveform(x), Waveform(2 * x)])
    np.testing.assert_allclose(loud - soft, np.log(4), atol=1e-4)


@pytest.mark.parametrize("x", [np.zeros(4000), np.full(4000, 1e-41), np.r_[1.0, np.zeros(3999)]])
def test_extreme_signals_give_finite_values(x: NDArray[np.float64]) -> None:
    assert np.isfinite(LOG_MEL.extract([Waveform(x.astype(np.float32))])[0]).all()


def test_the_bands_of_mfcc_are_mel_triangles() -> None:
    np.testing.assert_allclose(mel_triangles(512, 26, 0.0, 8000.0), mel_bands(512), atol=1e-12)


def test_the_device_is_not_among_the_settings() -> None:
    assert LogMel(device="cpu").settings() == LOG_MEL.settings()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_mels": 0}, "0 mel bands"),
        ({"n_mels": 400}, "400 mel bands"),
        ({"low_hz": 4000.0, "high_hz": 3000.0}, "4000 to 3000 Hz"),
        ({"high_hz": 9000.0}, "9000 Hz"),
    ],
)
def test_invalid_bands_are_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(FeatureError, match=words):
        LogMel(**wrong)  # type: ignore[arg-type]


def test_short_recordings_are_refused_and_no_recordings_are_accepted() -> None:
    with pytest.raises(AudioError, match=r"short\.wav: lasts .* at least 25 ms"):
        LOG_MEL.extract([Waveform(noise(399), "short.wav")])
    assert LOG_MEL.extract([]) == []


def test_magnitudes_are_correctly_rounded_square_roots() -> None:
    frames = torch.randn(50, 512, generator=torch.Generator().manual_seed(0))
    exact = np.sqrt(power_spectrum(frames).numpy().astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(magnitude_spectrum(frames).numpy(), exact)


def test_magnitudes_agree_with_numpy() -> None:
    frames = torch.randn(5, 512, generator=torch.Generator().manual_seed(1))
    expected = np.abs(np.fft.rfft(frames.numpy().astype(np.float64)))
    np.testing.assert_allclose(magnitude_spectrum(frames).numpy(), expected, rtol=2e-5, atol=1e-5)
