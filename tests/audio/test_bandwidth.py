"""The edge of a band that was cut is found, and wide-band speech has none."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from tests.speech import takes
from voxaffect.audio.bandwidth import long_term_spectrum, upper_edge_hz
from voxaffect.audio.degrade.band import Telephone


@pytest.mark.parametrize("rate_hz", [6_000, 8_000, 11_025])
def test_the_edge_lies_at_half_the_rate_that_was(rate_hz: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    narrow = soxr.resample(soxr.resample(noise, 16_000, rate_hz), rate_hz, 16_000)
    assert upper_edge_hz(narrow) == pytest.approx(rate_hz / 2, abs=250)


@pytest.mark.parametrize("companded", [False, True])
def test_a_telephone_is_told_from_a_microphone(companded: bool) -> None:
    for take in takes(6):
        assert upper_edge_hz(take.samples) > 6_000
        assert upper_edge_hz(Telephone(companded).apply(take, 0).samples) <= 4_250


def test_what_is_shorter_than_a_window_is_not_judged() -> None:
    assert upper_edge_hz(np.ones(511, np.float32)) == 8_000


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    (take,) = takes(1)
    whole = long_term_spectrum(take.samples)
    monkeypatch.setattr("voxaffect.audio.bandwidth.BLOCK_WINDOWS", 7)
    np.testing.assert_allclose(long_term_spectrum(take.samples), whole, rtol=1e-5)
