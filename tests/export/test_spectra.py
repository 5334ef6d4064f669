from __future__ import annotations

import numpy as np
import pytest

from tests.export.stages import Runner
from voxaffect.export.spectra import power_spectrum, waves


@pytest.mark.parametrize(("size", "n_points"), [(400, 512), (320, 512), (64, 64)])
def test_power_is_that_of_the_fourier_transform(size: int, n_points: int) -> None:
    spectrum = Runner(
        lambda op, x: power_spectrum(op, x, waves(op, size, n_points)), (("T", size), "float32")
    )
    frames = np.random.default_rng(0).normal(size=(5, size)).astype(np.float32)
    expected = np.abs(np.fft.rfft(frames.astype(np.float64), n_points)) ** 2
    np.testing.assert_allclose(spectrum(frames)[0], expected, atol=2e-6 * expected.max())
