"""Many utterances laid end to end on one grid, so that their frames are one strided view.

Every utterance begins on a multiple of the hop and takes a whole number of hops. Frame number n of
the whole then begins at sample n hop, whoever it belongs to. The two or three frames that straddle
a border are computed and dropped, which costs one frame in a hundred and saves a loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.features.frames import FrameGrid


@dataclass(frozen=True)
class Layout:
    """Where utterances of given lengths lie when laid end to end.

    Args:
        n_samples: int64 (N,), length of every utterance, at least one window each.
        grid: where the frames lie.
        block_frames: frames a block; the whole is padded to a number of full blocks.
    """

    n_samples: NDArray[np.int64]
    grid: FrameGrid
    block_frames: int

    @cached_property
    def n_frames(self) -> NDArray[np.int64]:
        """Frames of every utterance, int64 (N,)."""
        return 1 + (self.n_samples - self.grid.window_samples) // self.grid.hop_samples

    @cached_property
    def first_frame(self) -> NDArray[np.int64]:
        """Number in the whole of every first frame, and of one past the end, int64 (N + 1,)."""
        hops = -(-self.n_samples // self.grid.hop_samples)
        return np.concatenate([[0], np.cumsum(hops)])

    @property
    def n_blocks(self) -> int:
        """Blocks that hold all frames."""
        return -(-int(self.first_frame[-1]) // self.block_frames)

    @property
    def block_samples(self) -> int:
        """Samples that the frames of one block cover."""
        return (self.block_frames - 1) * self.grid.hop_samples + self.grid.window_samples

    def owners(self) -> NDArray[np.int64]:
        """Utterance of every frame that belongs to one, int64 (sum of T,)."""
        return np.repeat(np.arange(len(self.n_frames)), self.n_frames)

    def kept_frames(self) -> NDArray[np.int64]:
        """Numbers, in the whole, of the frames that belong to one utterance, int64 (sum of T,)."""
        before = np.concatenate([[0], np.cumsum(self.n_frames)[:-1]])
        shift = self.first_frame[:-1] - before
        return np.asarray(np.arange(self.n_frames.sum()) + np.repeat(shift, self.n_frames))

    def lay(self, samples: Sequence[NDArray[np.float32]]) -> Tensor:
        """All samples end to end, zeros between and after: float32, as long as the blocks cover."""
        n_samples = (self.n_blocks - 1) * self._block_hops + self.block_samples
        whole = torch.zeros(n_samples)
        for place, one in zip(self.utterances(whole), samples, strict=True):
            place.numpy()[:] = one
        return whole

    def blocks(self, whole: Tensor) -> Iterator[Tensor]:
        """Samples of each block of frames, views (block_samples,)."""
        for start in range(0, self.n_blocks * self._block_hops, self._block_hops):
            yield whole[start : start + self.block_samples]

    def utterances(self, whole: Tensor) -> list[Tensor]:
        """Samples of each utterance, views (n_samples,)."""
        starts = self.first_frame[:-1] * self.grid.hop_samples
        return [whole[start : start + n] for start, n in zip(starts, self.n_samples, strict=True)]

    @property
    def _block_hops(self) -> int:
        """Samples between the beginnings of two blocks."""
        return self.block_frames * self.grid.hop_samples
