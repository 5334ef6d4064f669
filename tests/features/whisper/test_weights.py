from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.features.whisper.models import random_state, save_model_bin
from voxaffect.errors import FeatureError
from voxaffect.features.whisper.sources import find_weights, open_weights
from voxaffect.features.whisper.weights import DIGESTS, load_weights, weights_digest


def test_loaded_tensors_are_those_that_the_layers_need(small: Path) -> None:
    state = random_state()
    for n_blocks in range(4):
        loaded = load_weights(open_weights(small), "tiny", n_blocks)
        needed = {
            name
            for name in state
            if not name.startswith(("blocks.", "ln_post"))
            or (name.startswith("blocks.") and int(name.split(".")[1]) < n_blocks)
            or (name.startswith("ln_post") and n_blocks == 3)
        }
        assert set(loaded.state) == needed
        for name, values in loaded.state.items():
            assert torch.equal(values, state[name].float())
        assert loaded.digest == weights_digest(open_weights(small), "tiny", n_blocks)


def test_the_digest_changes_with_any_bit_that_is_used(small: Path) -> None:
    state = random_state()
    before = [weights_digest(open_weights(small), "tiny", n) for n in range(4)]
    assert len(set(before)) == 4
    for name, first_use in (
        ("conv1.bias", 0),
        ("blocks.1.attn.qkv.weight", 2),
        ("ln_post.bias", 3),
    ):
        values = state[name].clone()
        values.view(torch.int16).view(-1)[-1] ^= 1
        save_model_bin(small, {**state, name: values})
        after = [weights_digest(open_weights(small), "tiny", n) for n in range(4)]
        assert [a == b for a, b in zip(before, after, strict=True)] == [
            n < first_use for n in range(4)
        ]


def test_weights_of_another_size_are_refused(small: Path) -> None:
    with pytest.raises(FeatureError, match=r"has 3 layers of width 128 .*Whisper small has 12 of"):
        load_weights(open_weights(small), "small", 3)


def test_what_is_not_finite_is_refused(small: Path) -> None:
    values = random_state()["conv1.bias"].clone()
    values[3] = float("inf")
    save_model_bin(small, {**random_state(), "conv1.bias": values})
    with pytest.raises(FeatureError, match=r"conv1\.bias is not finite in float16; copy"):
        load_weights(open_weights(small), "tiny", 0)


def test_known_weights_must_be_those(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = tuple(weights_digest(open_weights(small), "tiny", n) for n in range(4))
    monkeypatch.setitem(DIGESTS, "tiny", digests)
    load_weights(open_weights(small), "tiny", 2)
    save_model_bin(small, random_state(1))
    with pytest.raises(FeatureError, match=rf"is damaged, or not Whisper tiny.*{digests[2]}"):
        load_weights(open_weights(small), "tiny", 2)


@pytest.mark.usefixtures("installed")
def test_the_installed_weights_of_base_are_known() -> None:
    file = find_weights("base")
    assert [weights_digest(file, "base", n) for n in range(7)] == [*DIGESTS["base"]]
