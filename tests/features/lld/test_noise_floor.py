from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.speech import takes
from voxaffect.audio.waveform import TARGET_RMS, Waveform, rms
from voxaffect.errors import FeatureError
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.noise_floor import PERIOD, white_noise, with_floor

FLOORED = LowLevelDescriptors(floor_db=-16.0)


def test_the_noise_is_white_and_at_its_level() -> None:
    silence = np.zeros(3 * PERIOD, np.float32)
    assert rms(with_floor(silence, 0, -20.0)) == pytest.approx(0.1 * TARGET_RMS, rel=1e-5)
    power = np.square(np.abs(np.fft.rfft(white_noise()))).reshape(-1)[1:].reshape(32, -1)
    np.testing.assert_allclose(power.mean(axis=1) / power.mean(), 1, atol=0.15)
    np.testing.assert_array_equal(with_floor(silence, 5, None), silence)


@given(st.integers(0, 4 * PERIOD), st.integers(0, 100))
def test_pieces_have_the_noise_of_the_whole(at: int, n: int) -> None:
    silence = np.zeros(5 * PERIOD, np.float32)
    whole = with_floor(silence, 0, -16.0)
    np.testing.assert_array_equal(with_floor(silence[at : at + n], at, -16.0), whole[at : at + n])


def test_fainter_noise_changes_descriptors_less() -> None:
    clean = takes(1)[0].normalized()
    hiss = np.random.default_rng(1).normal(scale=0.1 * TARGET_RMS, size=clean.samples.size)
    noisy = Waveform((clean.samples + hiss).astype(np.float32))

    def change(extractor: LowLevelDescriptors) -> float:
        before, after = (frames.mean(axis=0) for frames in extractor.extract([clean, noisy]))
        spread = extractor.extract([clean])[0].std(axis=0)
        return float((np.abs(before - after) / spread)[:14].mean())

    assert change(FLOORED) < 0.4 * change(LowLevelDescriptors())


@settings(max_examples=5)
@given(st.integers(200, 9000))
def test_a_stream_has_the_frames_of_the_file(size: int) -> None:
    (clip,) = takes(1)
    (expected,) = FLOORED.extract([clip])
    stream = FLOORED.stream()
    pieces = [clip.samples[at : at + size] for at in range(0, clip.samples.size, size)]
    found = np.concatenate([*map(stream.push, pieces), stream.finish()])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("floor_db", [1.0, -1e4, float("nan")])
def test_a_floor_out_of_range_is_refused(floor_db: float) -> None:
    with pytest.raises(FeatureError, match="floor_db = "):
        LowLevelDescriptors(floor_db=floor_db)
