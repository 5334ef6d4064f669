from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.features.whisper.models import (
    SMALL,
    ct2_variables,
    model_bin,
    random_state,
    save_model_bin,
)
from voxaffect.errors import FeatureError
from voxaffect.features.whisper.model_bin import JoinedFile, ModelBin


def opened(*paths: Path) -> ModelBin:
    return ModelBin(JoinedFile(paths, "the file"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save_model_bin(tmp_path / "model.bin", random_state())


def test_tensors_are_read_bit_for_bit(path: Path) -> None:
    file = opened(path)
    assert file.shape() == SMALL
    for name, values in random_state().items():
        assert file.tensor(name).dtype == torch.float16
        assert torch.equal(file.tensor(name), values)


def test_float32_is_rounded_to_float16(path: Path) -> None:
    state = {name: values.float() * 1.0001 for name, values in random_state().items()}
    save_model_bin(path, state)
    for name, values in state.items():
        assert torch.equal(opened(path).tensor(name), values.half())


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.5, 0.77, 0.99999])
def test_parts_are_read_as_the_whole(path: Path, share: float) -> None:
    whole = path.read_bytes()
    cut = max(1, int(len(whole) * share))
    parts = [path.with_name(name) for name in ("one", "two")]
    for part, content in zip(parts, (whole[:cut], whole[cut:]), strict=True):
        part.write_bytes(content)
    file = opened(*parts)
    for name, values in random_state().items():
        assert torch.equal(file.tensor(name), values)


def test_the_digest_of_parts_is_the_wholes(path: Path) -> None:
    whole = path.read_bytes()
    one, two = path.with_name("one"), path.with_name("two")
    one.write_bytes(whole[:1000])
    two.write_bytes(whole[1000:])
    assert JoinedFile([one, two], "").sha256() == JoinedFile([path], "").sha256()
    assert JoinedFile([two, one], "").sha256() != JoinedFile([path], "").sha256()


@pytest.mark.parametrize("share", [0.0, 1e-6, 2e-5, 0.2, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused_when_opened(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FeatureError, match=r"cut short|cannot be read|empty") as fault:
        opened(path)
    assert "\n" not in str(fault.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"absent: cannot be read"):
        opened(tmp_path / "absent")


@pytest.mark.parametrize(
    "content",
    [
        model_bin({}, "TransformerSpec"),
        b"PK\x03\x04" + bytes(1000),
        b"\xff" * 1000,
        b"<!DOCTYPE html><html>Not found</html>" * 9,
    ],
    ids=["CTranslate2's of another kind", "pickle", "ones", "page"],
)
def test_other_files_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FeatureError, match=r"is not a model of Whisper|cut short") as fault:
        opened(path).shape()
    assert "\n" not in str(fault.value)


def test_a_damaged_header_is_refused(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(b"encoder/conv1/weight\0") + len(b"encoder/conv1/weight\0")
    content[at + 1] ^= 64  # its first dimension
    path.write_bytes(content)
    with pytest.raises(FeatureError, match=r"is damaged at byte [\d,]+; copy the file again"):
        opened(path)


def test_quantized_weights_are_refused(path: Path) -> None:
    tensors = ct2_variables(random_state())
    name = "encoder/layer_1/ffn/linear_0/weight"
    path.write_bytes(model_bin({**tensors, name: tensors[name].to(torch.int8)}))
    with pytest.raises(FeatureError, match=r"mlp\.0\.weight is int8; use a file whose weights are"):
        opened(path).tensor("blocks.1.mlp.0.weight")


def test_a_missing_tensor_is_named(path: Path) -> None:
    tensors = ct2_variables(random_state())
    del tensors["encoder/conv2/bias"]
    path.write_bytes(model_bin(tensors))
    with pytest.raises(FeatureError, match=r"is not a model of Whisper \(it lacks encoder/conv2/b"):
        opened(path).tensor("conv2.bias")
