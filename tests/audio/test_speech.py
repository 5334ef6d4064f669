from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.speech import takes
from voxaffect.audio.speech import (
    DROPOUT_SAMPLES,
    Speech,
    digital_silence,
    runs,
    speech_of,
)
from voxaffect.audio.waveform import TARGET_RMS, Waveform, rms
from voxaffect.errors import AudioError, NoSpeechError

RATE = 16_000
Floats = NDArray[np.float32]


def recording(*, is_rounded: bool) -> Floats:
    """Two takes in faint noise, half a second apart; of 16 bits, with zeros, or of floats."""
    one, other = (take.normalized().samples for take in takes(2))
    pause = np.zeros(RATE // 2, np.float32)
    sound = np.concatenate([pause, one, pause, other, pause])
    noise = np.random.default_rng(0).normal(scale=2e-4, size=sound.size)
    noisy = sound + noise
    return (np.round(noisy * 32768) / 32768 if is_rounded else noisy).astype(np.float32)


SOUND = recording(is_rounded=True)
FOUND = speech_of(Waveform(SOUND))
FLOATS = recording(is_rounded=False)


def test_only_speech_is_left_at_the_target_level() -> None:
    one, other = (take.samples.size for take in takes(2))
    assert 0.6 * (one + other) < FOUND.waveform.samples.size < 1.1 * (one + other)
    assert rms(FOUND.waveform.samples) == pytest.approx(TARGET_RMS, rel=1e-5)
    assert len(FOUND.waveform.samples) == np.diff(FOUND.spans, axis=1).sum()


@settings(max_examples=25)
@given(st.data())
def test_digital_zeros_anywhere_outside_speech_change_nothing(data: st.DataObject) -> None:
    inside = np.zeros(SOUND.size + 1, np.bool_)
    for start, end in FOUND.spans:
        inside[start + 1 : end] = True
    places = np.flatnonzero(~inside)
    where = int(places[data.draw(st.integers(0, len(places) - 1))])
    n = data.draw(st.sampled_from([DROPOUT_SAMPLES, 1234, 16_000, 40_001]))
    longer = np.insert(SOUND, where, np.zeros(n, np.float32))
    found = speech_of(Waveform(longer))
    np.testing.assert_array_equal(found.waveform.samples, FOUND.waveform.samples)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_a_few_zeros_in_a_pause_change_nothing(n: int) -> None:
    middle = FOUND.spans[0, 0] // 2
    for where in range(middle, middle + 30):
        longer = np.insert(SOUND, where, np.zeros(n, np.float32))
        found = speech_of(Waveform(longer))
        np.testing.assert_array_equal(found.waveform.samples, FOUND.waveform.samples)


@pytest.mark.parametrize("n", [1, 159, 16_000, 16_001])
def test_zeros_on_both_sides_change_nothing(n: int) -> None:
    found = speech_of(Waveform(np.pad(SOUND, n)))
    np.testing.assert_array_equal(found.waveform.samples, FOUND.waveform.samples)
    np.testing.assert_array_equal(found.spans, FOUND.spans + n)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.02), (1.0, -0.3), (4.0, 0.0), (0.1, 0.05)])
def test_offset_and_gain_change_nothing_but_rounding(gain: float, offset: float) -> None:
    found, expected = (
        speech_of(Waveform(sound))
        for sound in (FLOATS * np.float32(gain) + np.float32(offset), FLOATS)
    )
    np.testing.assert_array_equal(found.spans, expected.spans)
    # Each sample is rounded to float32 at the size of the offset, then brought to the level.
    bound = 4 * np.finfo(np.float32).eps * (1 + abs(offset) / gain) * TARGET_RMS / rms(FLOATS)
    assert np.abs(found.waveform.samples - expected.waveform.samples).max() < bound


@pytest.mark.parametrize("value", [0.0, 0.1, -0.5])
def test_a_constant_is_silence(value: float) -> None:
    with pytest.raises(AudioError, match="is silent"):
        speech_of(Waveform(np.full(RATE, value, np.float32), "dead.wav"))


def test_hiss_is_no_speech() -> None:
    hiss = np.random.default_rng(0).normal(scale=2e-4, size=3 * RATE).astype(np.float32)
    with pytest.raises(NoSpeechError, match=r"muted\.wav: no speech found; check that"):
        speech_of(Waveform(hiss, "muted.wav"))


def test_times_are_those_of_the_recording() -> None:
    spans = np.array([[1600, 3200], [8000, 9600]])
    speech = Speech(Waveform(np.ones(3200, np.float32)), spans)
    times_s = speech.times_s(np.array([0.0, 0.05, 0.1, 0.19]))
    np.testing.assert_allclose(times_s, [0.1, 0.15, 0.5, 0.59])


def test_silence_is_zeros_between_quiet_samples_and_long_stretches_of_one_value() -> None:
    quiet, loud = np.full(100, 1e-3, np.float32), np.full(100, 0.1, np.float32)
    quiet[::2], loud[::2] = -1e-3, -0.1
    zeros = np.zeros(5, np.float32)
    assert digital_silence(np.concatenate([loud, quiet, zeros, quiet])).sum() == 5
    assert digital_silence(np.concatenate([loud, zeros, loud])).sum() == 0
    assert digital_silence(np.concatenate([loud, quiet[:9], zeros, quiet[:9], loud])).sum() == 0
    assert digital_silence(np.concatenate([loud, zeros])).sum() == 5
    held = np.full(DROPOUT_SAMPLES, 0.3, np.float32)
    assert digital_silence(np.concatenate([loud, held, loud])).sum() == DROPOUT_SAMPLES
    assert digital_silence(np.concatenate([loud, held[1:], loud])).sum() == 0


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_those_of_a_mask(mask: list[bool]) -> None:
    starts, ends = runs(np.array(mask, np.bool_))
    again = np.zeros(len(mask), np.bool_)
    for start, end in zip(starts, ends, strict=True):
        assert not again[start:end].any()
        again[start:end] = True
        assert end == len(mask) or not mask[end]
    np.testing.assert_array_equal(again, mask)


def test_of_two_stuck_values_next_to_each_other_both_are_silence() -> None:
    samples = np.concatenate([white_noise(), np.full(160, 0.1), np.full(200, 0.2), white_noise()])
    n = white_noise().size
    expected = np.arange(samples.size)
    np.testing.assert_array_equal(
        digital_silence(samples.astype(np.float32)), (expected >= n) & (expected < n + 360)
    )


def white_noise() -> Floats:
    return np.random.default_rng(0).normal(scale=0.1, size=1_000).astype(np.float32)
