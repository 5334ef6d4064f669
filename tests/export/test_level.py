from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.sounds import noise
from tests.export.stages import SAMPLES, Runner
from voxaffect.audio.waveform import Waveform
from voxaffect.export.level import levelled

level = Runner(lambda op, x: levelled(op, x, 400), SAMPLES)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(400, 3_000), st.floats(1e-3, 1e5))
def test_gain_is_that_of_python(seed: int, n_samples: int, factor: float) -> None:
    samples = noise(seed, n_samples) * np.float32(factor)
    expected = Waveform(samples).normalised().samples
    given, usable = level(samples)
    np.testing.assert_allclose(given, expected, rtol=2e-7)
    assert usable


def spoilt(value: float) -> np.ndarray:
    samples = noise(0, 500)
    samples[7] = value
    return samples


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        noise(0, 399),
        np.zeros(500),
        noise(0, 500) * 9e-5,
        spoilt(np.nan),
        spoilt(np.inf),
        spoilt(-1.1e6),
    ],
    ids=["empty", "short", "silent", "all but silent", "nan", "infinite", "no sample"],
)
def test_what_python_refuses_cannot_be_analysed(samples: np.ndarray) -> None:
    given, usable = level(samples.astype(np.float32))
    assert not usable
    np.testing.assert_array_equal(given, np.zeros(max(400, len(samples))))
