from __future__ import annotations

import pytest

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.phones import CONSONANTS, PAUSE, SCHWA, VOWELS, Phone

INVENTORY = (*VOWELS, *CONSONANTS, PAUSE)


def test_no_two_phones_share_a_symbol() -> None:
    assert len({phone.symbol for phone in INVENTORY}) == len(INVENTORY)


def test_stress_is_drawn_among_all_vowels_but_the_last() -> None:
    assert VOWELS[-1] is SCHWA


@pytest.mark.parametrize("phone", INVENTORY, ids=lambda phone: phone.symbol)
def test_phones_are_physical(phone: Phone) -> None:
    assert list(phone.formants_hz) == sorted(set(phone.formants_hz))
    assert phone.formants_hz[0] > 0
    assert 0.03 <= phone.duration_s <= 0.3
    assert 0 <= phone.voicing <= 1
    if phone.friction is not None:
        assert 0 <= phone.friction.onset < 1
        assert phone.friction.centre_hz < SAMPLE_RATE_HZ / 2


def test_every_consonant_is_heard() -> None:
    assert all(phone.voicing > 0 or phone.friction is not None for phone in CONSONANTS)
