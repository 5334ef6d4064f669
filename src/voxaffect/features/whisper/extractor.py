"""Frames from the first layers of Whisper's encoder (Radford et al. 2022), every 20 ms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid, groups, refuse_short
from voxaffect.features.whisper.loading import LoadedEncoder, load_encoder
from voxaffect.features.whisper.mel import log_mel
from voxaffect.features.whisper.precision import Precision
from voxaffect.features.whisper.shapes import SHAPES, Size
from voxaffect.features.whisper.windows import HOP_SAMPLES, OVERLAP_FRAMES, Piece, pieces

VERSION = 1  # to be increased when a definition changes, so that stored features are recomputed
BATCH_FRAMES = 600
"""Frames that are computed at once, or a few more: larger batches are not faster."""


@dataclass(frozen=True)
class WhisperFrames:
    """States of one layer of Whisper's encoder, float32 (T, D), T = n_samples // 320.

    A recording of up to `window_s` is computed as it is, not padded to Whisper's 30 s. A longer one
    is computed in windows of that length, which overlap, each as if it were a recording of its own;
    the middle parts are joined. A recording's frames depend on the others in a batch by rounding
    alone. Weights are loaded when first needed, once in a process; settings() and extract() raise
    FeatureError if there are none or they are damaged.

    Args:
        size: of the model, whose states have 384 (tiny), 512 (base), 768 (small), 1024 (medium) or
            1280 numbers (large-v2, large-v3).
        layer: 0 for the convolutions; with the last one, the last normalization follows.
        source: file or folder with the weights; by default the data packages' or the hub cache's.
        precision: of matrix products: float32, bfloat16 or int8.
        device: PyTorch's; int8 needs the CPU.
        window_s: longest recording that is computed in one piece, 1 to 30 s.

    Raises:
        FeatureError: an argument is out of range.
    """

    size: Size = "base"
    layer: int = 3
    source: Path | None = None
    precision: Precision = "float32"
    device: str = "cpu"
    window_s: float = 4.0

    def __post_init__(self) -> None:
        if self.size not in SHAPES:
            raise FeatureError(f"Whisper {self.size!r} is unknown; use one of {', '.join(SHAPES)}")
        if self.layer not in range(SHAPES[self.size].n_layers + 1):
            raise FeatureError(
                f"layer {self.layer} of Whisper {self.size} does not exist; choose 0 to "
                f"{SHAPES[self.size].n_layers}"
            )
        if self.precision not in get_args(Precision):
            raise FeatureError(
                f"precision {self.precision!r} is unknown; use {', '.join(get_args(Precision))}"
            )
        if self.precision == "int8" and self.device != "cpu":
            raise FeatureError(f"int8 products need the CPU, not {self.device}; use bfloat16")
        if not 1.0 <= self.window_s <= SHAPES[self.size].longest_s:
            raise FeatureError(
                f"window_s = {self.window_s:g} is out of range; choose 1 to "
                f"{SHAPES[self.size].longest_s:g} s"
            )

    def __getstate__(self) -> dict[str, object]:
        """Leave out the weights: another process loads them."""
        kept = {field.name for field in fields(self)}
        return {name: value for name, value in self.__dict__.items() if name in kept}

    @property
    def names(self) -> tuple[str, ...]:
        """`whisper_1`, `whisper_2` ..., one per component of a state."""
        return tuple(f"whisper_{k}" for k in range(1, SHAPES[self.size].width + 1))

    @property
    def grid(self) -> FrameGrid:
        """Every 20 ms; a state is centered at the begin of its frame."""
        return FrameGrid(HOP_SAMPLES / SAMPLE_RATE_HZ, HOP_SAMPLES / SAMPLE_RATE_HZ)

    def settings(self) -> Mapping[str, object]:
        """Everything that changes the values; the weights by their digest."""
        reduced = {} if self.precision == "float32" else {"precision": self.precision}
        return {
            "extractor": "whisper",
            "version": VERSION,
            "size": self.size,
            "layer": self.layer,
            "weights": self._loaded().digest,
            "window_s": float(self.window_s),
            **reduced,
        }

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """States of each waveform, float32 (T, D); AudioError if one has no frame."""
        refuse_short(waveforms, self.grid)
        shapes = [(w.samples.size // HOP_SAMPLES, SHAPES[self.size].width) for w in waveforms]
        frames = [np.empty(shape, np.float32) for shape in shapes]
        for piece, states in self._compute(waveforms):
            frames[piece.recording][piece.frames] = states
        return frames

    def blocks(self, waveform: Waveform) -> Iterator[NDArray[np.float32]]:
        """The same states of one waveform in blocks (n, D), for what need not hold all of them."""
        refuse_short([waveform], self.grid)
        for _, states in self._compute([waveform]):
            yield states

    def _compute(
        self, waveforms: Sequence[Waveform]
    ) -> Iterator[tuple[Piece, NDArray[np.float32]]]:
        """States that each piece contributes, in order."""
        encoder = self._loaded().encoder
        most = round(self.window_s * self.grid.frames_per_s)
        all_pieces = pieces([w.samples for w in waveforms], most, OVERLAP_FRAMES)
        for batch in groups(all_pieces, lambda piece: piece.n_frames, BATCH_FRAMES):
            with torch.inference_mode():
                for piece, states in zip(batch, encoder(self._spectra(batch)), strict=True):
                    yield piece, states[piece.kept].cpu().numpy()

    def _spectra(self, batch: Sequence[Piece]) -> list[torch.Tensor]:
        n_mels = SHAPES[self.size].n_mels
        # Copies: PyTorch warns of arrays that cannot be written, as of mapped files.
        return [
            log_mel(torch.tensor(piece.samples, device=self.device), n_mels, 2 * piece.n_frames)
            for piece in batch
        ]

    def _loaded(self) -> LoadedEncoder:
        if "_encoder" not in self.__dict__:
            loaded = load_encoder(self.size, self.layer, self.source, self.precision, self.device)
            self.__dict__["_encoder"] = loaded
        encoder: LoadedEncoder = self.__dict__["_encoder"]
        return encoder
