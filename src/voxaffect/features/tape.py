"""Many waveforms on one tape, so that the frames of all of them are a single view of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from voxaffect.features.frames import FrameGrid


@dataclass(frozen=True)
class Tape:
    """Windows about the centres of a grid's frames, of many waveforms.

    Each waveform begins at a multiple of the hop and lies between zeros as far as its windows
    reach. The few rows that straddle two waveforms belong to no frame.

    Args:
        rows: float32 (rows, W), a view that repeats the samples where windows overlap.
        frames: int64 (R,), the row of every frame.
        inside: int64 (R, 2), the first sample of a frame's window that lies inside its waveform,
            and the one after the last.
        lengths: frames T of each waveform, with sum R.
    """

    rows: Tensor
    frames: Tensor
    inside: Tensor
    lengths: list[int]

    @classmethod
    def lay(cls, waveforms: Sequence[Tensor], grid: FrameGrid, window: int, block: int) -> Tape:
        """Lay waveforms out, one after the other.

        Args:
            waveforms: float32 (n_samples,) each, on one device, at least one.
            grid: where the frames lie.
            window: W in samples, shorter or longer than the grid's.
            block: rows are added to make a multiple of this.
        """
        hop, lead = grid.hop_samples, (window - grid.window_samples) // 2
        lengths = [grid.n_frames(len(w)) for w in waveforms]
        straddling = -(-window // hop) - 1
        samples, frames, inside = [], [], []
        n_rows = 0
        for waveform, length in zip(waveforms, lengths, strict=True):
            frame = torch.arange(length, device=waveform.device)
            begin = frame * hop - lead
            frames.append(n_rows + frame)
            ends = (-begin).clamp_min(0), (len(waveform) - begin).clamp_max(window)
            inside.append(torch.stack(ends, dim=1))
            space = (length + straddling) * hop
            samples.append(pad(waveform, (lead, space - lead - len(waveform))))
            n_rows += length + straddling
        n_missing = -n_rows % block
        samples.append(samples[0].new_zeros(n_missing * hop + window - hop))
        return cls(
            torch.cat(samples).unfold(0, window, hop), torch.cat(frames), torch.cat(inside), lengths
        )

    def cut_off(self) -> Tensor:
        """Numbers (E,) of the frames whose windows reach beyond their waveforms."""
        whole = (self.inside[:, 0] == 0) & (self.inside[:, 1] == self.rows.shape[1])
        return (~whole).nonzero().squeeze(1)

    def mask(self, frames: Tensor) -> Tensor:
        """Which samples of the windows of some frames (E,) are of the waveform, (E, W)."""
        sample = torch.arange(self.rows.shape[1], device=frames.device)
        first, end = self.inside[frames].unsqueeze(2).unbind(1)
        return (sample >= first) & (sample < end)
