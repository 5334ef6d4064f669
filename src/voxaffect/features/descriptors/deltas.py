"""Smoothing and derivatives over time that never look across a border.

Rows are frames of many utterances, one after the other. A border is wherever a frame's label
differs from its neighbour's; beyond a border the last value before it repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Neighbours:
    """Row of the frame before and after every frame, its own row where a border lies between.

    Args:
        before: int64 (T,).
        after: int64 (T,).
    """

    before: Tensor
    after: Tensor

    @classmethod
    def within(cls, labels: Tensor) -> Neighbours:
        """Neighbours that share a label.

        Args:
            labels: (T,), such as the number of the utterance that a frame belongs to.
        """
        row = torch.arange(len(labels), device=labels.device)
        border = torch.ones(1, dtype=torch.bool, device=labels.device)
        change = labels[1:] != labels[:-1]
        begins, ends = torch.cat([border, change]), torch.cat([change, border])
        return cls(torch.where(begins, row, row - 1), torch.where(ends, row, row + 1))

    def smooth(self, values: Tensor) -> Tensor:
        """Mean of a frame and its two neighbours, (T, F)."""
        return (values + values[self.before] + values[self.after]) / 3

    def deltas(self, values: Tensor) -> Tensor:
        """Slope a frame of the regression line over five frames, (T, F).

        `sum over n = 1, 2 of n (c[t + n] - c[t - n]) / 10`: The HTK Book (2006), section 5.6.2.
        """
        near = values[self.after] - values[self.before]
        far = values[self.after[self.after]] - values[self.before[self.before]]
        return near.add_(far, alpha=2) / 10
