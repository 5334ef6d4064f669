from __future__ import annotations

import numpy as np
import pytest

from tests.audio.degrade.sounds import band_db, degraded, power_db, silence, speech, tone
from voxaffect.audio.degrade.line import hum, offset, quantized, speed
from voxaffect.audio.rumble import without_rumble


def test_an_offset_is_the_mean_and_goes_with_rumble() -> None:
    moved = degraded(offset, speech(), value=0.02).samples
    assert moved.mean() - speech().samples.mean() == pytest.approx(0.02, abs=1e-6)
    np.testing.assert_allclose(without_rumble(moved), without_rumble(speech().samples), atol=1e-6)


@pytest.mark.parametrize("n_harmonics", [1, 9])
@pytest.mark.parametrize("level_db", [-50, -30])
def test_hum_has_its_level_and_frequencies(n_harmonics: int, level_db: float) -> None:
    added = degraded(hum, silence(2), hz=50, level_db=level_db, n_harmonics=n_harmonics).samples
    assert power_db(added) == pytest.approx(level_db, abs=0.01)
    above = band_db(added, 75, 8000) - band_db(added, 25, 75)
    assert (above > -10) == (n_harmonics > 1)
    assert band_db(added, 475, 8000) < band_db(added, 25, 75) - 60


@pytest.mark.parametrize("level_db", [-40, -66])
def test_rounding_noise_is_that_of_the_last_bit(level_db: float) -> None:
    rounded = degraded(quantized, speech(), level_db=level_db).samples
    assert power_db(rounded) == pytest.approx(level_db, abs=0.05)
    assert (rounded * 32_768 == np.round(rounded * 32_768)).all()
    scaled = speech().samples * 10 ** (level_db / 20) / speech().rms()
    # A twelfth of the square of the last bit, less where speech is silent.
    assert power_db(rounded - scaled) == pytest.approx(-101.1, abs=3)


def test_quantized_silence_is_silence() -> None:
    assert degraded(quantized, silence(0.1), level_db=-40).rms() == 0


def test_speed_raises_all_frequencies_and_shortens() -> None:
    fast = degraded(speed, tone(1000), factor=1.1)
    assert fast.duration_s == pytest.approx(1 / 1.1, abs=1e-3)
    assert band_db(fast.samples, 1080, 1120) > band_db(fast.samples, 0, 1050) + 40
