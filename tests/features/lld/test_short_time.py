from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.speech import takes
from voxaffect.audio.waveform import Waveform
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.short_time import (
    LOOK_AHEAD,
    TELEPHONE_BAND,
    DeltaSmoother,
    zero_crossing_rates,
)

GRID = FrameGrid()


def by_definition(x: NDArray[np.float32]) -> list[float]:
    return [
        sum(
            float(y[i - 1]) * float(y[i]) < 0
            or (y[i] == 0 and float(y[i - 1]) * float(y[i + 1]) <= 0)
            for i in range(1, 399)
        )
        / 400
        for y in (x[start : start + 400] for start in range(0, len(x) - 399, 160))
    ]


@settings(deadline=None)
@given(st.integers(400, 1500), st.integers(0, 10**6))
def test_zero_crossing_rate_agrees_with_the_definition(n_samples: int, seed: int) -> None:
    levels = np.random.default_rng(seed).integers(-2, 3, n_samples).astype(np.float32)
    rates = zero_crossing_rates(levels, GRID.n_frames(n_samples), GRID)
    np.testing.assert_allclose(rates, by_definition(levels), rtol=1e-6)


@pytest.mark.parametrize("amplitude", [1.0, 1e-41])
def test_every_sample_of_the_highest_tone_crosses(amplitude: float) -> None:
    tone = (amplitude * (-1.0) ** np.arange(400)).astype(np.float32)
    np.testing.assert_allclose(zero_crossing_rates(tone, 1, GRID), 398 / 400)


Floats = NDArray[np.float32]


def columns_of(seed: int, n_frames: int) -> Floats:
    """Two columns of noise and a third with voiced segments."""
    rng = np.random.default_rng(seed)
    voiced = np.repeat(rng.random(n_frames // 4 + 1) < 0.5, 4)[:n_frames]
    noise = rng.normal(size=(n_frames, 3))
    noise[:, 2] = np.where(voiced, 100 + noise[:, 2], 0)
    return noise.astype(np.float32)


def by_definition_deltas(c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means and slopes of one column, edges repeated."""
    p = np.pad(c, 1, mode="edge")
    mean = (p[:-2] + p[1:-1] + p[2:]) / 3
    p = np.pad(mean, 2, mode="edge")
    return np.array([mean, (p[3:-1] - p[1:-3] + 2 * (p[4:] - p[:-4])) / 10])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_smoothing_and_deltas_agree_with_the_definition_within_segments(
    seed: int, n_frames: int
) -> None:
    columns = columns_of(seed, n_frames)
    values = DeltaSmoother(3).smooth(columns, ended=True)
    for c in (0, 1):
        expected = by_definition_deltas(columns[:, c].astype(float))
        np.testing.assert_allclose(values[:, [c, 3 + c]].T, expected, atol=1e-6)
    borders = np.flatnonzero(np.diff(columns[:, 2] > 0)) + 1
    parts = np.split(columns[:, 2].astype(float), borders)
    expected = np.hstack([by_definition_deltas(part) for part in parts])
    np.testing.assert_allclose(values[:, [2, 5]].T, expected, atol=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 12), max_size=8))
def test_incremental_smoothing_gives_the_same(seed: int, sizes: list[int]) -> None:
    columns = columns_of(seed, sum(sizes))
    smoother, parts, known = DeltaSmoother(3), [], 0
    for size in sizes:
        parts.append(smoother.smooth(columns[known : known + size], ended=False))
        known += size
        assert sum(map(len, parts)) == max(0, known - LOOK_AHEAD)
    parts.append(smoother.smooth(columns[:0], ended=True))
    whole = DeltaSmoother(3).smooth(columns, ended=True)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_slope_of_a_ramp_is_its_slope() -> None:
    ramp = np.outer(np.arange(12), [3, -2, 1]).astype(np.float32)
    slopes = DeltaSmoother(3).smooth(ramp + 1, ended=True)[:, 3:]
    np.testing.assert_allclose(slopes[3:-3], np.tile([3, -2, 1], (6, 1)), rtol=1e-6)


def test_descriptors_of_the_telephone_band_do_not_see_what_lies_above_it() -> None:
    rng = np.random.default_rng(0)
    wide = takes(1)[0].normalized()
    above = highpass_noise(rng, wide.samples.size, 4000.0)
    narrow = LowLevelDescriptors(band_hz=TELEPHONE_BAND)
    for extractor, least, most in ((narrow, 0.0, 0.1), (LowLevelDescriptors(), 0.4, 10.0)):
        clean, hissing = extractor.extract([wide, Waveform(wide.samples + above)])
        spread = clean.std(axis=0)
        short_time = slice(0, 14)
        change = (np.abs(clean - hissing).mean(axis=0) / spread)[short_time].max()
        assert least <= change <= most, extractor.band_hz


def test_energy_within_the_band_is_that_of_a_tone_in_it_alone() -> None:
    time = np.arange(16_000) / 16_000
    tones = [
        Waveform((0.1 * np.sin(2 * np.pi * hz * time)).astype(np.float32)) for hz in (1000, 6000)
    ]
    inside, outside = LowLevelDescriptors(band_hz=TELEPHONE_BAND).extract(tones)
    whole, _ = LowLevelDescriptors().extract(tones)
    np.testing.assert_allclose(inside[5:-5, 0], whole[5:-5, 0], rtol=1e-3)
    assert outside[5:-5, 0].max() < 0.02 * whole[5:-5, 0].min()


def highpass_noise(rng: np.random.Generator, n: int, edge_hz: float) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(rng.normal(scale=0.01, size=n))
    spectrum[: round(edge_hz / 16_000 * n)] = 0
    return np.fft.irfft(spectrum, n).astype(np.float32)
