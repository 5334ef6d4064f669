from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.degrade.sounds import degraded, joined, power_db, silence, speech, tone
from voxaffect.audio.degrade.padding import noise_around, zeros_around, zeros_in_pause
from voxaffect.audio.waveform import Waveform


@given(before=st.integers(0, 500), after=st.integers(0, 500))
@settings(max_examples=20)
def test_zeros_lie_around_the_recording(before: int, after: int) -> None:
    padded = degraded(zeros_around, speech(), before=before, after=after).samples
    n = speech().samples.size
    np.testing.assert_array_equal(padded[before : before + n], speech().samples)
    assert not padded[:before].any()
    assert not padded[before + n :].any()
    assert padded.size == before + n + after


def test_noise_around_has_its_level_and_leaves_the_recording() -> None:
    room: dict[str, Any] = {"before_s": 1.0, "after_s": 3.0, "level_db": -60}
    padded = degraded(noise_around, speech(), 3, **room).samples
    np.testing.assert_array_equal(padded[16_000:-48_000], speech().samples)
    assert power_db(padded[:16_000]) == pytest.approx(-60, abs=0.2)
    assert power_db(padded[-48_000:]) == pytest.approx(-60, abs=0.2)
    other = degraded(noise_around, speech(), 4, **room).samples
    assert not np.array_equal(padded, other)


def test_zeros_are_put_into_the_longest_pause() -> None:
    spoken = joined(silence(1.0), tone(300), silence(0.5), tone(300), silence(0.9), tone(300))
    longer = degraded(zeros_in_pause, spoken, added=777).samples
    assert longer.size == spoken.samples.size + 777
    sound = np.flatnonzero(spoken.samples)
    moved = np.flatnonzero(longer)
    np.testing.assert_array_equal(longer[moved], spoken.samples[sound])
    n_before = int((sound < 3.5 * 16_000).sum())  # two tones of three
    np.testing.assert_array_equal(moved[:n_before], sound[:n_before])
    np.testing.assert_array_equal(moved[n_before:], sound[n_before:] + 777)


def test_a_recording_without_a_pause_between_words_remains_as_it_is() -> None:
    for sound in (tone(300), joined(silence(1.0), tone(300), silence(1.0))):
        same = degraded(zeros_in_pause, sound, added=777)
        np.testing.assert_array_equal(same.samples, sound.samples)


def test_padding_does_not_change_the_recording_in_place() -> None:
    before = speech().samples.copy()
    degraded(zeros_in_pause, Waveform(speech().samples), added=5)
    np.testing.assert_array_equal(before, speech().samples)
