"""Encoder of Whisper (Radford et al. 2022) in PyTorch, after its own `model.py`.

Utterances of any lengths lie end to end: matrix products see the frames of all, attention those of
one. So nothing is padded, and an utterance's states depend on the others by rounding alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class EncoderShape:
    """Sizes of an encoder, as its weights have them."""

    n_mels: int
    width: int
    n_heads: int
    n_layers: int
    n_positions: int = 1500


class Attention(nn.Module):
    """Self-attention of several heads; queries, keys and values are one product."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.n_heads = shape.n_heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """(R, D) of utterances end to end -> (R, D)."""
        rows, width = x.shape
        qkv = self.qkv(x).view(rows, 3, self.n_heads, -1).permute(1, 2, 0, 3)  # (3, H, R, D / H)
        seen = x.new_empty(rows, width)
        start = 0
        for n in lengths:
            q, k, v = qkv[:, None, :, start : start + n]
            mixed = functional.scaled_dot_product_attention(q, k, v)[0]
            seen[start : start + n] = mixed.transpose(0, 1).reshape(n, width)
            start += n
        return self.out(seen)


class Block(nn.Module):
    """Layer of the encoder: attention and two linear maps, each after a normalization."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.attn_ln = nn.LayerNorm(shape.width)
        self.attn = Attention(shape)
        self.mlp_ln = nn.LayerNorm(shape.width)
        self.mlp = nn.Sequential(
            nn.Linear(shape.width, 4 * shape.width),
            nn.GELU(),
            nn.Linear(4 * shape.width, shape.width),
        )

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """(R, D) of utterances end to end -> (R, D)."""
        x = x + self.attn(self.attn_ln(x), lengths)
        return x + self.mlp(self.mlp_ln(x))


class Encoder(nn.Module):
    """Convolutions, positions and the first `n_blocks` layers.

    With all layers, the last normalization follows, as in Whisper's output.
    """

    def __init__(self, shape: EncoderShape, n_blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(shape.n_mels, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.positional_embedding = nn.Parameter(torch.empty(shape.n_positions, shape.width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(n_blocks))
        self.ln_post = nn.LayerNorm(shape.width) if n_blocks == shape.n_layers else None

    def forward(self, mels: Sequence[Tensor]) -> list[Tensor]:
        """Spectra (2 T, n_mels) of utterances -> states (T, D) of each; T at most 1500."""
        lengths = [len(mel) // 2 for mel in mels]
        x = torch.cat([self._convolved(mel) for mel in mels])
        for block in self.blocks:
            x = block(x, lengths)
        if self.ln_post is not None:
            x = self.ln_post(x)
        return list(x.split(lengths))

    def _convolved(self, mel: Tensor) -> Tensor:
        x = functional.gelu(self.conv1(mel.T[None]))
        x = functional.gelu(self.conv2(x))[0].T
        return x + self.positional_embedding[: len(x)]
