from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from voxaffect.features.whisper import mel
from voxaffect.features.whisper.mel import log_mel, mel_filters, slaney_hz, slaney_mel


def noise(n_samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.05, n_samples).astype(np.float32)


def test_the_scale_and_its_inverse_agree_and_join_at_the_knee() -> None:
    hz = np.linspace(0, 8000, 801)
    np.testing.assert_allclose(slaney_hz(slaney_mel(hz)), hz, atol=1e-9)
    assert (np.diff(slaney_mel(hz)) > 0).all()
    assert float(slaney_mel(1000.0 - 1e-9)) == pytest.approx(float(slaney_mel(1000.0)))


@pytest.mark.parametrize("n_mels", [80, 128])
def test_filters_and_spectra_are_those_of_the_library(n_mels: int) -> None:
    import transformers

    library = transformers.WhisperFeatureExtractor(feature_size=n_mels)
    np.testing.assert_allclose(mel_filters(n_mels), library.mel_filters, atol=1e-8)
    for x in (noise(480_000), np.concatenate([noise(100_000), np.zeros(380_000, np.float32)])):
        (expected,) = library(x, sampling_rate=16_000, return_tensors="np")["input_features"]
        np.testing.assert_allclose(
            log_mel(torch.from_numpy(x), n_mels, 3000).T, expected, atol=1e-5
        )


def test_spectra_are_those_of_a_float64_reference() -> None:
    x = noise(5000)
    padded = np.pad(x.astype(np.float64), 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([padded[i * 160 :][:400] * window for i in range(31)])
    power = np.abs(np.fft.rfft(frames)) ** 2 @ mel_filters(80).numpy().astype(np.float64)
    logs = np.log10(np.maximum(power, 1e-10))
    expected = (np.maximum(logs, logs.max() - 8) + 4) / 4
    np.testing.assert_allclose(log_mel(torch.from_numpy(x), 80, 31), expected, atol=2e-6)


def test_values_end_8_below_the_maximum() -> None:
    x = np.concatenate([noise(16_000), 1e-9 * noise(16_000, 1)]).astype(np.float32)
    values = log_mel(torch.from_numpy(x), 80, 200)
    assert float(values.max() - values.min()) == pytest.approx(2.0, abs=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.from_numpy(noise(16_000))
    whole = log_mel(x, 80, 100)
    monkeypatch.setattr(mel, "BLOCK_FRAMES", 7)
    np.testing.assert_allclose(log_mel(x, 80, 100), whole, atol=2e-6)
