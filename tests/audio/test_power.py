"""Power spectra are those of SciPy's windows one after another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import periodogram

from tests.speech import takes
from voxaffect.audio.power import BIN_HZ, WINDOW, power_spectra


def test_they_are_scipys_periodograms() -> None:
    (take,) = takes(1)
    n = take.samples.size // WINDOW
    windows = take.samples[: n * WINDOW].reshape(n, WINDOW).astype(np.float64)
    taper = np.hanning(WINDOW)
    frequencies, power = periodogram(
        windows, 16_000, taper, detrend=False, return_onesided=False, scaling="spectrum"
    )
    power = power[:, : WINDOW // 2 + 1] * taper.sum() ** 2
    assert abs(frequencies[1]) == BIN_HZ
    np.testing.assert_allclose(power_spectra(take.samples), power, rtol=1e-3, atol=1e-7)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    (take,) = takes(1)
    whole = power_spectra(take.samples)
    monkeypatch.setattr("voxaffect.audio.power.BLOCK_WINDOWS", 7)
    np.testing.assert_array_equal(power_spectra(take.samples), whole)


def test_what_is_shorter_than_a_window_has_none() -> None:
    assert power_spectra(np.ones(WINDOW - 1, np.float32)).shape == (0, WINDOW // 2 + 1)
    assert power_spectra(np.ones(WINDOW, np.float32)).shape == (1, WINDOW // 2 + 1)
