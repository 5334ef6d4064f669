"""Weights of the first layers of an encoder, and the digest that all sources of them share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from voxaffect.errors import FeatureError
from voxaffect.features.whisper.shapes import SHAPES, EncoderShape, Size, tensor_groups
from voxaffect.features.whisper.weight_file import AGAIN, WeightFile

DIGESTS: Mapping[Size, tuple[str, ...]] = {
    "base": (
        *("8c53e5d1206d6791", "ea07729b1942ee59", "b97221c583539f35", "a5cb66dee9837764"),
        *("4031e59e927fa087", "6da0b0fc11c3f99e", "f8df78489a6119da"),
    ),
}
"""Digests of known weights, by the number of layers."""


class EncoderWeights(NamedTuple):
    """Tensors of the first layers of an encoder."""

    shape: EncoderShape
    state: dict[str, Tensor]  # float32, by the names of `tensor_groups`
    digest: str


def load_weights(file: WeightFile, size: Size, n_blocks: int) -> EncoderWeights:
    """Read and check the tensors that the first `n_blocks` layers need.

    Raises:
        FeatureError: the file is cut short or damaged, or its weights are those of another model.
    """
    state: dict[str, Tensor] = {}
    sha = hashlib.sha256()
    for name, tensor in _tensors(file, size, n_blocks):
        sha.update(_bytes(tensor))
        state[name] = tensor.float()
    return EncoderWeights(SHAPES[size], state, _known(file, size, n_blocks, sha.hexdigest()))


def weights_digest(file: WeightFile, size: Size, n_blocks: int) -> str:
    """SHA-256 of the tensors of the first `n_blocks` layers in float16, 16 hex digits.

    In the order of `tensor_groups`, without keeping them. Raises FeatureError as `load_weights`.
    """
    sha = hashlib.sha256()
    for _, tensor in _tensors(file, size, n_blocks):
        sha.update(_bytes(tensor))
    return _known(file, size, n_blocks, sha.hexdigest())


def _tensors(file: WeightFile, size: Size, n_blocks: int) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors, float16, after a check of the model's sizes."""
    shape, wanted = file.shape(), SHAPES[size]
    if shape != wanted:
        raise FeatureError(
            f"{file.name}: has {shape.n_layers} layers of width {shape.width} on {shape.n_mels} "
            f"mel bands, but Whisper {size} has {wanted.n_layers} of {wanted.width} on "
            f"{wanted.n_mels}; name a file of {size}, or the size of this one"
        )
    for group in tensor_groups(n_blocks, shape.n_layers):
        for name in group:
            tensor = file.tensor(name)
            if not tensor.isfinite().all():
                raise FeatureError(f"{file.name}: {name} is not finite in float16; {AGAIN}")
            yield name, tensor


def _bytes(tensor: Tensor) -> memoryview:
    values: Any = tensor.contiguous().numpy()
    return memoryview(values).cast("B")


def _known(file: WeightFile, size: Size, n_blocks: int, digest: str) -> str:
    """The digest, shortened; FeatureError if the size's weights are known and are others."""
    short = digest[:16]
    known = DIGESTS.get(size)
    if known and short != known[n_blocks]:
        raise FeatureError(
            f"{file.name}: is damaged, or not Whisper {size} as OpenAI published it (digest of "
            f"{n_blocks} layers {short}, expected {known[n_blocks]}); {AGAIN}"
        )
    return short
