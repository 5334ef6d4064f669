from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from tests.features.whisper.models import SMALL, random_state, save_model_bin
from tests.speech import takes
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.whisper import WhisperFrames
from voxaffect.features.whisper.encoder import Encoder
from voxaffect.features.whisper.mel import log_mel
from voxaffect.features.whisper.precision import Precision
from voxaffect.features.whisper.windows import OVERLAP_FRAMES, windows

SEAM_STEP, SEAM_MEAN = 1.5, 0.3


def noise(n_samples: int, seed: int = 0) -> Waveform:
    x = np.random.default_rng(seed).normal(0, 0.05, n_samples).astype(np.float32)
    return Waveform(x, f"clip {seed}")


def frames_of(source: Path, layer: int = 2, **more: Any) -> WhisperFrames:
    return WhisperFrames("tiny", layer, source, **{"window_s": 2.0, **more})


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_frames_are_the_encoders_states_at_the_recordings_own_length(
    small: Path, layer: int
) -> None:
    state = {name: one.float() for name, one in random_state().items()}
    encoder = Encoder(SMALL, state, layer)
    waveforms = [noise(n, n) for n in (320, 4321, 16_000, 31_999)]
    for waveform, frames in zip(waveforms, frames_of(small, layer).extract(waveforms), strict=True):
        n_frames = waveform.samples.size // 320
        mel = log_mel(torch.from_numpy(waveform.samples), SMALL.n_mels, 2 * n_frames)
        with torch.inference_mode():
            (expected,) = encoder([mel])
        assert frames.dtype == np.float32
        assert frames.shape == (n_frames, SMALL.width)
        np.testing.assert_allclose(frames, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.05), ("int8", 0.05)]
)
def test_frames_depend_on_the_batch_by_rounding_alone(
    small: Path, precision: Precision, tolerance: float
) -> None:
    frames = frames_of(small, precision=precision)
    waveforms = [noise(n, n) for n in (320, 20_000, 16_000, 70_000, 16_000, 333)]
    together = frames.extract(waveforms)
    backwards = frames.extract(waveforms[::-1])[::-1]
    for waveform, one, other in zip(waveforms, together, backwards, strict=True):
        (alone,) = frames.extract([waveform])
        np.testing.assert_allclose(one, alone, atol=tolerance)
        np.testing.assert_allclose(one, other, atol=tolerance)


def test_a_long_recording_is_computed_in_windows_as_if_each_were_a_recording(small: Path) -> None:
    frames = frames_of(small)
    long = noise(16_000 * 7 + 123)
    (found,) = frames.extract([long])
    assert found.shape == (350, SMALL.width)
    begins = [0, 50, 100, 150, 200, 250]
    pieces = [long.samples[b * 320 : (b + 100) * 320] for b in begins[:-1]]
    pieces.append(long.samples[250 * 320 :])
    windows = frames.extract([Waveform(piece) for piece in pieces])
    borders = [0, 75, 125, 175, 225, 275, 350]
    for window, begin, first, end in zip(windows, begins, borders[:-1], borders[1:], strict=True):
        kept = window[first - begin : end - begin]
        np.testing.assert_allclose(found[first:end], kept, rtol=1e-4, atol=1e-5)


def test_blocks_are_the_same_frames(small: Path) -> None:
    frames = frames_of(small)
    long = noise(16_000 * 9)
    blocks = [*frames.blocks(long)]
    assert len(blocks) > 3
    np.testing.assert_array_equal(np.concatenate(blocks), frames.extract([long])[0])


def test_samples_need_not_be_writable(small: Path) -> None:
    frames, clip = frames_of(small), noise(4000)
    (expected,) = frames.extract([clip])
    clip.samples.setflags(write=False)
    np.testing.assert_array_equal(frames.extract([clip])[0], expected)


def test_the_grid_and_names_need_no_weights() -> None:
    frames = WhisperFrames("large-v3", 7, Path("absent"))
    assert frames.grid.hop_samples == frames.grid.window_samples == 320
    assert frames.names[::1279] == ("whisper_1", "whisper_1280")
    assert len(WhisperFrames().names) == 512
    assert WhisperFrames().grid.n_frames(48_000) == 150


def test_settings_are_plain_and_name_the_weights_by_content(small: Path, tmp_path: Path) -> None:
    settings = frames_of(small).settings()
    assert settings == {
        "extractor": "whisper",
        "version": 1,
        "size": "tiny",
        "layer": 2,
        "weights": settings["weights"],
        "window_s": 2.0,
    }
    moved = save_model_bin(tmp_path / "elsewhere" / "model.bin", random_state())
    other = save_model_bin(tmp_path / "other" / "model.bin", random_state(1))
    assert frames_of(moved).settings() == settings
    assert frames_of(other).settings()["weights"] != settings["weights"]
    for changed in ({"layer": 1}, {"precision": "int8"}, {"window_s": 1.5}):
        assert frames_of(small, **changed).settings() != settings
    assert frames_of(small, precision="bfloat16").settings()["precision"] == "bfloat16"


def test_pickling_leaves_out_the_weights(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = frames_of(small, 1)
    frames.extract([noise(4000)])
    assert all(not isinstance(value, torch.nn.Module) for value in frames.__getstate__().values())
    assert "_encoder" in frames.__dict__
    copy = WhisperFrames.__new__(WhisperFrames)
    copy.__dict__.update(frames.__getstate__())
    assert copy == frames
    np.testing.assert_array_equal(copy.extract([noise(4000)])[0], frames.extract([noise(4000)])[0])


@pytest.mark.usefixtures("installed")
def test_other_processes_load_the_weights_themselves() -> None:
    frames = WhisperFrames(layer=1)
    here = frames.extract([noise(16_000)])
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(frames.extract)([noise(16_000)])])
    np.testing.assert_allclose(there[0], here[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": "huge"}, r"Whisper 'huge' is unknown; use one of tiny, base, small"),
        ({"layer": 7}, r"layer 7 of Whisper base does not exist; choose 0 to 6"),
        ({"layer": -1}, r"layer -1 of Whisper base does not exist"),
        ({"precision": "int4"}, r"precision 'int4' is unknown; use float32, bfloat16, int8"),
        ({"precision": "int8", "device": "cuda"}, r"int8 products need the CPU, not cuda"),
        ({"window_s": 31.0}, r"window_s = 31 is out of range; choose 1 to 30 s"),
        ({"window_s": 0.5}, r"window_s = 0\.5 is out of range"),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(FeatureError, match=words):
        WhisperFrames(**arguments)


@pytest.mark.parametrize("n_samples", [1, 200, 319])
def test_a_recording_shorter_than_a_frame_is_refused(small: Path, n_samples: int) -> None:
    frames = frames_of(small)
    with pytest.raises(AudioError, match=r"clip 0: .* but one frame takes at least 20 ms"):
        frames.extract([noise(32_000, 1), noise(n_samples)])
    with pytest.raises(AudioError, match="clip 0"):
        next(frames.blocks(noise(n_samples)))


@pytest.mark.usefixtures("installed")
def test_seams_stay_within_the_tolerance_that_the_documents_state() -> None:
    """In units of a column's deviation over frames, root mean square over columns.

    Ordinary steps from frame to frame are about 0.8: positions are part of the states.
    """
    frames = WhisperFrames()
    speech = Waveform(np.concatenate([take.samples for take in takes(15)])).normalized()
    (joined,) = frames.extract([speech])
    n_window = round(frames.window_s * 50)
    _, borders = windows(len(joined), n_window, OVERLAP_FRAMES)
    scaled = joined / joined.std(axis=0)
    steps = np.sqrt(np.square(np.diff(scaled, axis=0)).mean(axis=1))
    seams = np.array(borders[1:-1])
    assert steps[seams - 1].max() < min(SEAM_STEP, steps.max())
    for seam in seams:  # the second around it, beside that of a window in whose middle it is
        begin = seam - n_window // 2
        (window,) = frames.extract([Waveform(speech.samples[begin * 320 :][: n_window * 320])])
        here = scaled[seam - 25 : seam + 25].mean(axis=0)
        there = (window / joined.std(axis=0))[n_window // 2 - 25 :][:50].mean(axis=0)
        assert np.sqrt(np.square(here - there).mean()) < SEAM_MEAN


MEMORY = """
import numpy as np, resource
from voxaffect.audio.waveform import Waveform
from voxaffect.features.whisper import WhisperFrames
frames = WhisperFrames(layer=0)
x = np.random.default_rng(0).normal(0, 0.05, 600 * 16_000).astype(np.float32)
frames.extract([Waveform(x[:160_000])])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
(found,) = frames.extract([Waveform(x)])
print(peak() - before - found.nbytes / 2**20)
"""


@pytest.mark.usefixtures("installed")
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is in other units")
def test_memory_beyond_the_frames_does_not_grow_with_a_recording() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEMORY]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 50  # MB
