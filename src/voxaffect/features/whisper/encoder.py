"""Encoder of Whisper (Radford et al. 2022) in PyTorch, after its own `model.py`.

Utterances of any lengths lie end to end: matrix products see the frames of all, attention those of
one. So nothing is padded, and an utterance's states depend on the others by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from voxaffect.features.whisper.shapes import EncoderShape

MakeProduct = Callable[[Tensor, Tensor], nn.Module]
"""Weight (M, K) and bias (M,), float32 -> module from (R, K) to (R, M)."""


class Product(nn.Module):
    """Product with a matrix, plus a bias, in float32."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(R, K) -> (R, M)."""
        return functional.linear(x, self.weight, self.bias)


class Normalization(nn.Module):
    """Layer normalization, in float32."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(R, D) -> (R, D)."""
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias)


class Attention(nn.Module):
    """Self-attention of several heads; queries, keys and values come from one product."""

    def __init__(self, part: _Part) -> None:
        super().__init__()
        self.n_heads = part.shape.n_heads
        self.qkv = part.product("qkv")
        self.out = part.product("out")

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        """(R, D) of utterances end to end -> (R, D)."""
        seen = [self._attend(qkv) for qkv in torch.split(self.qkv(x), lengths)]
        values: Tensor = self.out(torch.cat(seen))
        return values

    def _attend(self, qkv: Tensor) -> Tensor:
        """(T, 3 D) of one utterance -> (T, D)."""
        q, k, v = qkv.view(1, len(qkv), 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)  # (1, heads, T, D / heads)
        return mixed.transpose(1, 2).reshape(len(qkv), -1)


class Block(nn.Module):
    """Layer of the encoder: attention, then two products, each after a normalization."""

    def __init__(self, part: _Part) -> None:
        super().__init__()
        self.attn_ln = part.normalization("attn_ln")
        self.attn = Attention(part.below("attn"))
        self.mlp_ln = part.normalization("mlp_ln")
        self.mlp = nn.Sequential(part.product("mlp.0"), nn.GELU(), part.product("mlp.2"))

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        """(R, D) of utterances end to end -> (R, D)."""
        x = x + self.attn(self.attn_ln(x), lengths)
        values: Tensor = x + self.mlp(self.mlp_ln(x))
        return values


class Encoder(nn.Module):
    """Convolutions, positions and the first layers; behind the last one, its normalization.

    Convolutions are products with windows of three frames: their weights are (D, 3 n), a frame
    after the other, where Whisper's are (D, n, 3).

    Args:
        state: float32 tensors by the names of `tensor_groups`.
        n_blocks: number of layers.
        make_product: of the matrix products.
    """

    def __init__(
        self,
        shape: EncoderShape,
        state: Mapping[str, Tensor],
        n_blocks: int,
        make_product: MakeProduct = Product,
    ) -> None:
        super().__init__()
        part = _Part(shape, state, make_product)
        self.conv1 = part.convolution("conv1")
        self.conv2 = part.convolution("conv2")
        positions = state["positional_embedding"]
        self.positional_embedding = nn.Parameter(positions, requires_grad=False)
        self.blocks = nn.ModuleList(Block(part.below(f"blocks.{k}")) for k in range(n_blocks))
        self.ln_post = part.normalization("ln_post") if n_blocks == shape.n_layers else None

    def forward(self, mels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Spectra (2 T, n_mels) of utterances, T at most 1500 -> states (T, D) of each."""
        lengths = [len(mel) // 2 for mel in mels]
        x = self.positions(mels)
        for block in self.blocks:
            x = block(x, lengths)
        if self.ln_post is not None:
            x = self.ln_post(x)
        return torch.split(x, lengths)

    def positions(self, mels: Sequence[Tensor]) -> Tensor:
        """What the first layer sees, (R, D): convolutions and positions, utterances end to end."""
        windows = torch.cat([_windows(mel, 1) for mel in mels])
        wide = torch.split(functional.gelu(self.conv1(windows)), [len(mel) for mel in mels])
        x = functional.gelu(self.conv2(torch.cat([_windows(each, 2) for each in wide])))
        return x + torch.cat([self.positional_embedding[: len(mel) // 2] for mel in mels])


def _windows(x: Tensor, stride: int) -> Tensor:
    """Each frame of (T, n), or each second one, with its neighbors, zero beyond the ends."""
    padded = functional.pad(x, (0, 0, 1, 1))
    n_frames, width = len(x) // stride, x.shape[1]
    return padded.as_strided((n_frames, 3 * width), (stride * width, 1))


class _Part:
    """Tensors of a part of the encoder, as modules."""

    def __init__(
        self,
        shape: EncoderShape,
        state: Mapping[str, Tensor],
        make_product: MakeProduct,
        prefix: str = "",
    ) -> None:
        self.shape, self._state, self._make, self._prefix = shape, state, make_product, prefix

    def below(self, name: str) -> _Part:
        return _Part(self.shape, self._state, self._make, f"{self._prefix}{name}.")

    def product(self, name: str) -> nn.Module:
        return self._make(*self._tensors(name))

    def convolution(self, name: str) -> nn.Module:
        weight, bias = self._tensors(name)
        return self._make(weight.transpose(1, 2).flatten(1), bias)

    def normalization(self, name: str) -> Normalization:
        return Normalization(*self._tensors(name))

    def _tensors(self, name: str) -> tuple[Tensor, Tensor]:
        stem = self._prefix + name
        return self._state[f"{stem}.weight"], self._state[f"{stem}.bias"]
