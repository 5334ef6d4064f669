"""Many waveforms on one tape, so that the frames of all of them are a single view of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from voxaffect.features.frames import FrameGrid


@dataclass(frozen=True)
class Tape:
    """Windows about the centres of a grid's frames, of many waveforms.

    Each waveform begins at a multiple of the hop and lies between zeros as far as its windows
    reach. The few rows that straddle two waveforms belong to no frame. Samples are taken about the
    mean of their waveform and relative to its peak.

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
            block: the number of rows is a multiple of this.
        """
        hop, lead = grid.hop_samples, (window - grid.window_samples) // 2
        lengths = [grid.n_frames(len(w)) for w in waveforms]
        straddling = -(-window // hop) - 1
        spaces = [length + straddling if length else 0 for length in lengths]  # in rows
        n_rows = max(1, -(-sum(spaces) // block)) * block
        samples = waveforms[0].new_zeros((n_rows - 1) * hop + window)
        frames, inside = [], []
        row = 0
        for waveform, length, space in zip(waveforms, lengths, spaces, strict=True):
            if length:
                seen = waveform[max(-lead, 0) : space * hop - lead]
                _copy_relative_to_peak(waveform, seen, samples[row * hop + max(lead, 0) :])
            frame = torch.arange(length, device=samples.device)
            begin = frame * hop - lead
            ends = (-begin).clamp_min(0), (len(waveform) - begin).clamp_max(window)
            inside.append(torch.stack(ends, dim=1))
            frames.append(row + frame)
            row += space
        rows = samples.unfold(0, window, hop)
        return cls(rows, torch.cat(frames), torch.cat(inside), lengths)

    def cut_off(self) -> Tensor:
        """Numbers (E,) of the frames whose windows reach beyond their waveforms."""
        whole = (self.inside[:, 0] == 0) & (self.inside[:, 1] == self.rows.shape[1])
        return (~whole).nonzero().squeeze(1)

    def mask(self, frames: Tensor) -> Tensor:
        """Which samples of the windows of some frames (E,) are of the waveform, (E, W)."""
        sample = torch.arange(self.rows.shape[1], device=frames.device)
        first, end = self.inside[frames].unsqueeze(2).unbind(1)
        return (sample >= first) & (sample < end)


def _copy_relative_to_peak(waveform: Tensor, seen: Tensor, tape: Tensor) -> None:
    """Write the part of a waveform that is seen; one without any sound is written as zeros."""
    mean = waveform.mean(dtype=torch.float64).float()
    lowest, highest = waveform.aminmax()
    peak = torch.maximum(highest - mean, mean - lowest)
    there = tape[: len(seen)]
    torch.sub(seen, mean, out=there)
    there.div_(peak.clamp_min(torch.finfo(peak.dtype).tiny))
