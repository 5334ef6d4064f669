"""Published sizes of Whisper, the tensors of an encoder by name, and the digests of known ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Size = Literal["tiny", "base", "small", "medium", "large-v2", "large-v3"]

STATES_PER_S = 50
HEAD_WIDTH = 64  # of attention, in all published sizes


@dataclass(frozen=True)
class EncoderShape:
    """Sizes of an encoder, as a file of weights has them."""

    n_mels: int
    width: int  # of a state
    n_layers: int
    n_positions: int = 1500  # the longest spectrum, in states: 30 s

    @property
    def n_heads(self) -> int:
        """Number of attention heads."""
        return self.width // HEAD_WIDTH

    @property
    def longest_s(self) -> float:
        """Longest recording in one piece, in seconds."""
        return self.n_positions / STATES_PER_S


SHAPES: Mapping[Size, EncoderShape] = {
    "tiny": EncoderShape(80, 384, 4),
    "base": EncoderShape(80, 512, 6),
    "small": EncoderShape(80, 768, 12),
    "medium": EncoderShape(80, 1024, 24),
    "large-v2": EncoderShape(80, 1280, 32),
    "large-v3": EncoderShape(128, 1280, 32),
}
"""Radford et al. 2022, table 1; large-v3 has more mel bands."""

STEM = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "positional_embedding")
BLOCK = (
    *("attn_ln.weight", "attn_ln.bias", "attn.qkv.weight", "attn.qkv.bias"),
    *("attn.out.weight", "attn.out.bias", "mlp_ln.weight", "mlp_ln.bias"),
    *("mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias"),
)
LAST = ("ln_post.weight", "ln_post.bias")


def tensor_groups(n_blocks: int, n_layers: int) -> Iterator[tuple[str, ...]]:
    """Names of the tensors that the first `n_blocks` of `n_layers` layers need, in order.

    The first group is of the convolutions and positions, each other one of a layer. The last
    normalization belongs to the last layer. Names are those of Whisper's own `model.py`, but
    `attn.qkv` is its query, key (whose bias is zero) and value, one after the other.
    """
    yield STEM
    for number in range(n_blocks):
        names = tuple(f"blocks.{number}.{name}" for name in BLOCK)
        yield (*names, *LAST) if number + 1 == n_layers else names
