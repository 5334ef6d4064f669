"""The multi-task net, one trunk and one head a task, and its posteriors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from voxaffect.model.data import BatchIndices, FrameDataset, collate, inference_batches
from voxaffect.model.losses import frame_mask
from voxaffect.model.random import Dropout, RandomStream, generator
from voxaffect.model.trunks import RectifiedLayers, TrunkSettings, build_trunk
from voxaffect.taxonomy import EMOTION, MISSING

Posteriors = dict[str, list[NDArray[np.float32]]]
"""Class probabilities of every frame: task -> N arrays float32 (T, C) whose rows sum to 1."""


@dataclass(frozen=True)
class NetShape:
    """Sizes of a net on F features a frame."""

    trunk: TrunkSettings
    n_features: int
    n_classes: Mapping[str, int]  # by task
    private_layers: int = 0  # rectified, of each task's own, between trunk and class scores
    private_units: int = 128  # of each of these


class MultiTaskNet(nn.Module):
    """Class scores of every frame in every task, by PyTorch's initial weights at first."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        self.shape = shape
        with torch.random.fork_rng(devices=[]):  # PyTorch's initial weights are drawn globally
            self.trunk = build_trunk(shape.trunk, shape.n_features)
            n_hidden = self.trunk.n_hidden
            self.heads = nn.ModuleDict(
                {task: Head(shape, n_hidden, n) for task, n in shape.n_classes.items()}
            )

    @classmethod
    def initialized(cls, shape: NetShape, seed: int) -> MultiTaskNet:
        """A net with weights drawn by a seed. Heads that follow do not change those before."""
        net, stream = cls(shape), generator(seed, RandomStream.WEIGHTS)
        net.trunk.initialize(stream)
        for head in net.heads.values():
            head.initialize(stream)  # type: ignore[operator]
        return net

    def forward(
        self, x: Tensor, lengths: Tensor, dropout: Dropout | None = None
    ) -> dict[str, Tensor]:
        """Logits (T, B, C) of each task, of frames (T + 2 r, B, F) of rows with lengths (B,)."""
        hidden = self.trunk(x, lengths, dropout)
        return {task: head(hidden, dropout) for task, head in self.heads.items()}


class Head(nn.Module):
    """From hidden states to class scores of one task, optionally through layers of its own."""

    def __init__(self, shape: NetShape, n_hidden: int, n_classes: int) -> None:
        super().__init__()
        widths = [n_hidden] + [shape.private_units] * shape.private_layers
        self.private = RectifiedLayers(widths, shape.trunk.dropout)
        self.scores = nn.Linear(widths[-1], n_classes)

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw the weights, those of the class scores as Glorot and Bengio (2010)."""
        self.private.initialize(generator)
        nn.init.xavier_uniform_(self.scores.weight, generator=generator)
        self.scores.bias.zero_()

    def forward(self, hidden: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Logits (T, B, C) of hidden states (T, B, H)."""
        scores: Tensor = self.scores(self.private(hidden, dropout))
        return scores


def posteriors(net: MultiTaskNet, dataset: FrameDataset) -> Posteriors:
    """Posteriors of all utterances at once; `each_utterance` needs less memory."""
    found = dict(each_utterance(net, dataset))
    return {task: [found[row][task] for row in range(len(found))] for task in net.heads}


def each_utterance(
    net: MultiTaskNet, dataset: FrameDataset
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """Each utterance's row in the dataset and posteriors (T, C) of each task, longest first."""
    for part, indices, by_task in _inference(net, dataset):
        in_rows = {task: values.transpose(0, 1).cpu().numpy() for task, values in by_task.items()}
        for b, (row, n_frames) in enumerate(
            zip(indices.rows.tolist(), indices.n_frames.tolist(), strict=True)
        ):
            yield int(part.rows[row]), {t: values[b, :n_frames] for t, values in in_rows.items()}


def evaluate(net: MultiTaskNet, dataset: FrameDataset) -> tuple[float, float]:
    """Loss and unweighted accuracy of utterances by their mean posterior of emotion.

    That is the mean negative log of the true class, and the mean recall over the classes present.
    """
    means = torch.zeros(len(dataset), EMOTION.n_classes)
    for part, indices, by_task in _inference(net, dataset):
        by_frame = by_task[EMOTION.name]  # (T, B, C)
        lengths = indices.n_frames.to(by_frame.device)
        inside = frame_mask(lengths, len(by_frame))[..., None]
        by_row = (by_frame * inside).sum(0) / lengths[:, None]
        means[part.rows[indices.rows.numpy()]] = by_row.cpu()
    target = dataset.targets[EMOTION.name]
    known = target != MISSING
    means, target = means[known].double(), target[known]
    chosen = means.gather(1, target[:, None]).clamp(min=1e-12)
    hits = (means.argmax(dim=1) == target).double()
    recalls = [hits[target == c].mean() for c in set(target.tolist())]
    return float(-chosen.log().mean()), float(np.mean(recalls))


@torch.inference_mode()
def _inference(
    net: MultiTaskNet, dataset: FrameDataset
) -> Iterator[tuple[FrameDataset, BatchIndices, dict[str, Tensor]]]:
    """Batches over a dataset: the part, its rows, and posteriors float32 (T, B, C) of each task."""
    net.eval()
    for part in dataset.parts():
        for indices in inference_batches(part):
            x, lengths, _ = collate(part, indices, net.trunk.context)
            logits = net(x, lengths)
            yield part, indices, {task: s.float().softmax(2) for task, s in logits.items()}
