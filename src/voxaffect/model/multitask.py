"""The multi-task net: one trunk, one head a task; S nets of one shape are one stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from voxaffect.model.data import Batch, FrameBank, Parts, cut, inference_picks
from voxaffect.model.losses import inside
from voxaffect.model.optim import Dropout, RandomStream, generator
from voxaffect.model.trunks import Linear, TrunkSettings, draw_last, draw_rectified
from voxaffect.taxonomy import EMOTION, MISSING


@dataclass(frozen=True)
class NetShape:
    """What nets must have in common to be one stack.

    Args:
        trunk: settings of the shared part.
        n_features: features a frame F.
        n_classes: task -> number of classes; a net that does not learn a task lets its head lie.
        private_layers: rectified layers of each task's own, between trunk and class scores.
        private_units: units of each of these.
    """

    trunk: TrunkSettings
    n_features: int
    n_classes: Mapping[str, int]
    private_layers: int = 0
    private_units: int = 128


class MultiTaskNet(nn.Module):
    """Class scores of every frame in every task, of S nets at once.

    Args:
        shape: what the nets have in common.
        n_nets: S; one unless given.
    """

    def __init__(self, shape: NetShape, n_nets: int = 1) -> None:
        super().__init__()
        self.shape, self.n_nets = shape, n_nets
        self.trunk = shape.trunk.build(shape.n_features, n_nets)
        self.heads = nn.ModuleDict(
            {
                task: Head(shape, n_nets, self.trunk.n_hidden, n)
                for task, n in shape.n_classes.items()
            }
        )

    @classmethod
    def drawn(cls, shape: NetShape, seed: int) -> MultiTaskNet:
        """One net with fresh weights. Heads that follow change nothing of those before them."""
        net, stream = cls(shape), generator(seed, RandomStream.WEIGHTS)
        net.trunk.draw(0, stream)
        for head in net.heads.values():
            head.draw(0, stream)  # type: ignore[operator]
        return net

    @classmethod
    def stacked(cls, nets: Sequence[MultiTaskNet], shape: NetShape) -> MultiTaskNet:
        """Nets of one shape as a stack; heads that a net does not have are zero and lie idle."""
        stack = cls(shape, len(nets))
        parts = [dict(net.named_parameters()) for net in nets]
        with torch.no_grad():
            for name, values in stack.named_parameters():
                for s, part in enumerate(parts):
                    if name in part:
                        values[s] = part[name][0]
        return stack

    def single(self, net: int, tasks: Iterable[str]) -> MultiTaskNet:
        """One net of the stack, with the heads of its own tasks, as a copy."""
        kept = {task: n for task, n in self.shape.n_classes.items() if task in set(tasks)}
        shape = NetShape(**{**vars(self.shape), "n_classes": kept})
        alone, own = MultiTaskNet(shape), dict(self.named_parameters())
        with torch.no_grad():
            for name, values in alone.named_parameters():
                values[0] = own[name][net].cpu()
        return alone.to(next(iter(own.values())).device)

    def forward(
        self, x: Tensor, lengths: Tensor, dropout: Dropout | None = None
    ) -> dict[str, Tensor]:
        """Logits (S, T, B, C) a task, of frames (T + 2 r, S, B, F)."""
        hidden = self.trunk(x, lengths, dropout)
        return {
            task: head(hidden, None if dropout is None else dropout.of(task))
            for task, head in self.heads.items()
        }


class Head(nn.Module):
    """From hidden states to class scores of one task, perhaps through layers of its own."""

    def __init__(self, shape: NetShape, n_nets: int, n_hidden: int, n_classes: int) -> None:
        super().__init__()
        self.dropout = shape.trunk.dropout
        inputs = [n_hidden] + [shape.private_units] * shape.private_layers
        self.private = nn.ModuleList(
            Linear(n_nets, width, shape.private_units) for width in inputs[:-1]
        )
        self.scores = Linear(n_nets, inputs[-1], n_classes)

    def draw(self, net: int, generator: Generator) -> None:
        """Draw one net's weights."""
        for layer in self.private:
            draw_rectified(layer, net, generator)  # type: ignore[arg-type]
        draw_last(self.scores, net, generator)

    def forward(self, hidden: Tensor, dropout: Dropout | None) -> Tensor:
        """Logits (S, T, B, C) of hidden states (T, S, B, H)."""
        n_frames, n_nets, n_rows, _ = hidden.shape
        by_net = hidden.movedim(0, 1).flatten(1, 2)  # (S, T B, H)
        for layer in self.private:
            by_net = layer(by_net).relu()
            if dropout is not None:
                by_frame = by_net.view(n_nets, n_frames, n_rows, -1).movedim(0, 1)
                by_net = dropout(by_frame, self.dropout).movedim(0, 1).flatten(1, 2)
        scores: Tensor = self.scores(by_net)
        return scores.view(n_nets, n_frames, n_rows, -1)


@dataclass(frozen=True)
class Posteriors:
    """Class probabilities of every frame of N utterances.

    Args:
        by_task: task -> N arrays float32 (T, C); rows sum to 1.
    """

    by_task: dict[str, list[NDArray[np.float32]]]

    def __getitem__(self, task: str) -> list[NDArray[np.float32]]:
        return self.by_task[task]


def posteriors(net: MultiTaskNet, parts: Parts) -> Posteriors:
    """All posteriors of one net's utterances at once; `each_utterance` needs less memory."""
    found = dict(each_utterance(net, parts))
    return Posteriors({task: [found[i][task] for i in range(len(found))] for task in net.heads})


def each_utterance(
    net: MultiTaskNet, parts: Parts
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """Softmax of every head on every frame of each utterance, the longest first in each part.

    The result of an utterance does not depend on its neighbors in the batch.

    Yields:
        the utterance's row among the examples, and its posteriors (T, C) a task.
    """
    for rows, bank in parts.in_order():
        for batch, scores in answers(net, [bank]):
            (pick,) = batch.picks
            by_task = {
                task: s[0].softmax(2).movedim(1, 0).cpu().numpy() for task, s in scores.items()
            }
            for b, (row, n_frames) in enumerate(
                zip(pick.rows.tolist(), pick.n_frames.tolist(), strict=True)
            ):
                yield int(rows[row]), {t: values[b, :n_frames] for t, values in by_task.items()}


def answers(
    net: MultiTaskNet, several: Sequence[FrameBank]
) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
    """Batches over all utterances of each net's bank, and the logits float32 (S, T, B, C)."""
    for step in inference_picks(several):
        with torch.inference_mode():
            batch = cut(several, step, context=net.trunk.context, time_first=net.trunk.time_first)
            scores = net(batch.x, batch.lengths)
            yield batch, {task: values.float() for task, values in scores.items()}


def evaluate(net: MultiTaskNet, several: Sequence[Parts]) -> list[tuple[float, float]]:
    """Loss and unweighted accuracy of each net's utterances by their mean posterior.

    Args:
        net: S nets.
        several: S of them; those of a stack of two or more fit into memory.

    Returns:
        mean negative log of the true class's mean posterior, and mean recall over the classes
        present.
    """
    means = [torch.zeros(len(parts.examples), EMOTION.n_classes) for parts in several]
    for banks in zip(*(parts.in_order() for parts in several), strict=True):
        for batch, scores in answers(net, [bank for _, bank in banks]):
            by_row = _mean_posteriors(scores[EMOTION.name], batch.lengths).cpu()
            for s, pick in enumerate(batch.picks):
                rows = banks[s][0][pick.rows.numpy()]
                means[s][torch.from_numpy(rows)] = by_row[s, : len(rows)]
    targets = [torch.from_numpy(parts.examples.targets[EMOTION.name]) for parts in several]
    return [_scores(mean, target) for mean, target in zip(means, targets, strict=True)]


def _mean_posteriors(scores: Tensor, lengths: Tensor) -> Tensor:
    """Mean posterior over each row's own frames, (S, B, C), of logits (S, T, B, C)."""
    total = (scores.softmax(3) * inside(lengths, scores.shape[1])[..., None]).sum(1)
    return total / lengths.clamp(min=1)[..., None]


def _scores(means: Tensor, target: Tensor) -> tuple[float, float]:
    known = target != MISSING
    means, target = means[known].double(), target[known]
    chosen = means.gather(1, target[:, None]).clamp(min=1e-12)
    hits = (means.argmax(dim=1) == target).double()
    recalls = [hits[target == c].mean() for c in set(target.tolist())]
    return float(-chosen.log().mean()), float(np.mean(recalls))
