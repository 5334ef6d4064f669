from __future__ import annotations

import numpy as np
import torch

from voxaffect.features.spectra import magnitude_spectrum, power_spectrum


def test_magnitudes_are_roots_rounded_right_as_on_any_processor() -> None:
    frames = torch.randn(50, 512, generator=torch.Generator().manual_seed(0))
    exact = np.sqrt(power_spectrum(frames).numpy().astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(magnitude_spectrum(frames).numpy(), exact)


def test_magnitudes_are_those_of_an_independent_transform() -> None:
    frames = torch.randn(5, 512, generator=torch.Generator().manual_seed(1))
    expected = np.abs(np.fft.rfft(frames.numpy().astype(np.float64)))
    np.testing.assert_allclose(magnitude_spectrum(frames).numpy(), expected, rtol=2e-5, atol=1e-5)
