from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.degrade.sounds import joined, power_db, silence, speech, tone
from voxaffect.audio.degrade.activity import HANGOVER_S, _held_envelope, speech_activity
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError


def test_a_steady_tone_is_active_throughout_and_at_its_own_level() -> None:
    found = speech_activity(tone(440, 2.0, amplitude=0.1))
    assert found.level_db == pytest.approx(10 * np.log10(0.1**2 / 2), abs=0.06)
    assert found.active.mean() > 0.98  # the envelope takes 23 ms to rise


def test_pauses_change_the_mean_level_and_not_the_active_one() -> None:
    spoken = speech()
    alone = speech_activity(spoken)
    padded = joined(silence(2.0), spoken, silence(3.0))
    found = speech_activity(padded)
    assert power_db(padded.samples) < power_db(spoken.samples) - 3
    assert found.level_db == pytest.approx(
        alone.level_db, abs=0.6
    )  # the hangover takes in 0.2 s of silence
    assert (found.onset - alone.onset) / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.01)
    assert not found.active[: 2 * SAMPLE_RATE_HZ - 1].any()


@given(gain_db=st.floats(-60, 20))
@settings(max_examples=20, deadline=None)
def test_the_level_moves_with_the_gain_and_the_activity_does_not(gain_db: float) -> None:
    spoken = speech()
    before = speech_activity(spoken)
    after = speech_activity(Waveform(spoken.samples * np.float32(10 ** (gain_db / 20))))
    assert after.level_db - before.level_db == pytest.approx(gain_db, abs=0.02)
    assert (after.active == before.active).mean() > 0.999


def test_the_level_is_that_of_the_active_samples_and_lies_the_margin_above_the_threshold() -> None:
    spoken = joined(speech(), silence(1.0), speech(1))
    found = speech_activity(spoken)
    energy = np.square(spoken.samples, dtype=np.float64).sum()
    assert found.level_db == pytest.approx(10 * np.log10(energy / found.active.sum()), abs=1e-6)
    threshold = _held_envelope(spoken.samples)[found.active].min()
    assert found.level_db - 20 * np.log10(threshold) == pytest.approx(15.9, abs=0.1)


def test_the_envelope_is_held_as_the_standard_counts_its_hangover() -> None:
    samples = np.zeros(8000, np.float32)
    samples[1000] = 1.0
    held, hold = _held_envelope(samples), round(HANGOVER_S * SAMPLE_RATE_HZ)
    peak = int(held.argmax())
    assert 1000 < peak < 1000 + 1000
    assert (held[peak : peak + hold + 1] == held[peak]).all()
    assert held[peak + hold + 1] < held[peak]
    assert (held[:1000] == 0).all()


def test_a_click_is_active_throughout_and_silence_has_no_level() -> None:
    click = np.zeros(1600, np.float32)
    click[800] = 0.5
    assert speech_activity(Waveform(click)).active.all()
    with pytest.raises(AudioError, match="silence: is silent"):
        speech_activity(silence(0.5))
