"""Fairness across speakers: the worst speaker, and the inequality of all (Gini coefficient).

Few utterances a speaker spread by chance alone; how much is estimated, too. Source of the
coefficient: C. Gini, Variabilità e mutabilità, 1912; as computed here, P. M. Dixon et al.,
Bootstrapping the Gini coefficient of inequality, Ecology 68, 1987.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.fairness.groups import (
    N_DRAWS,
    SEED,
    FairnessGroup,
    GroupAnswers,
    GroupCounts,
    Grouping,
    GroupInterval,
    GroupKind,
    grouping,
    groups_of,
    interval,
    kinds_of,
    large_enough,
    speakers_of,
)
from voxaffect.evaluation.intervals import bootstrap_weights
from voxaffect.evaluation.metrics import Counts, Floats, mean_known, ratio
from voxaffect.evaluation.results import by_system
from voxaffect.evaluation.splits.folds import UNKNOWN as UNKNOWN_SPEAKER

N_SIMULATIONS = 200
"""How often equal speakers are simulated."""


@dataclass(frozen=True)
class ExpectedByChance:
    """Mean of what would be measured if all speakers were recognized equally well.

    Every prediction is then correct with the recall of its class over all speakers compared.
    Predictions of several seeds count as those of one, which overestimates chance a little.

    Args:
        worst: UA of the worst speaker.
        gini: Gini coefficient of the UA of all.
    """

    worst: float
    gini: float


@dataclass(frozen=True)
class SpeakerVariation:
    """Inequality of one system's UA over speakers: Gini coefficient, and what chance alone gives.

    Args:
        expected_by_chance: the same without any difference between speakers.
    """

    gini: float
    interval: GroupInterval | None
    expected_by_chance: ExpectedByChance


@dataclass(frozen=True)
class SpeakerSpread:
    """One system on each speaker.

    Args:
        speakers: those of known name, the highest UA first.
        variation: None where fewer than two speakers are compared.
    """

    protocol: str
    system: str
    speakers: tuple[FairnessGroup, ...]
    variation: SpeakerVariation | None

    @property
    def compared(self) -> tuple[FairnessGroup, ...]:
        """Speakers with enough utterances, the highest UA first."""
        return tuple(speaker for speaker in self.speakers if speaker.compared)


def speaker_spread(
    protocol: str, system: str, speakers: GroupKind, answers: GroupAnswers
) -> SpeakerSpread:
    """Scores of one system on each speaker."""
    # The speakers are the groups here, so that all count as one speaker.
    counts = GroupCounts.of(answers, np.zeros_like(speakers.members), speakers)
    known = np.array([not name.endswith(UNKNOWN_SPEAKER) for name in speakers.groups])
    compared = known & large_enough(counts)
    found = groups_of(speakers.groups, counts, compared)
    ranked = sorted((group for g, group in found.items() if known[g]), key=lambda group: -group.ua)
    variation = _variation(counts, np.flatnonzero(compared)) if compared.sum() > 1 else None
    return SpeakerSpread(protocol, system, tuple(ranked), variation)


def _variation(counts: GroupCounts, rows: Counts) -> SpeakerVariation:
    """Variation over the speakers of some rows (n,), n >= 2."""
    accuracies = counts.accuracies()[rows]
    resampled = np.random.default_rng(SEED).choice(accuracies, (N_DRAWS, rows.size))
    n_predictions = counts.total[0].max(axis=0)[rows]  # (n, C), of the seed that has most
    correct, total = (c[0, :, rows].sum(axis=(0, 1)) for c in (counts.correct, counts.total))
    return SpeakerVariation(
        gini=float(gini(accuracies)),
        interval=interval(gini(resampled)),
        expected_by_chance=_expected(n_predictions.astype(np.int64), ratio(correct, total)),
    )


def _expected(n_predictions: Counts, recalls: Floats) -> ExpectedByChance:
    """Expectation for speakers with n utterances of each class (n, C), at its recall (C,)."""
    rng = np.random.default_rng(SEED)
    chances = np.nan_to_num(recalls)  # a class that is absent has no utterances to draw
    hits = rng.binomial(n_predictions, chances, (N_SIMULATIONS, *n_predictions.shape))
    accuracies = mean_known(ratio(hits, np.broadcast_to(n_predictions, hits.shape)), axis=-1)
    return ExpectedByChance(float(accuracies.min(axis=1).mean()), float(gini(accuracies).mean()))


def gini(values: ArrayLike) -> Floats:
    """Gini coefficient (...): mean difference between two of n values, over twice their mean.

    0 where all are equal (also where all are 0), (n - 1) / n where one has everything.

    Args:
        values: (..., n), n >= 1, none below 0.
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=-1)
    n = ordered.shape[-1]
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return np.nan_to_num(ratio(ordered @ ranks, n * ordered.sum(axis=-1)))


@dataclass(frozen=True)
class GroupScores:
    """Fairness of a run: groups by attribute, and speakers, of each protocol and system."""

    groupings: tuple[Grouping, ...]
    speakers: tuple[SpeakerSpread, ...]

    def of(self, protocol: str) -> GroupScores:
        """Scores of one protocol."""
        return GroupScores(
            tuple(g for g in self.groupings if g.protocol == protocol),
            tuple(s for s in self.speakers if s.protocol == protocol),
        )


def group_scores(run: Run) -> GroupScores | None:
    """Fairness of a run, None where it has no results or no facts of its utterances.

    Raises:
        ArtifactError: a result has an utterance without facts.
    """
    if not run.utterances or not run.results:
        return None
    facts = list(run.utterances.values())
    row_of = {id_: row for row, id_ in enumerate(run.utterances)}
    kinds, speakers = kinds_of(facts), speakers_of(facts)
    groupings: list[Grouping] = []
    spreads: list[SpeakerSpread] = []
    for (protocol, system), results in by_system(run.results).items():
        answers = GroupAnswers.of(results, row_of)
        names = [speakers.groups[g] for g in np.unique(speakers.members[answers.rows])]
        weights = bootstrap_weights(names, N_DRAWS, SEED)
        for kind in kinds:
            if np.unique(kind.members[answers.rows]).size > 1:
                counts = GroupCounts.of(answers, speakers.members, kind)
                groupings.append(grouping(protocol, system, kind, counts, weights))
        spreads.append(speaker_spread(protocol, system, speakers, answers))
    return GroupScores(tuple(groupings), tuple(spreads))
