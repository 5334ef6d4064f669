"""The multi-task net: one trunk, one linear head a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from voxaffect.model.batches import FrameBank
from voxaffect.model.trunks import TrunkSettings


class MultiTaskNet(nn.Module):
    """Class scores of every frame in every task.

    Args:
        trunk: settings of the shared part.
        n_features: features a frame F.
        n_classes: task -> number of classes; the single-task net has one entry.
    """

    def __init__(self, trunk: TrunkSettings, n_features: int, n_classes: Mapping[str, int]) -> None:
        super().__init__()
        self.trunk = trunk.build(n_features)
        self.heads = nn.ModuleDict(
            {task: _head(self.trunk.n_hidden, n) for task, n in n_classes.items()}
        )

    @property
    def context(self) -> int:
        """Frames of context that a batch must carry on both sides."""
        return self.trunk.context

    def forward(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Logits (B, T, C) a task, of frames (B, T + 2 r, F)."""
        hidden = self.trunk(x, lengths)
        return {task: head(hidden) for task, head in self.heads.items()}


def _head(n_hidden: int, n_classes: int) -> nn.Linear:
    """A linear layer of its own draw: heads that follow change nothing of those before them."""
    head = nn.Linear(n_hidden, n_classes)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.bias)
    return head


@dataclass(frozen=True)
class Posteriors:
    """Class probabilities of every frame of N utterances.

    Args:
        by_task: task -> N tensors float32 (T, C), on the CPU; rows sum to 1.
    """

    by_task: dict[str, list[Tensor]]

    def __getitem__(self, task: str) -> list[Tensor]:
        return self.by_task[task]


@torch.inference_mode()
def posteriors(net: MultiTaskNet, bank: FrameBank) -> Posteriors:
    """Softmax of every head on every frame of every utterance, padding removed.

    The result of an utterance does not depend on its neighbours in the batch.
    """
    net.eval()
    n_utterances = len(bank.lengths)
    by_task = {task: [torch.empty(0)] * n_utterances for task in net.heads}
    for batch in bank.inference_batches(net.context):
        lengths = batch.lengths.tolist()
        for task, logits in net(batch.x, batch.lengths).items():
            softmax = logits.float().softmax(dim=2).cpu()
            for row, length, values in zip(batch.rows.tolist(), lengths, softmax, strict=True):
                by_task[task][row] = values[:length].clone()
    return Posteriors(by_task)
