from __future__ import annotations

import numpy as np
import pytest

from tests.audio.degrade.sounds import speech
from voxaffect.audio.degrade.reverberation import Reverberation
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform


def schroeder_rt60_s(response: np.ndarray) -> float:
    """Backward integration (Schroeder 1965), line from -5 to -35 dB (T30 of ISO 3382-1)."""
    remaining = np.cumsum(response[::-1] ** 2)[::-1]
    decay_db = 10 * np.log10(remaining / remaining[0])
    fitted = np.flatnonzero((decay_db <= -5) & (decay_db >= -35))
    return float(-60 / (np.polyfit(fitted, decay_db[fitted], 1)[0] * SAMPLE_RATE_HZ))


@pytest.mark.parametrize("rt60_s", [0.3, 0.8])
def test_the_room_decays_by_60_db_in_the_time_stated(rt60_s: float) -> None:
    room = Reverberation(rt60_s, 0)
    measured = [
        schroeder_rt60_s(room.response(np.random.default_rng(seed))[1:]) for seed in range(8)
    ]
    assert measured == pytest.approx([rt60_s] * 8, rel=0.06)
    assert np.mean(measured) == pytest.approx(rt60_s, rel=0.02)


@pytest.mark.parametrize("ratio_db", [-3, 0, 6])
def test_direct_sound_and_room_have_the_ratio_stated(ratio_db: float) -> None:
    direct, *room = Reverberation(0.3, ratio_db).response(np.random.default_rng(0))
    assert 10 * np.log10(direct**2 / np.sum(np.square(room))) == pytest.approx(ratio_db)


def test_the_direct_sound_stays_where_it_was_and_the_length_too() -> None:
    click = np.zeros(1600, np.float32)
    click[200] = 0.5
    heard = Reverberation(0.8, 3).apply(Waveform(click), 1).samples
    assert heard.size == click.size
    np.testing.assert_allclose(heard[:201], click[:201], atol=1e-6)
    assert np.abs(heard[201:]).max() > 1e-3


def test_every_seed_is_another_room_of_the_same_kind() -> None:
    rooms = [Reverberation(0.3, 3).apply(speech(), seed).samples for seed in (0, 0, 1)]
    np.testing.assert_array_equal(rooms[0], rooms[1])
    assert not np.array_equal(rooms[0], rooms[2])
