from __future__ import annotations

import numpy as np
import pytest

from voxaffect.features.descriptors.candidates import (
    MOST_BELOW_DB,
    Candidates,
    Scale,
    greatest_power,
    weigh,
)
from voxaffect.features.descriptors.peaks import Peaks
from voxaffect.features.descriptors.pitch_settings import RATE_HZ, PitchSettings

SETTINGS = PitchSettings()
SCALE = Scale.of(SETTINGS)


def offered(f0_hz: float, height: float, power: float = 1.0, loudest: float = 1.0) -> Candidates:
    """What a frame of a single peak offers."""
    lag, heights = np.array([[RATE_HZ / f0_hz]], np.float32), np.array([[height]], np.float32)
    room = Candidates.empty(1, 2)
    weigh(Peaks(lag, heights, np.array([power], np.float32)), np.array([loudest]), SCALE, room)
    return room


def unvoiced(below_db: float) -> float:
    return float(offered(100, 0.5, power=10 ** (-below_db / 10)).score[0, 0])


def test_a_peak_is_as_strong_as_it_is_high_and_gains_with_octaves() -> None:
    low, high = offered(100.0, 0.8), offered(400.0, 0.8)
    np.testing.assert_allclose(high.octave - low.octave, [[0, 2]], atol=1e-5)
    np.testing.assert_allclose(
        high.score[0, 1] - low.score[0, 1], 2 * SETTINGS.octave_cost, atol=1e-6
    )
    np.testing.assert_allclose(low.f0_hz, [[0, 100]], rtol=1e-6)
    np.testing.assert_allclose([low.probability, high.probability], 0.8, rtol=1e-6)


@pytest.mark.parametrize(("f0_hz", "height"), [(74.0, 0.9), (601.0, 0.9), (200.0, -np.inf)])
def test_what_is_out_of_range_or_no_peak_is_no_candidate(f0_hz: float, height: float) -> None:
    none = offered(f0_hz, height)
    assert np.isneginf(none.score[0, 1])
    assert np.isfinite(none.octave).all()
    assert none.probability[0] == 0


def test_having_no_pitch_gains_with_softness_until_it_is_soft_enough() -> None:
    assert unvoiced(0) == pytest.approx(SETTINGS.voicing_threshold)
    assert unvoiced(10) - unvoiced(0) == pytest.approx(SETTINGS.softness_cost)
    soft = SETTINGS.voicing_threshold + SETTINGS.softness_cost * MOST_BELOW_DB / 10
    assert unvoiced(60) == pytest.approx(soft + 2, abs=0.1)  # and 2 more as it is silent


def test_a_frame_is_never_softer_than_itself() -> None:
    louder = offered(100, 0.5, power=4.0, loudest=1.0)
    assert louder.score[0, 0] == pytest.approx(SETTINGS.voicing_threshold)


def test_gain_changes_nothing() -> None:
    for one, other in zip(offered(100, 0.7, 0.1, 0.4), offered(100, 0.7, 1e-9, 4e-9), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_silence_offers_nothing() -> None:
    silent = offered(100, 0.9, power=0.0, loudest=0.0)
    assert silent.probability[0] == 0
    assert silent.score[0, 0] > silent.score[0, 1]


def test_the_loudest_frame_is_forgotten_by_decibels() -> None:
    power = np.array([1, 0, 0, 0.9, 0], np.float32)
    found = greatest_power(power, 0.0, 0.5)
    np.testing.assert_allclose(found, [1, 0.5, 0.25, 0.9, 0.45], rtol=1e-6)
    np.testing.assert_allclose(greatest_power(power[1:3], 8.0, 0.5), [4, 2])
