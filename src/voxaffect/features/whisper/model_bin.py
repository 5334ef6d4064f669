"""CTranslate2's file of a Whisper model, `model.bin`, in one file or in parts."""

from __future__ import annotations

import hashlib
import math
import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from voxaffect.errors import FeatureError
from voxaffect.features.whisper.shapes import EncoderShape
from voxaffect.features.whisper.weight_file import AGAIN, no_whisper, to_float16


class _Entry(NamedTuple):
    """Where a tensor of a `model.bin` lies."""

    dims: tuple[int, ...]
    dtype: torch.dtype
    at: int
    n_bytes: int


class JoinedFile:
    """Files that are read as one, without joining them on disk or in memory.

    Raises:
        FeatureError: one cannot be opened.
    """

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        self.name = name
        self._paths = paths
        self.parts: list[mmap.mmap] = []
        for path in paths:
            try:
                with path.open("rb") as file:
                    # A private copy, as PyTorch warns of memory that cannot be written.
                    self.parts.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
            except (OSError, ValueError) as fault:
                raise FeatureError(f"{path}: cannot be read ({fault}); {AGAIN}") from fault
        self.size = sum(map(len, self.parts))

    def sha256(self) -> str:
        """SHA-256 of all bytes, in hex; read apart, so that they do not stay in memory."""
        sha, block = hashlib.sha256(), bytearray(1 << 20)
        for path in self._paths:
            with path.open("rb", buffering=0) as file:
                while n_bytes := file.readinto(block):
                    sha.update(memoryview(block)[:n_bytes])
        return sha.hexdigest()

    def read(self, at: int, n_bytes: int) -> memoryview:
        """Bytes, without a copy unless they lie in two parts; FeatureError past the end."""
        if at + n_bytes > self.size:
            raise FeatureError(f"{self.name}: is cut short at {self.size:,} bytes; {AGAIN}")
        pieces = []
        for part in self.parts:
            if at < len(part) and n_bytes:
                pieces.append(memoryview(part)[at : at + n_bytes])
                n_bytes -= len(pieces[-1])
            at = max(0, at - len(part))
        return pieces[0] if len(pieces) == 1 else memoryview(bytearray().join(pieces))


DTYPES = {0: torch.float32, 1: torch.int8, 2: torch.int16, 3: torch.int32, 4: torch.float16}
SPEC = "WhisperSpec"
_BLOCK = {
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
_REST = {
    "positional_embedding": "position_encodings/encodings",
    "ln_post.weight": "layer_norm/gamma",
    "ln_post.bias": "layer_norm/beta",
}


def variable(name: str) -> str:
    """The file's name of a tensor."""
    if name.startswith("blocks."):
        _, number, rest = name.split(".", 2)
        return f"encoder/layer_{number}/{_BLOCK[rest]}"
    return "encoder/" + _REST.get(name, name.replace(".", "/"))


class ModelBin:
    """CTranslate2's file, whole or in parts.

    Little-endian: uint32 version, name of the model's kind, uint32 revision, uint32 number of
    variables; of each its name, uint8 rank, uint32 dimensions, uint8 type, uint32 bytes, values. A
    name is a uint16 length and as many bytes, the last of them zero.
    """

    def __init__(self, file: JoinedFile) -> None:
        self.name = file.name
        self._bytes = file
        self._at = 0
        self.entries = self._read_entries()

    def shape(self) -> EncoderShape:
        """Sizes, by the tensors that there are."""
        width, n_mels, _ = self._entry("conv1.weight").dims
        positions = self._entry("positional_embedding").dims[0]
        layers = [n for n in self.entries if n.endswith("self_attention/linear_0/weight")]
        n_layers = sum(name.startswith("encoder/") for name in layers)
        return EncoderShape(n_mels, width, n_layers, positions)

    def tensor(self, name: str) -> Tensor:
        """A tensor, float16; FeatureError if it is missing, damaged or quantized."""
        entry = self._entry(name)
        raw = self._bytes.read(entry.at, entry.n_bytes)
        values = torch.frombuffer(raw, dtype=entry.dtype).view(entry.dims)
        return to_float16(values, name, self.name)

    def _entry(self, name: str) -> _Entry:
        entry = self.entries.get(variable(name))
        if entry is None:
            raise no_whisper(self.name, variable(name))
        return entry

    def _read_entries(self) -> dict[str, _Entry]:
        self._take("I")
        if (kind := self._text()) != SPEC:
            raise no_whisper(self.name, f"CTranslate2's mark {SPEC}, but has {kind[:20]!r}")
        self._take("I")
        found = {}
        for _ in range(self._take("I")):
            name, rank = self._text(), self._take("B")
            dims = tuple(self._take("I") for _ in range(rank))
            dtype, n_bytes = DTYPES.get(self._take("B")), self._take("I")
            if dtype is None or math.prod(dims) * dtype.itemsize != n_bytes:
                raise FeatureError(f"{self.name}: is damaged at byte {self._at:,}; {AGAIN}")
            found[name] = _Entry(dims, dtype, self._at, n_bytes)
            self._at += n_bytes
        self._bytes.read(self._at, 0)  # the values of the last one end within the file
        return found

    def _take(self, code: str) -> int:
        n_bytes = struct.calcsize(f"<{code}")
        (value,) = struct.unpack(f"<{code}", self._bytes.read(self._at, n_bytes))
        self._at += n_bytes
        return int(value)

    def _text(self) -> str:
        n_bytes = self._take("H")
        text = bytes(self._bytes.read(self._at, n_bytes))
        self._at += n_bytes
        return text.rstrip(b"\0").decode("ascii", "replace")
