from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.degrade.sounds import silence, speech
from voxaffect.audio.degrade.level import Clipping, Gain
from voxaffect.audio.waveform import Waveform
from voxaffect.features.descriptors.lld import LowLevelDescriptors


@pytest.mark.parametrize("gain_db", [-20, 20])
def test_gain_is_gone_after_normalisation_and_clips_nothing(gain_db: float) -> None:
    changed = Gain(gain_db).apply(speech(), 0)
    assert 20 * np.log10(changed.rms() / speech().rms()) == pytest.approx(gain_db, abs=1e-4)
    np.testing.assert_allclose(changed.normalised().samples, speech().samples, rtol=1e-5, atol=1e-9)


def test_descriptors_do_not_hear_the_gain() -> None:
    waveforms = [w.normalised() for w in (speech(), Gain(-20).apply(speech(), 0))]
    plain, quiet = LowLevelDescriptors().extract(waveforms)
    np.testing.assert_allclose(quiet, plain, rtol=1e-3, atol=1e-3)


@given(n_samples=st.integers(1, 3000), share=st.floats(0.001, 0.9), seed=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_the_share_stated_is_cut(n_samples: int, share: float, seed: int) -> None:
    sound = Waveform(np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32))
    clipped = Clipping(share).apply(sound, 0).samples
    top = np.abs(clipped).max()
    n_at_top = int((np.abs(clipped) == top).sum())
    assert abs(n_at_top - share * n_samples) <= 1
    untouched = np.abs(clipped) < top
    np.testing.assert_array_equal(clipped[untouched], sound.samples[untouched])


def test_silence_stays_silence() -> None:
    for degradation in (Clipping(0.1), Gain(20)):
        assert degradation.apply(silence(0.1), 0).rms() == 0
