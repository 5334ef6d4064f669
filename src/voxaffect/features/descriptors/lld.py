"""The 32 low-level descriptors: 16 numbers a frame, smoothed, and their derivatives.

The set of the INTERSPEECH 2009 Emotion Challenge: energy, MFCC 1 to 12, zero-crossing rate,
probability of voicing, F0. Descriptors are means over three frames; deltas are regression slopes
over five of these. Outside an utterance its edge values repeat.

F0 keeps to its voiced stretch: what repeats past its ends is the stretch's own edge value. A mean
over voiced and unvoiced frames would be a frequency that nobody spoke, and the slope to or from
the zero of an unvoiced frame says no more than the probability of voicing does already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.audio.waveform import Waveform
from voxaffect.features.descriptors.deltas import Neighbours
from voxaffect.features.descriptors.layout import Layout
from voxaffect.features.descriptors.pitch import PitchTracker
from voxaffect.features.descriptors.short_time import ShortTime
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lengths import refuse_short

DESCRIPTORS = (*ShortTime.names, "voice_probability", "f0")
NAMES = (*DESCRIPTORS, *(f"delta_{name}" for name in DESCRIPTORS))

VERSION = 2
"""Raised whenever a definition changes, so that stored features are computed anew."""

CPU_BLOCK_FRAMES = 512
GPU_BLOCK_FRAMES = 1 << 15


@dataclass(frozen=True)
class LowLevelDescriptors:
    """Computes the 32 descriptors of many utterances at once.

    A frame's values depend on its own utterance alone, bit for bit: blocks always have the same
    number of frames, whatever else is in the batch.

    Args:
        grid: where the frames lie.
        pitch: how F0 and the probability of voicing are found.
        device: where PyTorch computes, `cpu` or `cuda`.
    """

    grid: FrameGrid = FrameGrid()
    pitch: PitchTracker = PitchTracker()
    device: str = "cpu"

    @property
    def names(self) -> tuple[str, ...]:
        """The 16 descriptors, then `delta_` of each."""
        return NAMES

    def settings(self) -> Mapping[str, object]:
        """Everything that changes the values: neither device nor block size do."""
        return {
            "extractor": "low-level descriptors",
            "version": VERSION,
            "grid": asdict(self.grid),
            "pitch": asdict(self.pitch),
        }

    @torch.inference_mode()
    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """The descriptors of every waveform.

        Args:
            waveforms: N of them, each at least one frame long.

        Returns:
            N arrays, float32 (T, 32).

        Raises:
            AudioError: a waveform is shorter than one frame.
        """
        refuse_short(waveforms, self.grid)
        if not waveforms:
            return []
        lengths = np.array([waveform.samples.size for waveform in waveforms])
        layout = Layout(lengths, self.grid, self._block_frames)
        whole = layout.lay([waveform.samples for waveform in waveforms]).to(self.device)
        owners = torch.from_numpy(layout.owners()).to(self.device)
        columns = torch.cat([self._short_time(layout, whole), self._pitch(layout, whole)], dim=1)
        values = self._over_time(columns, owners).cpu().numpy()
        return np.split(values, np.cumsum(layout.n_frames)[:-1])

    @property
    def _block_frames(self) -> int:
        return CPU_BLOCK_FRAMES if self.device == "cpu" else GPU_BLOCK_FRAMES

    @cached_property
    def _descriptors(self) -> ShortTime:
        return ShortTime(self.grid).to(self.device)

    def _short_time(self, layout: Layout, whole: Tensor) -> Tensor:
        """Energy, MFCC and zero-crossing rate of all frames, float32 (sum of T, 14)."""
        workspace = self._descriptors.workspace(layout.block_frames)
        blocks = [self._descriptors(block, workspace) for block in layout.blocks(whole)]
        return torch.cat(blocks)[torch.from_numpy(layout.kept_frames()).to(self.device)]

    def _pitch(self, layout: Layout, whole: Tensor) -> Tensor:
        """Probability of voicing and F0 of all frames, float32 (sum of T, 2)."""
        tracks = self.pitch.track(layout.utterances(whole), self.grid)
        voicing = torch.cat([track.voice_probability for track in tracks])
        f0_hz = torch.cat([track.f0_hz for track in tracks])
        return torch.stack([voicing, f0_hz], dim=1)

    def _over_time(self, columns: Tensor, owners: Tensor) -> Tensor:
        """Smoothed descriptors and their deltas, float32 (sum of T, 32).

        Args:
            columns: float32 (sum of T, 16), F0 last.
            owners: number of the utterance of every frame, int64 (sum of T,).
        """
        voiced = columns[:, -1] > 0
        parts = [
            (columns[:, :-1], Neighbours.within(owners)),
            (columns[:, -1:], Neighbours.within(2 * owners + voiced)),
        ]
        smoothed = [(near.smooth(values), near) for values, near in parts]
        deltas = [near.deltas(values) for values, near in smoothed]
        return torch.cat([*(values for values, _ in smoothed), *deltas], dim=1)
