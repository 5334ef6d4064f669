"""Power spectra are those of SciPy's windows one after another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import stft

from tests.speech import takes
from voxaffect.audio.power import WINDOW, power_spectra


def test_they_are_scipys_spectrograms() -> None:
    (take,) = takes(1)
    taper = np.hanning(WINDOW)
    _, _, transforms = stft(  # type: ignore[call-overload]  # no boundary is documented
        take.samples.astype(np.float64),
        window=taper,
        nperseg=WINDOW,
        noverlap=0,
        boundary=None,
        padded=False,
        scaling="spectrum",
    )
    power = np.square(np.abs(transforms * taper.sum())).T
    np.testing.assert_allclose(power_spectra(take.samples), power, rtol=1e-3, atol=1e-7)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    (take,) = takes(1)
    whole = power_spectra(take.samples)
    monkeypatch.setattr("voxaffect.audio.power.BLOCK_WINDOWS", 7)
    np.testing.assert_array_equal(power_spectra(take.samples), whole)


def test_what_is_shorter_than_a_window_has_none() -> None:
    assert power_spectra(np.ones(WINDOW - 1, np.float32)).shape == (0, WINDOW // 2 + 1)
    assert power_spectra(np.ones(WINDOW, np.float32)).shape == (1, WINDOW // 2 + 1)
