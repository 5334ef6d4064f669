from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.degrade.sounds import band_db, power_db, speech, tone
from voxaffect.audio.degrade.band import Telephone, mu_law
from voxaffect.audio.waveform import Waveform

NOISE = Waveform(np.random.default_rng(0).normal(0, 0.05, 48_000).astype(np.float32))


def test_the_band_is_kept_and_what_lies_outside_is_gone() -> None:
    heard = Telephone(companded=False).apply(NOISE, 0).samples
    for low, high in ((400, 1000), (1000, 2000), (2000, 3300)):
        kept = band_db(heard, low, high) - band_db(NOISE.samples, low, high)
        assert kept == pytest.approx(0, abs=0.1)
    for low, high in ((0, 200), (3500, 4500), (4500, 8000)):
        assert band_db(heard, low, high) - band_db(NOISE.samples, low, high) < -30


@pytest.mark.parametrize("companded", [False, True])
@pytest.mark.parametrize("hz", [500, 1000, 3000])
def test_nothing_is_delayed(hz: float, *, companded: bool) -> None:
    sent = tone(hz)
    received = Telephone(companded=companded).apply(sent, 0).samples
    np.testing.assert_allclose(received[800:-800], sent.samples[800:-800], atol=0.005)


@pytest.mark.parametrize("level_db", [-10, -20, -30, -40])
def test_mu_law_keeps_its_ratio_over_all_levels(level_db: float) -> None:
    """ITU-T G.712 asks for 33 dB from 0 to -30 dBm0, 27 dB at -40; the code itself does better."""
    sent = np.sqrt(2) * 10 ** (level_db / 20) * np.sin(np.arange(8000) * 0.8123)
    ratio_db = power_db(sent) - power_db(mu_law(sent) - sent)
    assert 32 < ratio_db < 42


def test_mu_law_has_256_values_and_clips_at_full_scale() -> None:
    found = mu_law(np.linspace(-1.5, 1.5, 100_000))
    assert 250 <= np.unique(found).size <= 256
    assert np.abs(found).max() <= 1
    np.testing.assert_array_equal(mu_law(found), found)


def test_companding_is_a_little_noise_on_speech() -> None:
    band, companded = (Telephone(companded=c).apply(speech(), 0).samples for c in (False, True))
    assert 30 < power_db(band) - power_db(companded - band) < 45


@given(n_samples=st.integers(1, 500), companded=st.booleans())
@settings(max_examples=20, deadline=None)
def test_any_length_comes_back(n_samples: int, *, companded: bool) -> None:
    heard = Telephone(companded=companded).apply(Waveform(NOISE.samples[:n_samples]), 0)
    assert heard.samples.size == n_samples
