"""The edge of a band that was cut is found, and wide-band speech has none."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from tests.speech import takes
from voxaffect.audio.bandwidth import upper_edge_hz
from voxaffect.audio.degrade.band import Telephone
from voxaffect.audio.power import power_spectra


def edge_hz(samples: NDArray[np.float32]) -> float:
    return upper_edge_hz(power_spectra(samples))


@pytest.mark.parametrize("rate_hz", [6_000, 8_000, 11_025])
def test_the_edge_lies_at_half_the_rate_that_was(rate_hz: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    narrow = soxr.resample(soxr.resample(noise, 16_000, rate_hz), rate_hz, 16_000)
    assert edge_hz(narrow) == pytest.approx(rate_hz / 2, abs=250)


@pytest.mark.parametrize("companded", [False, True])
def test_a_telephone_is_told_from_a_microphone(companded: bool) -> None:
    for take in takes(6):
        assert edge_hz(take.samples) > 6_000
        assert edge_hz(Telephone(companded).apply(take, 0).samples) <= 4_250


def test_what_is_shorter_than_a_window_is_not_judged() -> None:
    assert edge_hz(np.ones(1023, np.float32)) == 8_000
