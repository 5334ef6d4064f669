from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.degrade.sounds import Sound, band_db, joined, power_db, silence, speech, tone
from voxaffect.audio.degrade.noise import (
    HANGOVER_S,
    KINDS,
    Babble,
    Kind,
    Noise,
    _peak_envelope,
    add_noise,
    pink,
    speech_activity,
    traffic,
    white,
)
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError


def test_speech_level_of_a_tone_is_its_rms() -> None:
    found = speech_activity(tone(440, 2.0, amplitude=0.1))
    assert found.level_db == pytest.approx(10 * np.log10(0.1**2 / 2), abs=0.06)
    assert found.active.mean() > 0.98  # the envelope takes 23 ms to rise


def test_pauses_do_not_change_the_speech_level() -> None:
    spoken = speech()
    alone = speech_activity(spoken)
    padded = joined(silence(2.0), spoken, silence(3.0))
    found = speech_activity(padded)
    assert power_db(padded.samples) < power_db(spoken.samples) - 3
    assert found.level_db == pytest.approx(
        alone.level_db, abs=0.6
    )  # the hangover takes in 0.2 s of silence
    onsets = [int(activity.active.argmax()) for activity in (alone, found)]
    assert (onsets[1] - onsets[0]) / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.01)
    assert not found.active[: 2 * SAMPLE_RATE_HZ - 1].any()


@given(gain_db=st.floats(-60, 20))
@settings(max_examples=20, deadline=None)
def test_gain_changes_the_speech_level_but_not_the_activity(gain_db: float) -> None:
    spoken = speech()
    before = speech_activity(spoken)
    after = speech_activity(Waveform(spoken.samples * np.float32(10 ** (gain_db / 20))))
    assert after.level_db - before.level_db == pytest.approx(gain_db, abs=0.02)
    assert (after.active == before.active).mean() > 0.999


def test_speech_level_is_the_margin_above_the_threshold() -> None:
    spoken = joined(speech(), silence(1.0), speech(1))
    found = speech_activity(spoken)
    energy = np.square(spoken.samples, dtype=np.float64).sum()
    assert found.level_db == pytest.approx(10 * np.log10(energy / found.active.sum()), abs=1e-6)
    threshold = _peak_envelope(spoken.samples)[found.active].min()
    assert found.level_db - 20 * np.log10(threshold) == pytest.approx(15.9, abs=0.1)


def test_hangover_of_the_envelope() -> None:
    samples = np.zeros(8000, np.float32)
    samples[1000] = 1.0
    held, hold = _peak_envelope(samples), round(HANGOVER_S * SAMPLE_RATE_HZ)
    peak = int(held.argmax())
    assert 1000 < peak < 1000 + 1000
    assert (held[peak : peak + hold + 1] == held[peak]).all()
    assert held[peak + hold + 1] < held[peak]
    assert (held[:1000] == 0).all()


def test_a_click_is_active_throughout_and_silence_is_refused() -> None:
    click = np.zeros(1600, np.float32)
    click[800] = 0.5
    assert speech_activity(Waveform(click)).active.all()
    with pytest.raises(AudioError, match="silence: is silent"):
        speech_activity(silence(0.5))


OTHERS = tuple(speech(seed) for seed in range(1, 7))


def added(degradation: Noise | Babble, waveform: Waveform, seed: int = 0) -> Sound:
    return degradation.apply(waveform, seed).samples.astype(np.float64) - waveform.samples


@pytest.mark.parametrize("snr_db", [20, 10, 0, -5])
@pytest.mark.parametrize("kind", [*KINDS, "babble"])
def test_snr_does_not_depend_on_pauses(kind: str, snr_db: float) -> None:
    babble = Babble(snr_db).with_talkers(OTHERS)
    degradation = babble if kind == "babble" else Noise(cast("Kind", kind), snr_db)
    for spoken in (speech(), joined(silence(1.5), speech())):
        noise_db = power_db(added(degradation, spoken))
        assert speech_activity(spoken).level_db - noise_db == pytest.approx(snr_db, abs=0.1)


def test_severities_are_the_same_noise_at_other_levels() -> None:
    mild, severe = (added(Noise("pink", snr_db), speech()) for snr_db in (20, 0))
    np.testing.assert_allclose(severe, 10 * mild, atol=2e-6)


def octaves(samples: Sound) -> list[float]:
    return [band_db(samples, low, 2 * low) for low in (62.5, 125, 250, 500, 1000, 2000)]


def test_slopes_of_the_spectra() -> None:
    rng, n = np.random.default_rng(0), 20 * SAMPLE_RATE_HZ
    np.testing.assert_allclose(np.diff(octaves(white(n, rng))), 3.01, atol=0.5)
    np.testing.assert_allclose(np.diff(octaves(pink(n, rng))), 0.0, atol=0.5)
    np.testing.assert_allclose(np.diff(octaves(traffic(n, rng)))[2:], -3.01, atol=1.0)
    assert band_db(pink(n, rng), 0, 19) < band_db(pink(n, rng), 20, 40) - 100


def test_traffic_swells_and_has_harmonics() -> None:
    noise = traffic(8 * SAMPLE_RATE_HZ, np.random.default_rng(3))
    levels = [power_db(part) for part in noise.reshape(16, -1)]
    assert 3 < max(levels) - min(levels) < 12
    power = np.abs(np.fft.rfft(noise)) ** 2
    below_200 = power[: 200 * 8]
    assert below_200.max() > 100 * np.median(below_200)


@given(n_samples=st.integers(2, 2000), kind=st.sampled_from([*KINDS]), seed=st.integers(0, 2**64))
@settings(max_examples=50, deadline=None)
def test_noise_of_any_length_is_reproducible(n_samples: int, kind: Kind, seed: int) -> None:
    waveform = Waveform(np.full(n_samples, 0.05, np.float32))
    first, again = (Noise(kind, 10).apply(waveform, seed).samples for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (n_samples,)
    assert not np.array_equal(first, Noise(kind, 10).apply(waveform, seed + 1).samples)


def test_babble_weights_all_talkers_equally() -> None:
    quiet = [Waveform(w.samples * np.float32(0.01 * (i + 1))) for i, w in enumerate(OTHERS)]
    same = [Babble(0).with_talkers(who).apply(speech(), 5).samples for who in (OTHERS, quiet)]
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)


def test_short_talkers_repeat_and_no_talkers_are_an_error() -> None:
    short = Waveform(speech(1).samples[8000:9600], "short")
    noise = added(Babble(10).with_talkers([short]), speech())
    np.testing.assert_allclose(noise[1600:3200], noise[:1600], atol=1e-6)
    with pytest.raises(AudioError, match="speech 0: babble takes recordings of other speakers"):
        Babble(10).apply(speech(), 0)


def test_snr_relative_to_silence_is_refused() -> None:
    with pytest.raises(AudioError, match="is silent"):
        Noise("white", 10).apply(silence(1), 0)
    with pytest.raises(AudioError, match="noise to be added is silent"):
        add_noise(speech(), np.zeros(speech().samples.size), 10)


def test_noise_does_not_clip() -> None:
    loud = Waveform(speech().samples / np.abs(speech().samples).max())
    assert np.abs(Noise("white", 0).apply(loud, 0).samples).max() > 1
