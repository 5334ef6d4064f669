"""Fairness: unweighted accuracy of groups of speakers and recordings, gaps, and the worst speaker.

Every number is the mean over seeds of a value that joins the predictions of all folds of a
protocol. Intervals are percentiles of a bootstrap over speakers (Efron and Tibshirani, "An
introduction to the bootstrap", 1993, chapter 13); with fewer than about ten speakers they are too
narrow. Inequality over speakers is the Gini coefficient (C. Gini, Variabilità e mutabilità, 1912;
as computed here, P. M. Dixon et al., Bootstrapping the Gini coefficient of inequality, Ecology 68,
1987); few utterances a speaker spread by chance alone, and how much is estimated, too.

Letters: M predictions, N utterances, B resamples, S speakers, R seeds, G groups, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxaffect.errors import ArtifactError
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.experiment.utterance_facts import UtteranceFacts
from voxaffect.evaluation.intervals import bootstrap_weights, percentile_interval
from voxaffect.evaluation.metrics import Counts, Floats, count, mean_known, ratio
from voxaffect.evaluation.results import by_system
from voxaffect.evaluation.splits.folds import UNKNOWN as UNKNOWN_SPEAKER
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

UNKNOWN = "unknown"
"""Name of the group of utterances for which nothing is stated; shown, never compared."""

MIN_UTTERANCES = 10
MIN_CLASSES = 2
"""Groups of fewer utterances or classes are shown but not compared."""

N_DRAWS = 1000
SEED = 0

Facts = Sequence[UtteranceFacts]


@dataclass(frozen=True, eq=False)
class GroupKind:
    """Attribute by which utterances are grouped; `members` is each one's group, int64 (N,)."""

    name: str
    groups: tuple[str, ...]
    members: Counts


def kinds_of(facts: Facts) -> tuple[GroupKind, ...]:
    """Groups by gender, corpus, language, style, length and signal-to-noise ratio (SNR)."""
    return (
        _named("gender", [u.gender for u in facts], GENDER.classes),
        _named("corpus", [u.corpus for u in facts]),
        _named("language", [u.language for u in facts]),
        _named("style", [u.style for u in facts], NATURALNESS.classes),
        _thirds("length", [u.duration_s for u in facts], lambda s: f"{s:.2f} s"),
        _thirds("SNR", [u.snr_db for u in facts], lambda db: f"{db:.1f} dB"),
    )


def speakers_of(facts: Facts) -> GroupKind:
    """Every speaker as a group."""
    return _named("speaker", [u.speaker for u in facts])


def _named(name: str, values: Sequence[str | None], order: Sequence[str] = ()) -> GroupKind:
    """Groups by name: those of `order` first, the unknown last."""
    known = {value for value in values if value is not None}
    groups = (*(g for g in order if g in known), *sorted(known.difference(order)), UNKNOWN)
    index = {group: n for n, group in enumerate(groups)}
    return _kind(name, groups, [index[UNKNOWN if v is None else v] for v in values])


def _thirds(name: str, values: Sequence[float | None], text: Callable[[float], str]) -> GroupKind:
    """Three groups of nearly equal size, named by their borders, which are two of the values.

    Values equal to a border are below it, so equal values share a group.
    """
    numbers = np.array([np.nan if v is None else v for v in values], np.float64)
    known = numbers[~np.isnan(numbers)]
    if known.size == 0:
        return _kind(name, (UNKNOWN,), [0] * len(values))
    low, high = np.quantile(known, [1 / 3, 2 / 3], method="inverted_cdf")
    below, above = text(float(low)), text(float(high))
    groups = (f"up to {below}", f"{below} to {above}", f"over {above}", UNKNOWN)
    members = np.searchsorted(np.array([low, high]), numbers)  # NaN sorts last
    return _kind(name, groups, np.where(np.isnan(numbers), 3, members).tolist())


def _kind(name: str, groups: Sequence[str], members: Sequence[int]) -> GroupKind:
    """The kind without its empty groups."""
    present, renumbered = np.unique(np.array(members, np.int64), return_inverse=True)
    return GroupKind(name, tuple(groups[g] for g in present), renumbered.astype(np.int64))


@dataclass(frozen=True, eq=False)
class GroupAnswers:
    """All predictions of one system in one protocol, over folds and seeds.

    Args:
        rows: int64 (M,), index of the utterance in the run's table of facts.
        seeds: int64 (M,), index of the seed.
        truth: int64 (M,), emotion class.
        correct: bool (M,), whether the prediction is the truth.
    """

    rows: Counts
    seeds: Counts
    truth: Counts
    correct: NDArray[np.bool_]

    @classmethod
    def of(cls, results: Sequence[FoldResult], row_of: Mapping[str, int]) -> GroupAnswers:
        """Predictions of one system's results.

        Raises:
            ArtifactError: an utterance has no row.
        """
        for r in results:
            if missing := next((i for i in r.ids if i not in row_of), None):
                raise ArtifactError(
                    f"{r.fold}: utterance {missing!r} is not in the run's utterances.csv; repeat "
                    "the run, which keeps its results"
                )
        index = {seed: n for n, seed in enumerate(sorted({r.seed for r in results}))}
        return cls(
            rows=np.array([row_of[i] for r in results for i in r.ids], np.int64),
            seeds=np.concatenate([np.full(len(r.ids), index[r.seed]) for r in results]),
            truth=np.concatenate([r.y_true for r in results]),
            correct=np.concatenate([r.y_true == r.y_pred for r in results]),
        )


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Predictions counted by speaker, seed, group and class.

    Args:
        correct: float64 (S, R, G, C), correct predictions of the total.
        n_utterances: int64 (G,), different utterances of each group.
    """

    correct: Floats
    total: Floats
    n_utterances: Counts

    @classmethod
    def of(cls, answers: GroupAnswers, speakers: Counts, kind: GroupKind) -> GroupCounts:
        """Count by the groups of a kind, given the index of each utterance's speaker (N,)."""
        _, speaker = np.unique(speakers[answers.rows], return_inverse=True)
        shape = (speaker.max() + 1, answers.seeds.max() + 1, len(kind.groups), EMOTION.n_classes)
        index = (speaker, answers.seeds, kind.members[answers.rows], answers.truth)
        return cls(
            correct=count(shape, *index, where=answers.correct).astype(np.float64),
            total=count(shape, *index).astype(np.float64),
            n_utterances=count((len(kind.groups),), kind.members[np.unique(answers.rows)]),
        )

    @property
    def n_speakers(self) -> Counts:
        """Speakers of each group, int64 (G,)."""
        found: Counts = np.count_nonzero(self.total.sum(axis=(1, 3)), axis=0)
        return found

    @property
    def n_classes(self) -> Counts:
        """Classes present in each group, int64 (G,)."""
        found: Counts = np.count_nonzero(self.total.sum(axis=(0, 1)), axis=1)
        return found

    def recalls(self) -> Floats:
        """Recall of each class in each group (G, C), mean over seeds; NaN for an absent class."""
        return mean_known(ratio(self.correct.sum(axis=0), self.total.sum(axis=0)), axis=0)

    def accuracies(self) -> Floats:
        """Unweighted accuracy of each group (G,), mean over seeds; NaN for an empty group."""
        return accuracy(self.correct.sum(axis=0), self.total.sum(axis=0))

    def resampled(self, weights: Floats) -> Floats:
        """UA of each group in each resample (B, G) of weights (B, S), NaN where it is empty."""
        sums = (np.tensordot(weights, counts, 1) for counts in (self.correct, self.total))
        return accuracy(*sums)


def accuracy(correct: Floats, total: Floats) -> Floats:
    """Mean recall over classes, then over seeds: (..., R, G, C) -> (..., G).

    Classes and seeds without utterances are ignored; without any the accuracy is NaN.
    """
    return mean_known(mean_known(ratio(correct, total), axis=-1), axis=-2)


@dataclass(frozen=True)
class GroupInterval:
    """95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class FairnessGroup:
    """One system on the utterances of one group.

    Args:
        ua: mean recall over these.
        interval: of the UA; None for a single speaker, who cannot be resampled.
        recalls: float64 (C,), NaN for an absent class.
        compared: whether it is known and large enough to be compared with others.
    """

    name: str
    n_utterances: int
    n_speakers: int
    n_classes: int
    ua: float
    interval: GroupInterval | None
    recalls: Floats
    compared: bool


@dataclass(frozen=True)
class Gap:
    """Gap in UA from the best to the worst of the groups compared.

    Both are chosen by the predictions that the gap is measured on, so with many groups it is
    somewhat too large. The interval is of the same two groups.

    Args:
        worst: of the lowest; the first of equal ones.
        interval: None where either group is a single speaker.
    """

    best: str
    worst: str
    ua: float
    interval: GroupInterval | None


@dataclass(frozen=True)
class Grouping:
    """One system on utterances grouped by one attribute; gap None for fewer than two compared."""

    protocol: str
    system: str
    kind: str
    groups: tuple[FairnessGroup, ...]
    gap: Gap | None


def large_enough(counts: GroupCounts) -> NDArray[np.bool_]:
    """Whether each group has enough utterances and classes to be compared, bool (G,)."""
    return (counts.n_utterances >= MIN_UTTERANCES) & (counts.n_classes >= MIN_CLASSES)


def groups_of(
    names: Sequence[str],
    counts: GroupCounts,
    compared: NDArray[np.bool_],
    resampled: Floats | None = None,
) -> dict[int, FairnessGroup]:
    """Groups with predictions, by their index.

    `compared` is bool (G,); `resampled` the UA (B, G), None where each group is a speaker.
    """
    accuracies, recalls = counts.accuracies(), counts.recalls()
    n_speakers, n_classes = counts.n_speakers, counts.n_classes
    return {
        g: FairnessGroup(
            name=names[g],
            n_utterances=int(counts.n_utterances[g]),
            n_speakers=int(n_speakers[g]),
            n_classes=int(n_classes[g]),
            ua=float(accuracies[g]),
            interval=None if resampled is None or n_speakers[g] == 1 else interval(resampled[:, g]),
            recalls=recalls[g],
            compared=bool(compared[g]),
        )
        for g in np.flatnonzero(counts.n_utterances).tolist()
    }


def _gap(groups: Mapping[int, FairnessGroup], resampled: Floats) -> Gap | None:
    compared = [g for g, group in groups.items() if group.compared]
    if len(compared) < 2:
        return None
    worst = min(compared, key=lambda g: groups[g].ua)
    best = max((g for g in compared if g != worst), key=lambda g: groups[g].ua)
    several = min(groups[best].n_speakers, groups[worst].n_speakers) > 1
    return Gap(
        best=groups[best].name,
        worst=groups[worst].name,
        ua=groups[best].ua - groups[worst].ua,
        interval=interval(resampled[:, best] - resampled[:, worst]) if several else None,
    )


def interval(resampled: Floats) -> GroupInterval | None:
    """Percentile interval of resampled values (B,), NaN ignored; None where all are NaN."""
    known = resampled[~np.isnan(resampled)]
    return GroupInterval(*percentile_interval(known)) if known.size else None


N_SIMULATIONS = 200


@dataclass(frozen=True)
class ExpectedByChance:
    """Mean of what would be measured if all speakers were recognized equally well.

    Every prediction is then correct with the recall of its class over all speakers compared.
    Predictions of several seeds count as those of one, which overestimates chance a little.

    Args:
        worst: UA of the worst speaker.
    """

    worst: float
    gini: float


@dataclass(frozen=True)
class SpeakerVariation:
    """Gini coefficient of one system's UA over speakers, and what chance alone would give."""

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
    n = counts.total[0].max(axis=0)[rows].astype(np.int64)  # (n, C), of the seed that has most
    correct, total = (c[0, :, rows].sum(axis=(0, 1)) for c in (counts.correct, counts.total))
    recalls = np.nan_to_num(ratio(correct, total))  # (C,), an absent class has nothing to draw
    hits = np.random.default_rng(SEED).binomial(n, recalls, (N_SIMULATIONS, *n.shape))
    equal = mean_known(ratio(hits, np.broadcast_to(n, hits.shape)), axis=-1)
    chance = ExpectedByChance(float(equal.min(axis=1).mean()), float(gini(equal).mean()))
    return SpeakerVariation(float(gini(accuracies)), interval(gini(resampled)), chance)


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
                resampled = counts.resampled(weights)
                compared = large_enough(counts) & (np.array(kind.groups) != UNKNOWN)
                groups = groups_of(kind.groups, counts, compared, resampled)
                gap = _gap(groups, resampled)
                groupings.append(Grouping(protocol, system, kind.name, (*groups.values(),), gap))
        spreads.append(speaker_spread(protocol, system, speakers, answers))
    return GroupScores(tuple(groupings), tuple(spreads))
