from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from tests.audio.degrade.sounds import silence, speech
from voxaffect.audio.degrade import CONTROLS, DEGRADATIONS
from voxaffect.audio.degrade.channel import fit_length
from voxaffect.audio.degrade.degradation import AS_RECORDED, CLEAN, utterance_seed
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError

TALKERS = (speech(1), speech(2))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_degradations_are_frozen_audible_and_reproducible(name: str) -> None:
    degradation, seed = DEGRADATIONS[name], utterance_seed("a", 0)
    before = speech().samples.copy()
    first, again = (degradation.apply(speech(), seed, TALKERS).samples for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(speech().samples, before)
    assert first.size <= before.size
    assert first.size < before.size or np.abs(first - before).max() > 1e-3
    with pytest.raises((FrozenInstanceError, AttributeError)):
        degradation.severity = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_short_and_silent_recordings(name: str) -> None:
    short = Waveform(speech().samples[4000:5600], "short")
    assert 1 <= DEGRADATIONS[name].apply(short, 0, TALKERS).samples.size <= 1600
    if DEGRADATIONS[name].group in {"noise", "truncation"}:  # they need a speech level
        with pytest.raises(AudioError, match="silence: is silent"):
            DEGRADATIONS[name].apply(silence(0.1), 0, TALKERS)
    else:
        assert DEGRADATIONS[name].apply(silence(0.1), 0, TALKERS).rms() < 1e-3


def test_names_and_settings_are_unique() -> None:
    every = (AS_RECORDED, *DEGRADATIONS.values())
    assert len(every) == 36
    assert len({json.dumps(d.settings(), sort_keys=True) for d in every}) == 36
    assert CLEAN not in DEGRADATIONS
    assert not any(set(name) & set(",: @") for name in DEGRADATIONS)
    assert {d.group for d in every} > CONTROLS


def test_settings_are_those_of_the_effect() -> None:
    """They are the keys of stored features."""
    for name, settings in {
        "pink-10db": {"kind": "pink", "snr_db": 10},
        "babble-0db": {"kind": "Babble", "snr_db": 0, "n_talkers": 6},
        "room-300ms": {"kind": "Reverberation", "rt60_s": 0.3, "direct_to_reverberant_db": 3},
        "opus-8k": {"kind": "opus", "kbit_s": 8},
        "gsm-13k": {"kind": "Gsm"},
        "band-5500hz": {"kind": "BandLimit", "edge_hz": 5500},
        "equalizer-6db": {"kind": "Equalizer", "range_db": 6},
        "first-500ms": {"kind": "FirstSeconds", "seconds": 0.5},
    }.items():
        assert DEGRADATIONS[name].settings() == settings


def test_seeds_depend_on_the_utterance_and_the_seed_only() -> None:
    seeds = {utterance_seed(i, seed) for i in ("a", "b", "1 a") for seed in (0, 1)}
    assert len(seeds) == 6
    assert utterance_seed("emodb/wav/03a01Fa", 0) == 1507309094117895805


def test_fit_length_cuts_and_pads() -> None:
    sound = Waveform(np.ones(10, np.float32))
    assert fit_length(np.ones(12), sound).tolist() == [1] * 10
    assert fit_length(np.ones(8), sound).tolist() == [1] * 8 + [0] * 2


def test_as_recorded_changes_nothing() -> None:
    np.testing.assert_array_equal(AS_RECORDED.apply(speech(), 0).samples, speech().samples)
