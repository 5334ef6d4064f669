"""Matrix products of the encoder in less than float32: faster where a processor has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from voxaffect.features.runtime import compiled
from voxaffect.features.whisper.encoder import MakeProduct, Product

Precision = Literal["float32", "bfloat16", "int8"]

INT8_MAX = 127.0
LEAST_SCALE = 1e-30  # of an output whose weights are all zero


class BFloat16Product(nn.Module):
    """Product of bfloat16 numbers, 8 bits each, summed in float32 and rounded to bfloat16."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.bfloat16(), requires_grad=False)
        self.bias = nn.Parameter(bias.bfloat16(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(R, K) -> bfloat16 (R, M)."""
        return functional.linear(x.bfloat16(), self.weight, self.bias)


class Int8Product(nn.Module):
    """Product of int8 numbers, exact in int32: a scale for each output and for each row.

    A row's scale is its own, so that an utterance's states do not depend on its batch.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        scale = (weight.abs().amax(dim=1) / INT8_MAX).clamp_min_(LEAST_SCALE)
        rounded = (weight / scale[:, None]).round_().to(torch.int8)
        self.weight = nn.Parameter(rounded.T.contiguous(), requires_grad=False)  # (K, M)
        self.scale = nn.Parameter(scale, requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(R, K) -> (R, M)."""
        rows = torch.empty(x.shape, dtype=torch.int8)
        scales = np.empty(len(x), np.float32)
        quantize_rows(x.numpy(), x.numpy().view(np.int32), rows.numpy(), scales)
        exact = torch._int_mm(rows, self.weight)
        values = torch.empty(exact.shape)
        scale, bias = self.scale.numpy(), self.bias.numpy()
        scale_back(exact.numpy(), scales, scale, bias, values.numpy())
        return values


@compiled
def quantize_rows(
    values: NDArray[np.float32],
    bits: NDArray[np.int32],
    rows: NDArray[np.int8],
    scales: NDArray[np.float32],
) -> None:
    """Round rows of (R, K) to int8, each by a scale of its own, which is stored in (R,).

    `bits` are those of the values: comparing magnitudes as integers is vectorized.
    """
    greatest = np.empty(1, np.int32)
    for i in range(len(values)):
        most = np.int32(1)
        for j in range(values.shape[1]):
            most = max(most, bits[i, j] & np.int32(0x7FFFFFFF))
        greatest[0] = most
        largest = greatest.view(np.float32)[0]
        scales[i] = largest / np.float32(127.0)
        factor = np.float32(127.0) / largest
        for j in range(values.shape[1]):
            rows[i, j] = np.int8(np.int32(np.rint(values[i, j] * factor)))


@compiled
def scale_back(
    exact: NDArray[np.int32],
    scales: NDArray[np.float32],
    columns: NDArray[np.float32],
    bias: NDArray[np.float32],
    values: NDArray[np.float32],
) -> None:
    """Store int32 (R, M), times the scales of rows (R,) and columns (M,), plus bias, in (R, M)."""
    for i in range(len(exact)):
        for j in range(exact.shape[1]):
            values[i, j] = np.float32(exact[i, j]) * (scales[i] * columns[j]) + bias[j]


PRODUCTS: Mapping[Precision, MakeProduct] = {
    "float32": Product,
    "bfloat16": BFloat16Product,
    "int8": Int8Product,
}
