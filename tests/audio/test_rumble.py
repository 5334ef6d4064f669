from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.audio.rumble import REACH, RumbleFilter, rumble_filter, without_rumble

RATE = 16_000
NOISE = np.random.default_rng(0).normal(scale=0.05, size=RATE).astype(np.float32)


def gain_db(frequency_hz: float) -> float:
    phase = 2j * np.pi * frequency_hz / RATE * np.arange(2 * REACH + 1)
    return float(20 * np.log10(abs(rumble_filter() @ np.exp(phase))))


def test_a_voice_passes_and_the_hum_of_the_mains_does_not() -> None:
    assert gain_db(0.1) < -90
    assert gain_db(50) < -15
    assert gain_db(30) < -38
    assert gain_db(85) > -3
    for frequency_hz in np.geomspace(110, 7900, 40):
        assert abs(gain_db(frequency_hz)) < 0.15


@pytest.mark.parametrize("offset", [0.005, 0.1, -0.5])
def test_a_constant_offset_leaves_nothing(offset: float) -> None:
    found = without_rumble(NOISE + np.float32(offset))
    # Both the sum and the difference from the first sample are rounded to float32.
    assert np.abs(found - without_rumble(NOISE)).max() < 8 * np.finfo(np.float32).eps
    assert not without_rumble(np.full(2000, offset, np.float32)).any()


def test_length_and_place_are_kept() -> None:
    tone = np.sin(2 * np.pi * 400 / RATE * np.arange(RATE)).astype(np.float32)
    found = without_rumble(tone)
    assert found.shape == tone.shape
    inner = slice(REACH, -REACH)
    np.testing.assert_allclose(found[inner], tone[inner], atol=0.01)


@pytest.mark.parametrize("n", [0, 1, 2, REACH, 2 * REACH, 2 * REACH + 1])
def test_any_length_is_filtered(n: int) -> None:
    assert without_rumble(NOISE[:n]).size == n


@given(st.lists(st.integers(0, 3000), max_size=8))
def test_pieces_give_what_the_whole_does(sizes: list[int]) -> None:
    places = np.minimum(np.cumsum(sizes, dtype=int), NOISE.size)
    stream = RumbleFilter()
    found = [stream.push(piece) for piece in np.split(NOISE, places)]
    found.append(stream.finish())
    # Transforms of other lengths round float64 otherwise, seldom the last bit of float32.
    np.testing.assert_allclose(np.concatenate(found), without_rumble(NOISE), atol=1e-9, rtol=1e-6)
