"""Small models of Whisper with random weights, written as published ones are."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from voxaffect.features.whisper.model_bin import variable
from voxaffect.features.whisper.shapes import EncoderShape, tensor_groups

SMALL = EncoderShape(n_mels=20, width=128, n_layers=3, n_positions=100)
"""Two heads, and 2 s at most; the tests let it pass for `tiny`."""


def random_state(seed: int = 0, shape: EncoderShape = SMALL) -> dict[str, Tensor]:
    """Tensors of an encoder, float16, by the names of `tensor_groups`."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for group in tensor_groups(shape.n_layers, shape.n_layers):
        for name in group:
            dims = tensor_dims(name, shape)
            scale = 1 / dims[-1] ** 0.5 if len(dims) > 1 else 0.1
            values = torch.randn(dims, generator=generator) * scale
            is_gain = name.endswith("ln.weight") or name == "ln_post.weight"
            state[name] = (values + is_gain).half()
            if name.endswith("qkv.bias"):
                state[name][shape.width : 2 * shape.width] = 0  # keys have none
    return state


def tensor_dims(name: str, shape: EncoderShape) -> tuple[int, ...]:
    width = shape.width
    if name == "positional_embedding":
        return shape.n_positions, width
    stem, _, kind = name.rpartition(".")
    n_out = {"attn.qkv": 3 * width, "mlp.0": 4 * width}.get(stem.partition(".")[2][2:], width)
    if kind == "bias" or "ln" in stem:
        return (n_out,)
    if stem.startswith("conv"):
        return width, shape.n_mels if stem == "conv1" else width, 3
    return n_out, 4 * width if stem.endswith("mlp.2") else width


TYPES = {torch.float32: 0, torch.int8: 1, torch.float16: 4}


def model_bin(tensors: Mapping[str, Tensor], spec: str = "WhisperSpec") -> bytes:
    """Bytes of a CTranslate2 file with variables by its own names."""
    parts = [struct.pack("<I", 6), _text(spec), struct.pack("<II", 3, len(tensors))]
    for name, values in sorted(tensors.items()):
        raw = values.contiguous().numpy().tobytes()
        parts += [_text(name), struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)]
        parts += [struct.pack("<BI", TYPES[values.dtype], len(raw)), raw]
    return b"".join([*parts, struct.pack("<I", 0)])


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def ct2_variables(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An encoder's tensors as variables of a file, beside one of the decoder."""
    found = {variable(name): values for name, values in state.items()}
    return {**found, "decoder/embeddings/weight": torch.zeros(5, 7)}


def save_model_bin(path: Path, state: Mapping[str, Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model_bin(ct2_variables(state)))
    return path


BLOCK = {
    "attn_ln": "self_attn_layer_norm",
    "attn.out": "self_attn.out_proj",
    "mlp_ln": "final_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
}


def hub_state(state: Mapping[str, Tensor], prefix: str = "model.encoder.") -> dict[str, Tensor]:
    """An encoder's tensors as the library transformers names them, float32."""
    found = {}
    for name, values in state.items():
        if name == "positional_embedding":
            found["embed_positions.weight"] = values
            continue
        stem, _, kind = name.rpartition(".")
        if not stem.startswith("blocks."):
            found[f"{stem.replace('ln_post', 'layer_norm')}.{kind}"] = values
            continue
        _, number, part = stem.split(".", 2)
        if part == "attn.qkv":
            for letter, one in zip("qkv", values.chunk(3), strict=True):
                found[f"layers.{number}.self_attn.{letter}_proj.{kind}"] = one
            if kind == "bias":
                del found[f"layers.{number}.self_attn.k_proj.bias"]
        else:
            found[f"layers.{number}.{BLOCK[part]}.{kind}"] = values
    return {prefix + name: values.float().contiguous() for name, values in found.items()}
