from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.degrade.sounds import degraded, joined, silence, speech, tone
from voxaffect.audio.degrade import DEGRADATIONS
from voxaffect.audio.degrade.level import clipping, first_seconds, first_share, gain
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError
from voxaffect.features.lld.extractor import LowLevelDescriptors

SPOKEN = tone(300, 3.0)
ONSET_S = 0.03
"""Longest delay of the detected onset of a tone."""


@pytest.mark.parametrize("seconds", [0.5, 1, 2])
@pytest.mark.parametrize("before_s", [0.0, 1.0])
def test_first_seconds_count_from_the_onset_of_speech(seconds: float, before_s: float) -> None:
    sound = joined(silence(before_s), SPOKEN) if before_s else SPOKEN
    cut = degraded(first_seconds, sound, seconds=seconds)
    assert cut.duration_s == pytest.approx(before_s + seconds, abs=ONSET_S)
    np.testing.assert_array_equal(cut.samples, sound.samples[: cut.samples.size])


def test_first_share_of_what_follows_the_onset() -> None:
    cut = degraded(first_share, joined(silence(1.0), SPOKEN), share=0.5)
    assert cut.duration_s == pytest.approx(1.0 + 1.5, abs=ONSET_S)
    assert degraded(first_share, SPOKEN, share=1.0).samples.size == SPOKEN.samples.size


def test_shorter_recordings_are_kept_whole() -> None:
    short = tone(300, 0.1)
    assert degraded(first_seconds, short, seconds=0.5).samples.size == 0.1 * SAMPLE_RATE_HZ


def test_silence_cannot_be_truncated() -> None:
    for name in ("first-1000ms", "part-50pct"):
        with pytest.raises(AudioError, match="is silent"):
            DEGRADATIONS[name].apply(silence(2), 0)


@pytest.mark.parametrize("gain_db", [-20, 20])
def test_gain_is_removed_by_normalization(gain_db: float) -> None:
    changed = degraded(gain, speech(), gain_db=gain_db)
    assert 20 * np.log10(changed.rms() / speech().rms()) == pytest.approx(gain_db, abs=1e-4)
    np.testing.assert_allclose(changed.normalized().samples, speech().samples, rtol=1e-5, atol=1e-9)


def test_descriptors_do_not_depend_on_gain() -> None:
    waveforms = [
        w.normalized() for w in (speech(), DEGRADATIONS["quieter-20db"].apply(speech(), 0))
    ]
    plain, quiet = LowLevelDescriptors().extract(waveforms)
    np.testing.assert_allclose(quiet, plain, rtol=1e-3, atol=1e-3)


@given(n_samples=st.integers(1, 3000), share=st.floats(0.001, 0.9), seed=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_clipped_share_is_as_stated(n_samples: int, share: float, seed: int) -> None:
    sound = Waveform(np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32))
    clipped = degraded(clipping, sound, share=share).samples
    top = np.abs(clipped).max()
    n_at_top = int((np.abs(clipped) == top).sum())
    assert abs(n_at_top - share * n_samples) <= 1
    untouched = np.abs(clipped) < top
    np.testing.assert_array_equal(clipped[untouched], sound.samples[untouched])


def test_silence_stays_silence() -> None:
    for name in ("clipped-10pct", "louder-20db"):
        assert DEGRADATIONS[name].apply(silence(0.1), 0).rms() == 0
