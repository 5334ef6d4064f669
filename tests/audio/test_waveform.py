from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.audio.waveform import TARGET_RMS, Waveform
from voxaffect.errors import AudioError


def test_rms_of_a_full_scale_sine() -> None:
    sine = np.sin(2 * np.pi * 100 * np.arange(16_000) / 16_000).astype(np.float32)
    assert Waveform(sine).rms() == pytest.approx(np.sqrt(0.5), rel=1e-6)


def test_duration_in_seconds() -> None:
    assert Waveform(np.ones(400, np.float32)).duration_s == 0.025


def test_clipped_share_counts_both_signs() -> None:
    samples = np.array([1.0, -1.0, 0.5, 0.0], np.float32)
    assert Waveform(samples).clipped_share() == 0.5


@given(st.floats(-60.0, 40.0), st.integers(0, 2**32 - 1))
def test_normalization_removes_gain(gain_db: float, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(1_000).astype(np.float32)
    loud = Waveform(noise * np.float32(10 ** (gain_db / 20))).normalized()
    assert loud.rms() == pytest.approx(TARGET_RMS, rel=1e-4)
    np.testing.assert_allclose(loud.samples, Waveform(noise).normalized().samples, atol=1e-5)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 2), np.float32), "2 axes"),
        (np.zeros(0, np.float32), "has no samples; remove it"),
        (np.array([0, np.nan], np.float32), "sample 1 is not a finite number"),
        (np.array([np.inf, 0], np.float32), "sample 0 is not a finite number"),
    ],
)
def test_invalid_samples_are_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=f"a.wav: {message}"):
        Waveform(samples, "a.wav")


def test_silence_cannot_be_normalized() -> None:
    with pytest.raises(AudioError, match=r"a\.wav: is silent"):
        Waveform(np.zeros(400, np.float32), "a.wav").normalized()
