"""Many waveforms on one tape, so that the frames of all of them are a single view of memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        samples: float32, as many as the rows cover, and a hop more.
        hop: samples between the beginnings of two rows.
        window: samples W of a row.
        block: the number of rows is a multiple of this.
        frames: int64 (R,), the row of every frame.
        inside: int64 (R, 2), the first sample of a frame's window that lies inside its waveform,
            and the one after the last.
        lengths: frames T of each waveform, with sum R.
    """

    samples: Tensor
    hop: int
    window: int
    block: int
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
            block: rows that are worked on at once.
        """
        hop, lead = grid.hop_samples, (window - grid.window_samples) // 2
        lengths = [grid.n_frames(len(w)) for w in waveforms]
        straddling = -(-window // hop) - 1
        spaces = [length + straddling if length else 0 for length in lengths]  # in rows
        n_rows = max(1, -(-sum(spaces) // block)) * block
        samples = waveforms[0].new_empty(n_rows * hop + window)
        rest = samples
        for waveform, space in zip(waveforms, spaces, strict=True):
            place, rest = rest[: space * hop], rest[space * hop :]
            if space:
                _copy_relative_to_peak(waveform, lead, place)
        rest.zero_()
        sizes = [len(w) for w in waveforms]
        row, space, length, size = torch.tensor(
            [[0, *spaces[:-1]], spaces, lengths, sizes], device=samples.device
        )
        owner = torch.arange(len(lengths), device=samples.device).repeat_interleave(length)
        frame = torch.arange(len(owner), device=samples.device) - (length.cumsum(0) - length)[owner]
        begin = frame * hop - lead
        ends = (-begin).clamp_min(0), (size[owner] - begin).clamp_max(window)
        frames = row.cumsum(0)[owner] + frame
        return cls(samples, hop, window, block, frames, torch.stack(ends, dim=1), lengths)

    @property
    def rows(self) -> Tensor:
        """View (rows, W) that repeats the samples where windows overlap."""
        return self.samples[: -self.hop].unfold(0, self.window, self.hop)

    def blocks(self) -> Iterator[Tensor]:
        """Samples of each block of rows, and a hop more: views (block hop + W,)."""
        step = self.block * self.hop
        for start in range(0, len(self.samples) - self.window, step):
            yield self.samples[start : start + step + self.window]

    def cut_off(self) -> Tensor:
        """Numbers (E,) of the frames whose windows reach beyond their waveforms."""
        whole = (self.inside[:, 0] == 0) & (self.inside[:, 1] == self.window)
        return (~whole).nonzero().squeeze(1)

    def covers(self, frames: Tensor, times: Tensor) -> Tensor:
        """Which times (M,), in samples of the windows of some frames (E,), are of the waveform."""
        first, end = self.inside[frames].unsqueeze(2).unbind(1)
        return (times >= first) & (times < end)


def _copy_relative_to_peak(waveform: Tensor, lead: int, place: Tensor) -> None:
    """Write a waveform `lead` samples into its place, as far as there is room, and zeros around.

    A waveform without any sound is written as zeros.
    """
    mean = waveform.mean(dtype=torch.float64).float()
    lowest, highest = waveform.aminmax()
    peak = torch.maximum(highest - mean, mean - lowest)
    seen = waveform[max(-lead, 0) : len(place) - lead]
    before, there, after = place.tensor_split([max(lead, 0), max(lead, 0) + len(seen)])
    torch.sub(seen, mean, out=there).div_(peak.clamp_min(torch.finfo(peak.dtype).tiny))
    before.zero_()
    after.zero_()
