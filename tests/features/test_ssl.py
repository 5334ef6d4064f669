from __future__ import annotations

import json
import shutil
import socket
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from tests.features.tiny_encoders import KIND_NAMES, save_encoder
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.ssl import BATCH_SAMPLES, SpeechEncoder, batches


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("encoders")
    return {kind: save_encoder(kind, root / str(i)) for i, kind in enumerate(KIND_NAMES)}


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A model's folder that a test may modify."""
    return shutil.copytree(folders["wav2vec2"], tmp_path / "model")


def noise(n_samples: int, seed: int = 0) -> Waveform:
    x = np.random.default_rng(seed).normal(0, 0.05, n_samples).astype(np.float32)
    return Waveform(x, f"clip {seed}")


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("layer", [0, 1, "last", "mean"])
def test_states_do_not_depend_on_padding_or_batch(
    folders: dict[str, Path], kind: str, layer: int | str
) -> None:
    encoder = SpeechEncoder(folders[kind], layer)  # type: ignore[arg-type]
    waveforms = [noise(n, n) for n in (4000, 12_000, 4000, 7321, 400 + 320)]
    together = encoder.extract(waveforms)
    for waveform, one in zip(waveforms, together, strict=True):
        (alone,) = encoder.extract([waveform])
        assert one.dtype == np.float32
        assert one.shape == (encoder.grid.n_frames(waveform.samples.size), 16)
        np.testing.assert_allclose(one, alone, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_layers_are_those_of_the_library(folders: dict[str, Path], kind: str) -> None:
    import transformers

    waveform = noise(8000)
    model = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    preprocessor = transformers.AutoFeatureExtractor.from_pretrained(folders[kind])
    inputs = preprocessor(waveform.samples, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        output = model(inputs[preprocessor.model_input_names[0]], output_hidden_states=True)
    expected = {
        0: output.hidden_states[0],
        2: output.hidden_states[2],
        "last": output.last_hidden_state,
        "mean": sum(output.hidden_states) / 3,
    }
    for layer, states in expected.items():
        (values,) = SpeechEncoder(folders[kind], layer).extract([waveform])  # type: ignore[arg-type]
        np.testing.assert_allclose(values, states[0, : len(values)], rtol=1e-4, atol=1e-5)


def test_frames_come_every_20_ms(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        grid = SpeechEncoder(folder).grid
        assert grid.hop_samples == 320
        assert grid.window_samples == 400


def test_settings_depend_on_the_model_and_not_its_folder(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    here = SpeechEncoder(folders["hubert"])
    moved = SpeechEncoder(shutil.copytree(folders["hubert"], tmp_path / "moved"))
    other = SpeechEncoder(save_encoder("hubert", tmp_path / "other", seed=1))
    assert here.settings() == moved.settings()
    assert here.settings() != other.settings()
    assert here.settings() != SpeechEncoder(folders["hubert"], 1).settings()
    assert here.settings() == SpeechEncoder(folders["hubert"], device="meta").settings()
    assert str(folders["hubert"]) not in json.dumps(dict(here.settings()))


def test_pickling_leaves_out_the_weights(folders: dict[str, Path]) -> None:
    encoder = SpeechEncoder(folders["wavlm"])
    here = encoder.extract([noise(4000)])
    assert not any(isinstance(v, tuple) and len(v) == 2 for v in encoder.__getstate__().values())
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(encoder.extract)([noise(4000)])])
    np.testing.assert_allclose(there[0], here[0], atol=1e-5)


def test_batches_contain_each_utterance_once_and_are_bounded() -> None:
    lengths = [int(n) for n in np.random.default_rng(0).integers(1, 40, 200) * 16_000]
    for same_length in (False, True):
        found = list(batches(lengths, same_length=same_length))
        assert sorted(i for batch in found for i in batch) == list(range(200))
        for batch in found:
            within = [lengths[i] for i in batch]
            assert len(batch) == 1 or max(within) * len(batch) <= BATCH_SAMPLES
            assert not same_length or len(set(within)) == 1


@pytest.mark.parametrize("layer", [-1, "first", 1.5])
def test_invalid_layers_are_refused(layer: object) -> None:
    with pytest.raises(FeatureError, match=r"a number from 0, 'last' or 'mean'"):
        SpeechEncoder(Path(), layer)  # type: ignore[arg-type]


def test_a_layer_beyond_the_last_is_refused(folder: Path) -> None:
    with pytest.raises(FeatureError, match="layer 3 does not exist; choose 0 to 2"):
        SpeechEncoder(folder, 3).extract([noise(4000)])


def test_a_recording_shorter_than_a_frame_is_refused(folder: Path) -> None:
    with pytest.raises(AudioError, match=r"clip 0: .* at least 25 ms"):
        SpeechEncoder(folder).extract([noise(399)])


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FeatureError, match=r"pickles such as pytorch_model\.bin"):
        SpeechEncoder(folder).settings()


def test_the_network_is_never_used(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object) -> None:
        raise AssertionError("the network was used")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    SpeechEncoder(folders["wav2vec2"]).extract([noise(4000)])
    with pytest.raises(FeatureError, match=r"facebook/wav2vec2-base: no model found"):
        SpeechEncoder(Path("facebook/wav2vec2-base")).settings()


def test_a_damaged_model_gives_a_one_line_error(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FeatureError, match="cannot be read") as fault:
        SpeechEncoder(folder).extract([noise(4000)])
    assert "\n" not in str(fault.value)


def test_incomplete_weights_are_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layers.1.attention.k_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(FeatureError, match=r"weights lack .*layers\.1\.attention\.k_proj"):
        SpeechEncoder(folder).extract([noise(4000)])


def test_a_missing_preprocessor_is_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(FeatureError, match="cannot be read"):
        SpeechEncoder(folder).extract([noise(4000)])


def test_the_preprocessor_of_another_model_is_refused(folder: Path) -> None:
    path = folder / "preprocessor_config.json"
    path.write_text(path.read_text().replace("16000", "8000"))
    with pytest.raises(FeatureError, match="does not match the model"):
        SpeechEncoder(folder).extract([noise(4000)])


def test_a_model_of_whisper_is_refused_with_what_takes_it(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(FeatureError, match=r'is a model of Whisper; use features\.set = "whisper"'):
        SpeechEncoder(folder).settings()


def test_a_model_of_text_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(FeatureError, match="kind 'bert'"):
        SpeechEncoder(folder).settings()


def test_a_missing_library_is_named_with_how_to_install_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[ssl\]'"):
        SpeechEncoder(folder).settings()
