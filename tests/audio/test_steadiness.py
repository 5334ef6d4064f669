"""Notes are held, voices and noise are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.speech import notes, takes
from voxaffect.audio.power import power_spectra
from voxaffect.audio.steadiness import held_share

SCALE = (262.0, 294.0, 330.0, 349.0, 392.0, 440.0, 494.0, 523.0)


def share(samples: NDArray[np.floating]) -> float:
    return held_share(power_spectra(samples.astype(np.float32)))


@pytest.mark.parametrize("seconds", [0.4, 0.8])
def test_a_melody_is_held(seconds: float) -> None:
    assert share(notes(SCALE, seconds)) > 0.5


def test_chords_and_a_sine_are_held() -> None:
    chord = sum(notes((f,), 2.0) for f in (262.0, 330.0, 392.0))
    assert isinstance(chord, np.ndarray)
    sine = np.sin(2 * np.pi * 300 * np.arange(32_000) / 16_000).astype(np.float32)
    assert share(chord) > 0.8
    assert share(sine) > 0.9


def test_speech_and_noise_are_not() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    assert share(noise) < 0.05
    assert max(share(take.samples) for take in takes(20)) < 0.3


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    melody = notes(SCALE, 0.3)
    whole = share(melody)
    monkeypatch.setattr("voxaffect.audio.steadiness.BLOCK_WINDOWS", 5)
    assert share(melody) == pytest.approx(whole, abs=0.05)


def test_what_is_too_short_is_not_judged() -> None:
    assert share(notes((262.0,), 0.3)) == 0.0
