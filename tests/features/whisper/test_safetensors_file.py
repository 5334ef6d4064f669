from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.features.whisper.models import SMALL, hub_state, random_state
from voxaffect.errors import FeatureError
from voxaffect.features.whisper.safetensors_file import SafetensorsFile
from voxaffect.features.whisper.shapes import tensor_groups
from voxaffect.features.whisper.sources import find_weights
from voxaffect.features.whisper.weights import DIGESTS, weights_digest


def saved(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, path)
    return path


def opened(*paths: Path) -> SafetensorsFile:
    return SafetensorsFile(paths, "the file")


@pytest.mark.parametrize("prefix", ["model.encoder.", "encoder.", ""])
def test_tensors_are_read_bit_for_bit_in_float16(tmp_path: Path, prefix: str) -> None:
    decoder = {"model.decoder.layers.7.fc1.weight": torch.zeros(3)} if prefix else {}
    path = saved(tmp_path / "m.safetensors", {**hub_state(random_state(), prefix), **decoder})
    file = opened(path)
    assert file.shape() == SMALL
    for name, values in random_state().items():
        assert torch.equal(file.tensor(name), values)


def test_what_the_library_saves_is_read(tmp_path: Path) -> None:
    import transformers

    config = transformers.WhisperConfig(
        d_model=128,
        encoder_layers=3,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=512,
        num_mel_bins=20,
        max_source_positions=100,
    )
    model = transformers.WhisperForConditionalGeneration(config)
    model.save_pretrained(tmp_path, max_shard_size="2MB")
    paths = sorted(tmp_path.glob("*.safetensors"))
    assert len(paths) > 1
    file, weights = opened(*paths), model.state_dict()
    assert file.shape() == SMALL
    for name in ("positional_embedding", "blocks.2.mlp.2.weight", "blocks.0.attn.qkv.bias"):
        assert file.tensor(name).dtype == torch.float16
    fc1 = weights["model.encoder.layers.1.fc1.weight"].half()
    assert torch.equal(file.tensor("blocks.1.mlp.0.weight"), fc1)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors", hub_state(random_state()))
    whole = path.read_bytes()
    for n_bytes in (0, 5, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(FeatureError, match="the file: cannot be read") as fault:
            opened(path)
        assert "\n" not in str(fault.value)


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors", {"bert.embeddings.weight": torch.zeros(3)})
    with pytest.raises(FeatureError, match=r"is not a model of Whisper \(it lacks encoder\.conv1"):
        opened(path)
    tensors = hub_state(random_state())
    del tensors["model.encoder.layers.0.self_attn.k_proj.weight"]
    file = opened(saved(tmp_path / "m.safetensors", tensors))
    with pytest.raises(FeatureError, match=r"lacks model\.encoder\.layers\.0\.self_attn\.k_proj"):
        file.tensor("blocks.0.attn.qkv.weight")


@pytest.mark.usefixtures("installed")
def test_the_hubs_form_of_base_is_the_packages_bit_for_bit(tmp_path: Path) -> None:
    here = find_weights("base")
    names = [name for group in tensor_groups(6, 6) for name in group]
    state = {name: here.tensor(name).clone() for name in names}
    there = opened(saved(tmp_path / "model.safetensors", hub_state(state)))
    for name in names:
        assert torch.equal(there.tensor(name), state[name])
    assert weights_digest(there, "base", 6) == DIGESTS["base"][6]
