"""The table is that of the model, and noise that is added is found again."""

from __future__ import annotations

import numpy as np
import pytest

from tests.speech import takes
from voxaffect.audio.noise_level import DIFFERENCES, RATIOS_DB, SHAPE, signal_to_noise_db


@pytest.mark.parametrize("ratio_db", [-5.0, 5.0, 15.0, 30.0])
def test_the_table_is_what_gamma_speech_in_gaussian_noise_comes_to(ratio_db: float) -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    speech = rng.gamma(SHAPE, 1 / np.sqrt(SHAPE * (SHAPE + 1)), n) * rng.choice([-1, 1], n)
    mixed = np.abs(speech * 10 ** (ratio_db / 20) + rng.normal(size=n))
    difference = np.log(mixed.mean()) - np.log(mixed).mean()
    assert np.interp(ratio_db, RATIOS_DB, DIFFERENCES) == pytest.approx(difference, abs=0.005)


def test_the_table_rises() -> None:
    assert (np.diff(DIFFERENCES) > 0).all()


def test_more_noise_is_a_lower_ratio_and_a_gain_is_none() -> None:
    rng = np.random.default_rng(1)
    for take in takes(4):
        noise = rng.normal(size=take.samples.size).astype(np.float32) * np.float32(take.rms())
        mixed = [take.samples + noise * np.float32(10 ** (-db / 20)) for db in (30, 15, 5, -5)]
        found = [signal_to_noise_db(samples) for samples in (take.samples, *mixed)]
        assert found == sorted(found, reverse=True)
        assert found[0] > 20
        assert found[-2] < 8
        assert signal_to_noise_db(mixed[1] * take.samples.dtype.type(1 / 64)) == pytest.approx(
            found[2], abs=1e-3
        )


def test_digital_silence_between_words_is_no_noise() -> None:
    (take,) = takes(1)
    with_pauses = np.concatenate([take.samples, np.zeros(16_000, np.float32)])
    assert signal_to_noise_db(with_pauses) == 50
