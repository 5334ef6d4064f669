"""How evenly a recognizer serves its speakers: the worst of them, and their inequality.

Few utterances a speaker spread by luck alone; what that comes to is worked out beside. Source of
the coefficient: C. Gini, Variabilità e mutabilità, 1912; as computed here, P. M. Dixon et al.,
Bootstrapping the Gini coefficient of inequality, Ecology 68, 1987.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
from voxaffect.evaluation.intervals import speaker_weights
from voxaffect.evaluation.metrics import mean_known, ratio
from voxaffect.evaluation.results import by_system
from voxaffect.evaluation.splits.folds import UNKNOWN as UNKNOWN_VOICE

Floats = NDArray[np.float64]

N_LUCKY = 200
"""How often luck is tried."""


@dataclass(frozen=True)
class ExpectedByChance:
    """What would be measured, on average, if all speakers were served alike.

    Every answer is then right with the recall of its class over all speakers compared. Answers of
    several seeds count as those of one, so this is rather more luck than there is.

    Args:
        worst: UA of the worst speaker.
        gini: Gini coefficient of the UA of all.
    """

    worst: float
    gini: float


@dataclass(frozen=True)
class SpeakerVariation:
    """How evenly one system serves its speakers.

    Args:
        gini: Gini coefficient of their UA.
        interval: of the coefficient.
        luck: what a worst speaker and a coefficient come to without any difference.
    """

    gini: float
    interval: GroupInterval | None
    luck: ExpectedByChance


@dataclass(frozen=True)
class SpeakerSpread:
    """One system on each speaker.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        system: its name.
        speakers: those who are told apart, the highest UA first.
        evenness: None where fewer than two speakers are compared.
    """

    protocol: str
    system: str
    speakers: tuple[FairnessGroup, ...]
    evenness: SpeakerVariation | None

    @property
    def compared(self) -> tuple[FairnessGroup, ...]:
        """Speakers with enough utterances, the highest UA first."""
        return tuple(speaker for speaker in self.speakers if speaker.compared)


def speaker_spread(
    protocol: str, system: str, speakers: GroupKind, answers: GroupAnswers
) -> SpeakerSpread:
    """Scores of one system on each speaker.

    Args:
        protocol: where it was tested.
        system: its name.
        speakers: sorts all utterances by speaker.
        answers: of the system.
    """
    tally = GroupCounts.of(
        answers, np.zeros_like(speakers.members), speakers
    )  # voices are the groups
    told_apart = np.array([not name.endswith(UNKNOWN_VOICE) for name in speakers.groups])
    compared = told_apart & large_enough(tally)
    found = groups_of(speakers.groups, tally, compared)
    known = [speaker for g, speaker in found.items() if told_apart[g]]
    evenness = _evenness(tally, np.flatnonzero(compared)) if compared.sum() > 1 else None
    ranked = sorted(known, key=lambda speaker: -speaker.ua)
    return SpeakerSpread(protocol, system, tuple(ranked), evenness)


def _evenness(tally: GroupCounts, rows: NDArray[np.int64]) -> SpeakerVariation:
    """How evenly the speakers of some rows (n,) are served, n >= 2."""
    accuracies = tally.accuracies()[rows]
    rng = np.random.default_rng(SEED)
    draws = rng.choice(accuracies, (N_DRAWS, rows.size))
    n_answers = tally.total[0].max(axis=0)[rows]  # (n, C), of the seed that has most
    right, total = (counts[0, :, rows].sum(axis=(0, 1)) for counts in (tally.right, tally.total))
    return SpeakerVariation(
        gini=float(gini(accuracies)),
        interval=interval(gini(draws)),
        luck=_luck(n_answers.astype(np.int64), ratio(right, total)),
    )


def _luck(n_answers: NDArray[np.int64], recalls: Floats) -> ExpectedByChance:
    """Luck of speakers with so many utterances of each class (n, C), at its recall (C,)."""
    rng = np.random.default_rng(SEED)
    chances = np.nan_to_num(recalls)  # a class that nobody has is not drawn
    hits = rng.binomial(n_answers, chances, (N_LUCKY, *n_answers.shape))
    accuracies = mean_known(ratio(hits, np.broadcast_to(n_answers, hits.shape)), axis=-1)
    return ExpectedByChance(float(accuracies.min(axis=1).mean()), float(gini(accuracies).mean()))


def gini(values: ArrayLike) -> Floats:
    """Gini coefficient: mean difference between two of n values, over twice their mean.

    0 where all are equal (also where all are 0), (n - 1) / n where one has everything.

    Args:
        values: (..., n), n >= 1, none below 0.

    Returns:
        (...).
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=-1)
    n = ordered.shape[-1]
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return np.nan_to_num(ratio(ordered @ ranks, n * ordered.sum(axis=-1)))


@dataclass(frozen=True)
class GroupScores:
    """Everything about the groups of a run, by protocol and system.

    Args:
        groupings: those with more than one group.
        speakers: one a protocol and system.
    """

    groupings: tuple[Grouping, ...]
    speakers: tuple[SpeakerSpread, ...]

    def of(self, protocol: str) -> GroupScores:
        """Those of one protocol."""
        return GroupScores(
            tuple(g for g in self.groupings if g.protocol == protocol),
            tuple(s for s in self.speakers if s.protocol == protocol),
        )


def group_scores(run: Run) -> GroupScores | None:
    """Scores of all groups, None where a run has no results or does not know its utterances.

    Raises:
        ArtifactError: a result is of an utterance that the run does not describe.
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
        voices = [speakers.groups[g] for g in np.unique(speakers.members[answers.rows])]
        weights = speaker_weights(voices, N_DRAWS, SEED)
        groupings += (
            grouping(
                protocol, system, kind, GroupCounts.of(answers, speakers.members, kind), weights
            )
            for kind in kinds
            if np.unique(kind.members[answers.rows]).size > 1
        )
        spreads.append(speaker_spread(protocol, system, speakers, answers))
    return GroupScores(tuple(groupings), tuple(spreads))
