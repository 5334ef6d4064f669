from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.stages import Runner
from voxaffect.export.peaks import find_peaks
from voxaffect.features.descriptors import peaks as python
from voxaffect.features.descriptors.peaks import REACH, Peaks
from voxaffect.features.descriptors.pitch_settings import PitchSettings

SETTINGS = PitchSettings()
N_LAGS = SETTINGS.borders[-1] + REACH

find = Runner(
    lambda op, a, o: tuple(find_peaks(op, a, o, SETTINGS)),
    (("T", N_LAGS), "float32"),
    (("T", 1), "float32"),
)


def peaks_in_python(at_lag: np.ndarray, offset: np.ndarray) -> Peaks:
    preference = -SETTINGS.octave_cost * np.log2(np.arange(N_LAGS).clip(1))
    found = Peaks.empty(len(at_lag), SETTINGS.n_candidates)
    borders = np.array(SETTINGS.borders)
    python.find_peaks(at_lag, offset[:, 0], borders, preference.astype(np.float32), found)
    return found


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 1e-6, 1.0, 1e6]), st.integers(0, 1))
def test_peaks_are_those_of_python(seed: int, scale: float, places: int) -> None:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(9, N_LAGS)).round(places)  # rounded: neighbours are often equal
    at_lag, offset = (scale * level).astype(np.float32), rng.normal(size=(9, 1)).astype(np.float32)
    expected = peaks_in_python(at_lag, offset)
    lag, height, power = find(at_lag, offset)
    np.testing.assert_allclose(lag, expected.lag, rtol=1e-6)
    np.testing.assert_allclose(height, expected.height, rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(power[:, 0], expected.power)


def test_a_slope_has_no_peak() -> None:
    at_lag = np.linspace(1, 0, N_LAGS, dtype=np.float32)[None]
    lag, height, _ = find(at_lag, np.zeros((1, 1), np.float32))
    assert lag[0].tolist() == SETTINGS.borders[:-1]
    assert np.isneginf(height).all()
