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
    degradation_settings,
    fit_length,
    utterance_seed,
)
from voxaffect.audio.degrade.noise import Babble
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError


def ready(degradation: Degradation) -> Degradation:
    """Babble has somebody to speak."""
    return (
        degradation.with_talkers([speech(1), speech(2)])
        if isinstance(degradation, Babble)
        else degradation
    )


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_is_a_frozen_value_that_is_heard_and_repeats_itself(name: str) -> None:
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
def test_short_recordings_are_degraded_and_silent_ones_too_or_refused(name: str) -> None:
    short = Waveform(speech().samples[4000:5600], "short")
    assert 1 <= ready(DEGRADATIONS[name]).apply(short, 0).samples.size <= 1600
    if DEGRADATIONS[name].group in {"noise", "truncation"}:  # which go by the level of speech
        with pytest.raises(AudioError, match="silence: is silent"):
            ready(DEGRADATIONS[name]).apply(silence(0.1), 0)
    else:
        assert ready(DEGRADATIONS[name]).apply(silence(0.1), 0).rms() < 1e-4


def test_names_and_settings_tell_all_of_them_apart() -> None:
    assert len(DEGRADATIONS) == len(ALL)
    told = {
        json.dumps(degradation_settings(degradation), sort_keys=True)
        for degradation in (Clean(), *ALL)
    }
    assert len(told) == 1 + len(ALL)
    assert CLEAN not in DEGRADATIONS
    assert not any(set(name) & set(",: @") for name in DEGRADATIONS)
    assert {d.group for d in ALL} > CONTROLS


def test_the_talkers_of_babble_are_no_setting() -> None:
    assert degradation_settings(Babble(10).with_talkers([speech()])) == degradation_settings(
        Babble(10)
    )


def test_seeds_hang_on_the_utterance_and_the_seed_alone() -> None:
    seeds = {utterance_seed(i, seed) for i in ("a", "b", "1 a") for seed in (0, 1)}
    assert len(seeds) == 6
    assert utterance_seed("emodb/wav/03a01Fa", 0) == 1507309094117895805


def test_what_is_heard_has_the_length_of_what_was_said() -> None:
    sound = Waveform(np.ones(10, np.float32))
    assert fit_length(np.ones(12), sound).samples.tolist() == [1] * 10
    assert fit_length(np.ones(8), sound).samples.tolist() == [1] * 8 + [0] * 2
    assert Clean().apply(sound, 0) is sound
