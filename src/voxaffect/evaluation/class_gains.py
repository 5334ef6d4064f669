"""Gain in recall of each emotion class by multi-task learning over the single-task net.

The paper leaves it to future work ("how MTL affects discrimination of specific emotional
categories"). Letters: B resamples, F folds, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voxaffect.evaluation.comparisons import ProtocolScores
from voxaffect.evaluation.intervals import Estimate, weighted_mean
from voxaffect.evaluation.results import single_task_of
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

SUBTASKS = {"gender": GENDER.name, "naturalness": NATURALNESS.name, "mtl": "both"}
"""Suffix of a multi-task net -> its subtasks."""


@dataclass(frozen=True)
class ClassGains:
    """Gains of one multi-task net (`system`) over the single-task net of its trunk (`reference`).

    Args:
        subtasks: gender, naturalness or both.
        n_tested: class -> those of the `n_folds` folds of both nets that test it.
        gains: class -> change of its recall, mean over the folds that test it, NaN without any.
    """

    protocol: str
    system: str
    reference: str
    subtasks: str
    n_folds: int
    n_tested: Mapping[str, int]
    gains: Mapping[str, Estimate]


def class_gains(scores: ProtocolScores) -> tuple[ClassGains, ...]:
    """Gains of every multi-task net over its single-task net, on all test sets of a protocol.

    Seeds are averaged first. Every fold weighs the same, and in a resample as its speakers do.
    """
    systems = [*scores.ua]
    pairs = [(single_task_of(s), s) for s in systems if single_task_of(s) != s]
    shared = [(*pair, scores.shared(None, *pair)) for pair in pairs if pair[0] in systems]
    return tuple(_gains(scores, *both) for both in shared if not both[2].empty)


def _gains(scores: ProtocolScores, reference: str, system: str, shared: pd.DataFrame) -> ClassGains:
    ours, theirs = (scores.counts_on(name, shared) for name in (system, reference))
    by_fold = np.swapaxes(ours.recalls() - theirs.recalls(), 1, 2)  # (B + 1, C, F)
    means = weighted_mean(by_fold, ours.weights()[:, None, :])
    tested = ~np.isnan(by_fold[0])
    return ClassGains(
        protocol=scores.protocol,
        system=system,
        reference=reference,
        subtasks=SUBTASKS[system.rpartition("-")[2]],
        n_folds=len(shared),
        n_tested=dict(zip(EMOTION.classes, tested.sum(axis=1).tolist(), strict=True)),
        gains={
            name: ours.resamples.estimate(means[:, c], ours.speakers(np.flatnonzero(tested[c])))
            for c, name in enumerate(EMOTION.classes)
        },
    )
