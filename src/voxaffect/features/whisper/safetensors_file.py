"""Files of a Whisper model as the library transformers saves them, in safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from voxaffect.errors import FeatureError
from voxaffect.features.whisper.shapes import EncoderShape
from voxaffect.features.whisper.weight_file import AGAIN, no_whisper, to_float16

_BLOCK = {
    "attn_ln": "self_attn_layer_norm",
    "attn.out": "self_attn.out_proj",
    "mlp_ln": "final_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
}
_REST = {"positional_embedding": "embed_positions.weight", "ln_post": "layer_norm"}


def hub_name(name: str) -> str:
    """The file's name of a tensor, after a prefix."""
    stem, _, kind = name.rpartition(".")
    if name in _REST:
        return _REST[name]
    if name.startswith("blocks."):
        _, number, part = stem.split(".", 2)
        return f"layers.{number}.{_BLOCK[part]}.{kind}"
    return f"{_REST.get(stem, stem)}.{kind}"


class SafetensorsFile:
    """Files of the library transformers, with the whole model or with the encoder alone."""

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        self.name = name
        try:
            opened: list[Any] = [safe_open(path, framework="pt") for path in paths]
            self._files = {key: file for file in opened for key in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as fault:
            raise FeatureError(f"{name}: cannot be read ({fault}); {AGAIN}") from fault
        ends = [key for key in self._files if key.endswith("conv1.weight")]
        if not ends:
            raise no_whisper(name, "encoder.conv1.weight")
        self._prefix = ends[0].removesuffix("conv1.weight")

    def shape(self) -> EncoderShape:
        """Sizes, by the tensors that there are."""
        first = self._prefix + "layers."
        inside = [key.removeprefix(first) for key in self._files if key.startswith(first)]
        layers = {key.split(".")[0] for key in inside}
        width, n_mels, _ = self._dims("conv1.weight")
        return EncoderShape(n_mels, width, len(layers), self._dims("embed_positions.weight")[0])

    def tensor(self, name: str) -> Tensor:
        """A tensor, float16; FeatureError if it is missing, damaged or quantized."""
        if ".attn.qkv." not in name:
            return self._tensor(hub_name(name))
        _, number, *_, kind = name.split(".")
        stem = f"layers.{number}.self_attn."
        query, value = (self._tensor(f"{stem}{one}_proj.{kind}") for one in "qv")
        key = torch.zeros_like(query) if kind == "bias" else self._tensor(f"{stem}k_proj.{kind}")
        return torch.cat([query, key, value])

    def _dims(self, name: str) -> list[int]:
        return list(self._file(name).get_slice(self._prefix + name).get_shape())

    def _tensor(self, name: str) -> Tensor:
        return to_float16(self._file(name).get_tensor(self._prefix + name), name, self.name)

    def _file(self, name: str) -> Any:
        if self._prefix + name not in self._files:
            raise no_whisper(self.name, self._prefix + name)
        return self._files[self._prefix + name]
