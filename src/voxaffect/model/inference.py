"""What nets say of utterances: posteriors of every frame, batch by batch, and how good they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.model.bank import FrameBank, Parts
from voxaffect.model.batches import Batch, cut, inference_picks
from voxaffect.model.losses import inside
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.taxonomy import EMOTION, MISSING


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

    The result of an utterance does not depend on its neighbours in the batch.

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
