"""Utterances as a model sees them: frames and class indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Examples:
    """Utterances as a model sees them.

    Args:
        frames: N arrays float32 (T, F); may be memory-mapped.
        targets: task -> int64 (N,) class indices, MISSING (-1) where a label is not known.
    """

    frames: Sequence[NDArray[np.float32]]
    targets: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def n_bytes(self) -> int:
        """Memory that the frames take."""
        return sum(frames.nbytes for frames in self.frames)

    def select(self, rows: NDArray[np.int64]) -> Examples:
        """The examples at the given rows, in their order."""
        return Examples(
            [self.frames[row] for row in rows],
            {task: target[rows] for task, target in self.targets.items()},
        )
