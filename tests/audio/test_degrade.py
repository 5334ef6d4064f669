from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, is_dataclass

import numpy as np
import pytest

from tests.audio.degrade.sounds import silence, speech
from voxaffect.audio.degrade import ALL, CONTROLS, DEGRADATIONS
from voxaffect.audio.degrade.degradation import (
    CLEAN,
    Clean,
    Degradation,
    fit_length,
    utterance_seed,
)
from voxaffect.audio.degrade.noise import Babble
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError


def ready(degradation: Degradation) -> Degradation:
    """Babble gets talkers."""
    return (
        degradation.with_talkers([speech(1), speech(2)])
        if isinstance(degradation, Babble)
        else degradation
    )


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_degradations_are_frozen_audible_and_reproducible(name: str) -> None:
    degradation = ready(DEGRADATIONS[name])
    before = speech().samples.copy()
    first, again = (degradation.apply(speech(), utterance_seed("a", 0)).samples for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(speech().samples, before)
    assert first.size <= before.size
    assert first.size < before.size or np.abs(first - before).max() > 1e-3
    assert is_dataclass(degradation)
    with pytest.raises((FrozenInstanceError, AttributeError)):
        degradation.severity = "other"


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_short_and_silent_recordings(name: str) -> None:
    short = Waveform(speech().samples[4000:5600], "short")
    assert 1 <= ready(DEGRADATIONS[name]).apply(short, 0).samples.size <= 1600
    if DEGRADATIONS[name].group in {"noise", "truncation"}:  # they need a speech level
        with pytest.raises(AudioError, match="silence: is silent"):
            ready(DEGRADATIONS[name]).apply(silence(0.1), 0)
    else:
        assert ready(DEGRADATIONS[name]).apply(silence(0.1), 0).rms() < 1e-4


def test_names_and_settings_are_unique() -> None:
    assert len(DEGRADATIONS) == len(ALL)
    settings = {
        json.dumps(degradation.settings(), sort_keys=True) for degradation in (Clean(), *ALL)
    }
    assert len(settings) == 1 + len(ALL)
    assert CLEAN not in DEGRADATIONS
    assert not any(set(name) & set(",: @") for name in DEGRADATIONS)
    assert {d.group for d in ALL} > CONTROLS


def test_talkers_of_babble_are_not_a_setting() -> None:
    assert Babble(10).with_talkers([speech()]).settings() == Babble(10).settings()


def test_seeds_depend_on_the_utterance_and_the_seed_only() -> None:
    seeds = {utterance_seed(i, seed) for i in ("a", "b", "1 a") for seed in (0, 1)}
    assert len(seeds) == 6
    assert utterance_seed("emodb/wav/03a01Fa", 0) == 1507309094117895805


def test_fit_length_cuts_and_pads() -> None:
    sound = Waveform(np.ones(10, np.float32))
    assert fit_length(np.ones(12), sound).samples.tolist() == [1] * 10
    assert fit_length(np.ones(8), sound).samples.tolist() == [1] * 8 + [0] * 2
    assert Clean().apply(sound, 0) is sound
