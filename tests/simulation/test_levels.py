from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from voxaffect.simulation.levels import factor, rms, within_full_scale

SOUNDS = arrays(np.float64, st.integers(1, 50), elements=st.floats(-100, 100, width=32))


@given(SOUNDS)
def test_nothing_exceeds_the_peak_and_nothing_is_turned_up(samples: np.ndarray) -> None:
    quieter = within_full_scale(samples)
    assert np.abs(quieter).max() <= 0.95 + 1e-12
    assert (np.abs(quieter) <= np.abs(samples)).all()


def test_sound_within_full_scale_is_left_alone() -> None:
    samples = np.array([0.3, -0.9])
    np.testing.assert_array_equal(within_full_scale(samples), samples)


def test_six_decibels_double() -> None:
    assert factor(0.0) == 1.0
    assert factor(20.0) == pytest.approx(10.0)
    assert factor(6.0206) == pytest.approx(2.0, rel=1e-5)


def test_a_sine_has_the_level_of_a_sine() -> None:
    assert rms(np.sin(np.linspace(0, 20 * np.pi, 10_001))) == pytest.approx(2**-0.5, rel=1e-3)
