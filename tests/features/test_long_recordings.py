from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.features.descriptors.test_lld import assert_same
from tests.features.descriptors.test_stream import voice
from voxaffect.audio.decode import decode, open_recording
from voxaffect.errors import AudioError
from voxaffect.features.descriptors.lld import LowLevelDescriptors
from voxaffect.features.frames import StreamingExtractor
from voxaffect.features.log_mel import LogMel
from voxaffect.features.long_recordings import LONG_S, extract_long, is_long

LLD = LowLevelDescriptors()


def recorded(path: Path, samples: np.ndarray, rate_hz: int) -> Path:
    sf.write(path, samples, rate_hz, subtype="PCM_16")
    return path


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_a_long_recording_has_the_frames_of_its_waveform(tmp_path: Path, rate_hz: int) -> None:
    path = recorded(tmp_path / "talk.wav", 0.3 * voice(5 * rate_hz), rate_hz)
    waveform = decode(path)
    frames, seconds = extract_long(partial(open_recording, path), LLD)
    assert seconds == waveform.duration_s
    assert_same(frames, LLD.extract([waveform.normalised()])[0])


def test_a_segment_is_extracted_as_such(tmp_path: Path) -> None:
    path = recorded(tmp_path / "talk.wav", voice(80_000), 16_000)
    frames, _ = extract_long(partial(open_recording, path, start_s=1.0, end_s=3.0), LLD)
    waveform = decode(path, start_s=1.0, end_s=3.0).normalised()
    assert_same(frames, LLD.extract([waveform])[0])


@pytest.mark.parametrize(("seconds", "long"), [(LONG_S - 1, False), (LONG_S + 1, True)])
def test_the_header_tells_what_is_long(tmp_path: Path, seconds: float, long: bool) -> None:
    path = recorded(tmp_path / "talk.wav", np.zeros(round(8000 * seconds)), 8000)
    with open_recording(path) as recording:
        assert is_long(recording) == long


def test_silence_is_refused_by_name(tmp_path: Path) -> None:
    path = recorded(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    with pytest.raises(AudioError, match=r"silence\.wav: is silent"):
        extract_long(partial(open_recording, path), LLD)


def test_one_nan_inside_is_named(tmp_path: Path) -> None:
    samples = voice(200_000)
    samples[123_456] = np.nan
    path = tmp_path / "spoilt.wav"
    sf.write(path, samples, 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"spoilt\.wav: sample 123456 is not a finite number"):
        extract_long(partial(open_recording, path), LLD)


def test_what_streams_says_so() -> None:
    assert isinstance(LLD, StreamingExtractor)
    assert not isinstance(LogMel(), StreamingExtractor)
