from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.degrade.sounds import (
    Sound,
    band_db,
    degraded,
    joined,
    power_db,
    silence,
    speech,
    tone,
)
from voxaffect.audio.degrade.noise import (
    HANGOVER_S,
    KINDS,
    _peak_envelope,
    add_noise,
    babble,
    noise,
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


def mixed(
    kind: str,
    snr_db: float,
    waveform: Waveform,
    seed: int = 0,
    talkers: tuple[Waveform, ...] = OTHERS,
) -> Waveform:
    if kind == "babble":
        return degraded(babble, waveform, seed, talkers, snr_db=snr_db, n_talkers=6)
    return degraded(noise, waveform, seed, kind=kind, snr_db=snr_db)


def added(
    kind: str, snr_db: float, waveform: Waveform, talkers: tuple[Waveform, ...] = OTHERS
) -> Sound:
    noisy = mixed(kind, snr_db, waveform, talkers=talkers)
    return noisy.samples.astype(np.float64) - waveform.samples


@pytest.mark.parametrize("snr_db", [20, 10, 0, -5])
@pytest.mark.parametrize("kind", [*KINDS, "babble"])
def test_snr_does_not_depend_on_pauses(kind: str, snr_db: float) -> None:
    for spoken in (speech(), joined(silence(1.5), speech())):
        noise_db = power_db(added(kind, snr_db, spoken))
        assert speech_activity(spoken).level_db - noise_db == pytest.approx(snr_db, abs=0.1)


def test_severities_are_the_same_noise_at_other_levels() -> None:
    mild, severe = (added("pink", snr_db, speech()) for snr_db in (20, 0))
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
    passing = traffic(8 * SAMPLE_RATE_HZ, np.random.default_rng(3))
    levels = [power_db(part) for part in passing.reshape(16, -1)]
    assert 3 < max(levels) - min(levels) < 12
    power = np.abs(np.fft.rfft(passing)) ** 2
    below_200 = power[: 200 * 8]
    assert below_200.max() > 100 * np.median(below_200)


@given(n_samples=st.integers(2, 2000), kind=st.sampled_from([*KINDS]), seed=st.integers(0, 2**64))
@settings(max_examples=50, deadline=None)
def test_noise_of_any_length_is_reproducible(n_samples: int, kind: str, seed: int) -> None:
    waveform = Waveform(np.full(n_samples, 0.05, np.float32))
    first, again = (mixed(kind, 10, waveform, seed).samples for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (n_samples,)
    assert not np.array_equal(first, mixed(kind, 10, waveform, seed + 1).samples)


def test_babble_weights_all_talkers_equally() -> None:
    quiet = tuple(Waveform(w.samples * np.float32(0.01 * (i + 1))) for i, w in enumerate(OTHERS))
    same = [mixed("babble", 0, speech(), 5, who).samples for who in (OTHERS, quiet)]
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)


def test_short_talkers_repeat_and_no_talkers_are_an_error() -> None:
    short = Waveform(speech(1).samples[8000:9600], "short")
    talk = added("babble", 10, speech(), (short,))
    np.testing.assert_allclose(talk[1600:3200], talk[:1600], atol=1e-6)
    with pytest.raises(AudioError, match="speech 0: babble takes recordings of other speakers"):
        mixed("babble", 10, speech(), talkers=())


def test_snr_relative_to_silence_is_refused() -> None:
    with pytest.raises(AudioError, match="is silent"):
        mixed("white", 10, silence(1))
    with pytest.raises(AudioError, match="noise to be added is silent"):
        add_noise(speech(), np.zeros(speech().samples.size), 10)


def test_noise_does_not_clip() -> None:
    loud = Waveform(speech().samples / np.abs(speech().samples).max())
    assert np.abs(mixed("white", 0, loud).samples).max() > 1
