"""For whom a recognizer works: accuracies of groups of utterances, and gaps between them.

Every number is the mean over seeds of a value that joins the answers of all folds of a protocol.
Intervals are percentiles over speakers drawn anew (`resampling.py`; Efron and Tibshirani, "An
introduction to the bootstrap", 1993, chapter 13). With fewer than about ten speakers they are too
narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ArtifactError
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.experiment.utterance_facts import UtteranceFacts
from voxaffect.evaluation.intervals import LEVEL
from voxaffect.evaluation.metrics import mean_known, ratio
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

UNKNOWN = "unknown"
"""Group of utterances of which nothing is known; shown, never compared."""

Rows = NDArray[np.int64]
Facts = Sequence[UtteranceFacts]


@dataclass(frozen=True, eq=False)
class GroupKind:
    """One way to sort utterances.

    Args:
        name: what tells the groups apart, `gender`.
        groups: G names in the order in which they are shown.
        members: int64 (N,), number of every utterance's group.
    """

    name: str
    groups: tuple[str, ...]
    members: Rows


def kinds_of(facts: Facts) -> tuple[GroupKind, ...]:
    """Every way to sort utterances whose groups hold more than one speaker as a rule."""
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
    """Groups by name: those of `order` first, the unknown last, empty ones not at all."""
    known = {value for value in values if value is not None}
    groups = (*(g for g in order if g in known), *sorted(known.difference(order)), UNKNOWN)
    number = _numbers(groups)
    return _kind(name, groups, [number[UNKNOWN if v is None else v] for v in values])


def _thirds(
    name: str, values: Sequence[float | None], written: Callable[[float], str]
) -> GroupKind:
    """Three groups of nearly one size; their borders are two of the values, and name them.

    What equals a border lies below it, so equal values share a group, however many there are.
    """
    numbers = np.array([np.nan if v is None else v for v in values], np.float64)
    known = numbers[~np.isnan(numbers)]
    if known.size == 0:
        return _kind(name, (UNKNOWN,), [0] * len(values))
    low, high = np.quantile(known, [1 / 3, 2 / 3], method="inverted_cdf")
    below, above = written(float(low)), written(float(high))
    groups = (f"up to {below}", f"{below} to {above}", f"over {above}", UNKNOWN)
    members = np.searchsorted(np.array([low, high]), numbers)  # NaN sorts behind all
    return _kind(name, groups, np.where(np.isnan(numbers), 3, members).tolist())


def _kind(name: str, groups: Sequence[str], members: Sequence[int]) -> GroupKind:
    """The kind without its empty groups."""
    held, renumbered = np.unique(np.array(members, np.int64), return_inverse=True)
    return GroupKind(name, tuple(groups[g] for g in held), renumbered.astype(np.int64))


def _numbers(names: Sequence[str]) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names)}


# Answers counted by speaker, seed, group and class: all that accuracies of groups need.
#
# Letters: S speakers, R seeds, G groups, C classes. Several seeds' answers to one utterance are
# averaged, never counted as several utterances.


@dataclass(frozen=True, eq=False)
class GroupAnswers:
    """All answers of one system in one protocol, M of them, over folds and seeds.

    Args:
        rows: int64 (M,), number of the utterance in the run's table of facts.
        seeds: int64 (M,), number of the seed.
        truth: int64 (M,), emotion class.
        right: float64 (M,), 1 where the answer is the truth.
    """

    rows: Rows
    seeds: Rows
    truth: Rows
    right: Floats

    @classmethod
    def of(cls, results: Sequence[FoldResult], row_of: Mapping[str, int]) -> GroupAnswers:
        """Answers of one system's results.

        Raises:
            ArtifactError: an utterance has no row.
        """
        numbers = {seed: n for n, seed in enumerate(sorted({r.seed for r in results}))}
        return cls(
            rows=np.concatenate([_rows(r, row_of) for r in results]),
            seeds=np.concatenate([np.full(len(r.ids), numbers[r.seed]) for r in results]),
            truth=np.concatenate([r.y_true for r in results]),
            right=np.concatenate([r.y_true == r.y_pred for r in results]).astype(np.float64),
        )


def _rows(result: FoldResult, row_of: Mapping[str, int]) -> Rows:
    try:
        return np.array([row_of[i] for i in result.ids], np.int64)
    except KeyError as fault:
        raise ArtifactError(
            f"{result.fold}: utterance {fault} is not in the run's utterances.csv; repeat the run, "
            "which keeps its results"
        ) from fault


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Answers counted.

    Args:
        right: float64 (S, R, G, C), right answers.
        total: float64 (S, R, G, C), answers.
        n_utterances: int64 (G,), different utterances of each group.
    """

    right: Floats
    total: Floats
    n_utterances: Rows

    @classmethod
    def of(cls, answers: GroupAnswers, speakers: Rows, kind: GroupKind) -> GroupCounts:
        """Answers counted by the groups of a kind.

        Args:
            answers: of one system.
            speakers: int64 (N,), number of every utterance's speaker.
            kind: sorts the same N utterances.
        """
        _, speaker = np.unique(speakers[answers.rows], return_inverse=True)
        group = kind.members[answers.rows]
        shape = (speaker.max() + 1, answers.seeds.max() + 1, len(kind.groups), EMOTION.n_classes)
        cell = np.ravel_multi_index((speaker, answers.seeds, group, answers.truth), shape)
        size = int(np.prod(shape))
        return cls(
            right=np.bincount(cell, answers.right, size).astype(np.float64).reshape(shape),
            total=np.bincount(cell, minlength=size).reshape(shape).astype(np.float64),
            n_utterances=np.bincount(
                kind.members[np.unique(answers.rows)], minlength=len(kind.groups)
            ),
        )

    @property
    def n_speakers(self) -> Rows:
        """Speakers of each group, int64 (G,)."""
        found: Rows = np.count_nonzero(self.total.sum(axis=(1, 3)), axis=0)
        return found

    @property
    def n_classes(self) -> Rows:
        """Classes that each group has, int64 (G,)."""
        found: Rows = np.count_nonzero(self.total.sum(axis=(0, 1)), axis=1)
        return found

    def recalls(self) -> Floats:
        """Recall of each class in each group (G, C), mean over seeds; NaN for a class it lacks."""
        return mean_known(ratio(self.right.sum(axis=0), self.total.sum(axis=0)), axis=0)

    def accuracies(self) -> Floats:
        """Unweighted accuracy of each group (G,), mean over seeds; NaN for an empty one."""
        return accuracy(self.right.sum(axis=0), self.total.sum(axis=0))

    def resampled(self, weights: Floats) -> Floats:
        """The same with speakers drawn anew.

        Args:
            weights: (B, S), how often each of B draws holds each speaker.

        Returns:
            (B, G), NaN where a draw holds nobody of a group.
        """
        return accuracy(np.tensordot(weights, self.right, 1), np.tensordot(weights, self.total, 1))


def accuracy(right: Floats, total: Floats) -> Floats:
    """Mean recall over classes, then over seeds: (..., R, G, C) -> (..., G).

    A class or a seed without an answer is left out of its mean; where there is none at all the
    accuracy is NaN.
    """
    return mean_known(mean_known(ratio(right, total), axis=-1), axis=-2)


Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_UTTERANCES = 10
MIN_CLASSES = 2
"""Groups of fewer utterances or classes are shown but not compared."""

N_DRAWS = 1000
SEED = 0


@dataclass(frozen=True)
class GroupInterval:
    """Between which values 95 % of the draws lie."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class FairnessGroup:
    """One system on the utterances of one group.

    Args:
        name: of the group.
        n_utterances: different utterances answered for.
        n_speakers: how many speakers they are of.
        n_classes: classes that the group has.
        ua: mean recall over these.
        interval: of the UA; None for a single speaker, who cannot be drawn anew.
        recalls: float64 (C,), NaN for a class that the group lacks.
        compared: whether it is known and large enough to stand beside others.
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
    """From the best to the worst of the groups compared.

    Both are chosen by the answers that the gap is measured on, so of many groups it is rather too
    large. The interval is of the same two groups.

    Args:
        best: name of the group of highest UA.
        worst: of the lowest; the first named where several share it.
        ua: how much the UA falls.
        interval: None where either group is a single speaker.
    """

    best: str
    worst: str
    ua: float
    interval: GroupInterval | None


@dataclass(frozen=True)
class Grouping:
    """One system on utterances sorted in one way.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        system: its name.
        kind: what tells the groups apart.
        groups: in the order of the kind.
        gap: None where fewer than two groups are compared.
    """

    protocol: str
    system: str
    kind: str
    groups: tuple[FairnessGroup, ...]
    gap: Gap | None


def grouping(
    protocol: str, system: str, kind: GroupKind, tally: GroupCounts, weights: Floats
) -> Grouping:
    """Scores of one system's groups, and their gap.

    Args:
        protocol: where it was tested.
        system: its name.
        kind: how utterances are sorted.
        tally: its answers, counted by the groups of the kind.
        weights: float64 (B, S), speakers drawn anew.
    """
    draws = tally.resampled(weights)  # (B, G)
    known = np.array([name != UNKNOWN for name in kind.groups])
    groups = groups_of(kind.groups, tally, large_enough(tally) & known, draws)
    return Grouping(protocol, system, kind.name, tuple(groups.values()), _gap(groups, draws))


def large_enough(tally: GroupCounts) -> Flags:
    """Whether each group has what it takes to be compared, bool (G,)."""
    enough: Flags = tally.n_utterances >= MIN_UTTERANCES
    return enough & (tally.n_classes >= MIN_CLASSES)


def groups_of(
    names: Sequence[str], tally: GroupCounts, compared: Flags, draws: Floats | None = None
) -> dict[int, FairnessGroup]:
    """Groups that have answers, by their number.

    Args:
        names: G of them.
        tally: answers counted by group.
        compared: bool (G,).
        draws: float64 (B, G), UA of each group in each draw; None where speakers are the groups.
    """
    accuracies, recalls = tally.accuracies(), tally.recalls()
    n_speakers, n_classes = tally.n_speakers, tally.n_classes
    return {
        g: FairnessGroup(
            name=names[g],
            n_utterances=int(tally.n_utterances[g]),
            n_speakers=int(n_speakers[g]),
            n_classes=int(n_classes[g]),
            ua=float(accuracies[g]),
            interval=None if draws is None or n_speakers[g] == 1 else interval(draws[:, g]),
            recalls=recalls[g],
            compared=bool(compared[g]),
        )
        for g in np.flatnonzero(tally.n_utterances).tolist()
    }


def _gap(groups: Mapping[int, FairnessGroup], draws: Floats) -> Gap | None:
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
        interval=interval(draws[:, best] - draws[:, worst]) if several else None,
    )


def interval(draws: Floats) -> GroupInterval | None:
    """The middle 95 % of draws (B,), NaN left out; None where nothing is left."""
    known = draws[~np.isnan(draws)]
    if known.size == 0:
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return GroupInterval(float(low), float(high))
