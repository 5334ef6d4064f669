"""Weights of Whisper's encoder from a file: CTranslate2's `model.bin`, whole or in parts."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


@dataclass
class _Reader:
    data: memoryview
    at: int = 0

    def take(self, code: str) -> int:
        (value,) = struct.unpack_from(f"<{code}", self.data, self.at)
        self.at += struct.calcsize(code)
        return int(value)

    def text(self) -> str:
        n = self.take("H")
        self.at += n
        return bytes(self.data[self.at - n : self.at]).rstrip(b"\0").decode("ascii")


def read_model_bin(data: memoryview) -> dict[str, NDArray]:
    """Tensors of a CTranslate2 file by name, views of its bytes."""
    reader = _Reader(data)
    reader.take("I")
    reader.text()
    reader.take("I")
    found = {}
    for _ in range(reader.take("I")):
        name = reader.text()
        dims = [reader.take("I") for _ in range(reader.take("B"))]
        kind, n_bytes = TYPES[reader.take("B")], reader.take("I")
        flat = np.frombuffer(data, kind, math.prod(dims), reader.at)
        found[name] = flat.reshape(dims)
        reader.at += n_bytes
    return found


CT2_NAMES = {
    "attn_ln.weight": "self_attention/layer_norm/gamma",
    "attn_ln.bias": "self_attention/layer_norm/beta",
    "attn.qkv.weight": "self_attention/linear_0/weight",
    "attn.qkv.bias": "self_attention/linear_0/bias",
    "attn.out.weight": "self_attention/linear_1/weight",
    "attn.out.bias": "self_attention/linear_1/bias",
    "mlp_ln.weight": "ffn/layer_norm/gamma",
    "mlp_ln.bias": "ffn/layer_norm/beta",
    "mlp.0.weight": "ffn/linear_0/weight",
    "mlp.0.bias": "ffn/linear_0/bias",
    "mlp.2.weight": "ffn/linear_1/weight",
    "mlp.2.bias": "ffn/linear_1/bias",
}


def ct2_name(name: str) -> str:
    """Name in a CTranslate2 file of one of our parameters."""
    if name == "positional_embedding":
        return "encoder/position_encodings/encodings"
    if name.startswith("ln_post"):
        return "encoder/layer_norm/" + {"weight": "gamma", "bias": "beta"}[name.split(".")[1]]
    if name.startswith("blocks."):
        _, number, rest = name.split(".", 2)
        return f"encoder/layer_{number}/{CT2_NAMES[rest]}"
    return "encoder/" + name.replace(".", "/")
