from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.features.tiny_encoders import save_encoder
from tests.features.whisper.models import random_state, save_model_bin
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import ArtifactError, AudioError, FeatureError
from voxaffect.features.frames import FrameExtractor, FrameGrid
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.opensmile import OpenSmile
from voxaffect.features.registry import CustomFeatures, checkpoint_paths, extractor_from_settings
from voxaffect.features.spectra import LogMel
from voxaffect.features.ssl import SpeechEncoder
from voxaffect.features.whisper import WhisperFrames
from voxaffect.features.whisper.shapes import SHAPES

GRID = FrameGrid()


def level_and_peak(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160]
    return np.stack([frames.std(axis=1), np.abs(frames).max(axis=1)], axis=1)


def own(function: Callable[..., Any]) -> CustomFeatures:
    return CustomFeatures(function, ("level", "peak"), GRID, "1")


def noise(n_samples: int) -> Waveform:
    x = np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)
    return Waveform(x, "clip 7")


def test_custom_features_are_the_values_of_the_function() -> None:
    waveforms = [noise(4000), noise(5000)]
    values = own(level_and_peak).extract(waveforms)
    for waveform, one in zip(waveforms, values, strict=True):
        np.testing.assert_array_equal(one, level_and_peak(waveform.samples))
        assert one.shape == (GRID.n_frames(waveform.samples.size), 2)


def test_the_function_gets_a_copy_of_the_samples() -> None:
    def overwriting(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        values = level_and_peak(samples)
        samples[:] = 0
        return values

    waveform = noise(4000)
    own(overwriting).extract([waveform])
    assert waveform.samples.any()


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "a NoneType"),
        ([[1.0, 2.0]], "a list"),
        (np.zeros((3, 2)), "float64 numbers"),
        (np.zeros(6, np.float32), r"shape \(6,\)"),
        (np.zeros((3, 5), np.float32), r"shape \(3, 5\)"),
        (np.zeros((0, 2), np.float32), r"shape \(0, 2\)"),
        (np.array([[0, 1], [0, np.nan]], np.float32), "nan in frame 1, column 'peak'"),
    ],
)
def test_an_invalid_return_value_gives_a_one_line_error(returned: object, words: str) -> None:
    with pytest.raises(FeatureError, match=words) as fault:
        own(lambda samples: returned).extract([noise(4000)])
    assert "clip 7" in str(fault.value)
    assert "version '1'" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_the_version_is_part_of_the_settings() -> None:
    one = own(level_and_peak)
    other = CustomFeatures(level_and_peak, ("level", "peak"), GRID, "2")
    assert one.settings() != other.settings()
    assert one.settings() == own(lambda samples: samples).settings()


def test_a_recording_shorter_than_a_frame_is_refused() -> None:
    with pytest.raises(AudioError, match="clip 7"):
        own(level_and_peak).extract([noise(100)])


@pytest.mark.parametrize(("names", "version"), [((), "1"), (("a", "a"), "1"), (("a",), "")])
def test_names_and_version_are_required(names: tuple[str, ...], version: str) -> None:
    with pytest.raises(FeatureError):
        CustomFeatures(level_and_peak, names, GRID, version)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder("hubert", tmp_path_factory.mktemp("encoder"))


def read_back(extractor: FrameExtractor) -> FrameExtractor:
    """The extractor restored from its JSON."""
    written = json.dumps([dict(extractor.settings()), checkpoint_paths(extractor)])
    return extractor_from_settings(*json.loads(written))


@pytest.mark.parametrize(
    "extractor",
    [
        LowLevelDescriptors(),
        LowLevelDescriptors(FrameGrid(0.03, 0.015), PitchSettings(floor_hz=60.0), log_f0=True),
        LogMel(FrameGrid(0.032, 0.016), 23, 50.0, 7600.0),
        OpenSmile("emobase"),
    ],
    ids=str,
)
def test_an_extractor_is_restored_from_its_settings(extractor: FrameExtractor) -> None:
    assert read_back(extractor) == extractor


@pytest.mark.parametrize("layer", [1, "last", "mean"])
def test_an_encoder_is_loaded_from_the_checkpoint_path_in_the_card(
    folder: Path, layer: int | str
) -> None:
    encoder = SpeechEncoder(folder, layer)  # type: ignore[arg-type]
    assert read_back(encoder) == encoder
    assert extractor_from_settings(encoder.settings(), checkpoint_paths(encoder), "cpu") == encoder


def test_a_missing_or_changed_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    encoder = SpeechEncoder(shutil.copytree(folder, tmp_path / "model"))
    settings, card = dict(encoder.settings()), checkpoint_paths(encoder)
    with pytest.raises(ArtifactError, match=r"the encoder in None, which is missing"):
        extractor_from_settings(settings, {})
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(ArtifactError, match=r"which is missing; use .*SpeechEncoder"):
        extractor_from_settings(settings, card)
    save_encoder("hubert", tmp_path / "model", seed=1)
    with pytest.raises(ArtifactError, match=r"another encoder than the one in .*; restore it"):
        extractor_from_settings(settings, card)


def test_frames_of_whisper_are_found_where_the_card_says_or_where_all_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save_model_bin(tmp_path / "model.bin", random_state(0, SHAPES["tiny"]))
    frames = WhisperFrames("tiny", 2, source, "int8", window_s=5.0)
    assert read_back(frames) == frames
    settings = json.loads(json.dumps(dict(frames.settings())))
    cache = tmp_path / "hub" / "models--openai--whisper-tiny" / "snapshots" / "abc"
    monkeypatch.setattr("voxaffect.features.whisper.hub._cache", lambda: tmp_path / "hub")
    with pytest.raises(FeatureError, match="not installed"):
        extractor_from_settings(settings, {})
    cache.mkdir(parents=True)
    source.rename(cache / "model.bin")
    found = extractor_from_settings(settings, checkpoint_paths(frames))
    assert found == WhisperFrames("tiny", 2, None, "int8", window_s=5.0)
    save_model_bin(cache / "model.bin", random_state(1, SHAPES["tiny"]))
    del frames, found
    with pytest.raises(ArtifactError, match=r"other weights of Whisper tiny \(digest .* than"):
        extractor_from_settings(settings, {})
    with pytest.raises(ArtifactError, match=r"other frames of Whisper than this version's .*warp"):
        extractor_from_settings({**settings, "warp": 1}, {})


def test_custom_features_cannot_be_restored() -> None:
    own = CustomFeatures(lambda x: np.zeros((1, 1), np.float32), ("a",), FrameGrid(), "1")
    with pytest.raises(ArtifactError, match=r"of the kind 'own', which are not saved with it"):
        read_back(own)


def test_settings_of_another_version_are_refused() -> None:
    settings = {**LogMel().settings(), "warp": 1.1}
    with pytest.raises(ArtifactError, match=r"other frame features .*warp"):
        extractor_from_settings(settings, {})
