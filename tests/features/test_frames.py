from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from tests.features.lld.test_extractor import assert_same
from tests.features.lld.test_streaming import voice
from voxaffect.audio.decode import decode, open_recording
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.frames import (
    LONG_S,
    FrameGrid,
    StreamingExtractor,
    check_frames,
    extract_long,
    is_long,
)
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.spectra import LogMel

LLD = LowLevelDescriptors()


def recorded(path: Path, samples: np.ndarray, rate_hz: int) -> Path:
    sf.write(path, samples, rate_hz, subtype="PCM_16")
    return path


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_streamed_extraction_equals_extraction_of_the_waveform(
    tmp_path: Path, rate_hz: int
) -> None:
    path = recorded(tmp_path / "talk.wav", 0.3 * voice(5 * rate_hz), rate_hz)
    waveform = decode(path)
    frames, seconds = extract_long(partial(open_recording, path), LLD)
    assert seconds == waveform.duration_s
    assert_same(frames, LLD.extract([waveform.normalized()])[0])


def test_a_segment_can_be_streamed(tmp_path: Path) -> None:
    path = recorded(tmp_path / "talk.wav", voice(80_000), 16_000)
    frames, _ = extract_long(partial(open_recording, path, start_s=1.0, end_s=3.0), LLD)
    waveform = decode(path, start_s=1.0, end_s=3.0).normalized()
    assert_same(frames, LLD.extract([waveform])[0])


@pytest.mark.parametrize(("seconds", "long"), [(LONG_S - 1, False), (LONG_S + 1, True)])
def test_a_recording_is_long_by_its_header(tmp_path: Path, seconds: float, long: bool) -> None:
    path = recorded(tmp_path / "talk.wav", np.zeros(round(8000 * seconds)), 8000)
    with open_recording(path) as recording:
        assert is_long(recording) == long


def test_silence_is_refused_by_name(tmp_path: Path) -> None:
    path = recorded(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    with pytest.raises(AudioError, match=r"silence\.wav: is silent"):
        extract_long(partial(open_recording, path), LLD)


def test_a_nan_is_reported_by_its_position(tmp_path: Path) -> None:
    samples = voice(200_000)
    samples[123_456] = np.nan
    path = tmp_path / "broken.wav"
    sf.write(path, samples, 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"broken\.wav: sample 123456 is not a finite number"):
        extract_long(partial(open_recording, path), LLD)


def test_streaming_extractors_are_recognized() -> None:
    assert isinstance(LLD, StreamingExtractor)
    assert not isinstance(LogMel(), StreamingExtractor)


def test_the_default_grid_is_25_ms_every_10_ms() -> None:
    grid = FrameGrid()
    assert (grid.window_samples, grid.hop_samples, grid.frames_per_s) == (400, 160, 100)
    centers_s = grid.centers_s(101)
    assert centers_s[0] == 0.0125
    assert centers_s[100] == pytest.approx(1.0125)


@given(st.integers(0, 100_000), st.integers(1, 60), st.integers(1, 60))
def test_n_frames_is_the_largest_number_that_fits(n: int, window_ms: int, hop_ms: int) -> None:
    grid = FrameGrid(window_ms / 1000, hop_ms / 1000)
    n_frames = grid.n_frames(n)
    if n_frames:
        assert (n_frames - 1) * grid.hop_samples + grid.window_samples <= n
    assert n_frames * grid.hop_samples + grid.window_samples > n


@pytest.mark.parametrize("bad", [{"window_s": 0.0}, {"hop_s": -0.01}, {"hop_s": 0.01001}])
def test_a_grid_of_fractional_samples_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(FeatureError, match="whole number of samples"):
        FrameGrid(**bad)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((0, 2), np.float32),
        np.zeros((3, 1), np.float32),
        np.zeros(2, np.float32),
        np.zeros((3, 2)),
        np.full((3, 2), np.nan, np.float32),
    ],
    ids=["no frame", "columns", "one axis", "float64", "not finite"],
)
def test_invalid_frames_are_refused_by_name(values: np.ndarray) -> None:
    with pytest.raises(FeatureError, match="emodb/a"):
        check_frames(values, ("x", "y"), "emodb/a")
