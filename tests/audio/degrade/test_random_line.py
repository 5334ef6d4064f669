"""A copy's line follows from seed and number alone, and its noise is within the stated range."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.degrade.sounds import power_db, silence, speech
from voxaffect.audio.degrade.random_line import SNR_DB, Augmentation, random_line
from voxaffect.audio.waveform import Waveform


def test_seed_and_number_decide_a_line() -> None:
    one, again = (random_line(1).apply(speech(), seed=3).samples for _ in range(2))
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize(("number", "seed"), [(0, 3), (2, 3), (1, 4)])
def test_another_number_or_seed_is_another_line(number: int, seed: int) -> None:
    one = random_line(1).apply(speech(), seed=3).samples
    other = random_line(number).apply(speech(), seed=seed).samples
    assert np.corrcoef(one, other)[0, 1] < 0.999
    assert random_line(number).name != random_line(number + 1).name


@pytest.mark.parametrize("n_samples", [1600, 16_001, 30_372])
def test_length_and_name_stay(n_samples: int) -> None:
    cut = Waveform(speech().samples[:n_samples], "some")
    found = random_line(0).apply(cut, seed=0)
    assert found.samples.shape == cut.samples.shape
    assert found.samples.dtype == np.float32
    assert found.name == "some"


def test_noise_is_within_the_stated_range() -> None:
    """Where nobody speaks there is nothing but noise."""
    pause = silence(1.0).samples
    sound = Waveform(np.concatenate([pause, speech().samples, pause]))
    ratios = []
    for seed in range(40):
        samples = random_line(0).apply(sound, seed=seed).samples
        noise_db = power_db(samples[1000:13_000])
        # of the signal with as much noise in it
        signal = 10 ** (power_db(samples) / 10) - 10 ** (noise_db / 10)
        ratios.append(10 * np.log10(signal) - noise_db)
    low, high = SNR_DB
    assert low - 0.7 < min(ratios) < low + 5
    assert high - 5 < max(ratios) < high + 0.7


def test_settings_differ_by_number_alone() -> None:
    one, two = (random_line(n).settings() for n in (0, 1))
    assert one != two
    assert {**one, "number": 1} == two


def test_none_are_made_unless_asked_for() -> None:
    assert Augmentation().lines == 0
