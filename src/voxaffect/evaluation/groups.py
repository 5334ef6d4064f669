"""For whom a recogniser works: accuracies of groups of utterances, and gaps between them.

Every number is the mean over seeds of a value that joins the answers of all folds of a protocol.
Intervals are percentiles over draws of as many speakers as there are, with replacement: utterances
of one voice are alike and would promise too much. Source: Efron and Tibshirani, "An introduction
to the bootstrap", 1993, chapter 13; of whole clusters, Davison and Hinkley, "Bootstrap methods and
their application", 1997, section 3.8. With fewer than about ten speakers they are too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxaffect.evaluation.by_system import by_system
from voxaffect.evaluation.folds import UNKNOWN as UNKNOWN_VOICE
from voxaffect.evaluation.group_kinds import UNKNOWN, Kind, kinds_of, speakers_of
from voxaffect.evaluation.run import Run
from voxaffect.evaluation.tally import Answers, Tally

Floats = NDArray[np.float64]

MIN_UTTERANCES = 10
MIN_CLASSES = 2
"""Groups of fewer utterances or classes are shown but not compared."""

N_DRAWS = 1000
CONFIDENCE = 0.95
SEED = 0


@dataclass(frozen=True)
class Interval:
    """Between which values 95 % of the draws lie."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Group:
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
    interval: Interval | None
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
    interval: Interval | None


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
    groups: tuple[Group, ...]
    gap: Gap | None


@dataclass(frozen=True)
class SpeakerSpread:
    """How evenly one system serves its speakers.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        system: its name.
        n_speakers: speakers who are told apart.
        accuracies: speaker -> UA, of those with enough utterances, best first.
        gini: Gini coefficient of these; None where fewer than two are compared.
        interval: of the coefficient.
    """

    protocol: str
    system: str
    n_speakers: int
    accuracies: Mapping[str, float]
    gini: float | None
    interval: Interval | None


@dataclass(frozen=True)
class GroupScores:
    """Everything about the groups of a run, by protocol and system.

    Args:
        groupings: those with more than one group.
        speakers: one a protocol and system.
    """

    groupings: tuple[Grouping, ...]
    speakers: tuple[SpeakerSpread, ...]


def group_scores(run: Run) -> GroupScores | None:
    """Scores of all groups, None where a run has no results or does not know its utterances.

    Raises:
        ArtefactError: a result is of an utterance that the run does not describe.
    """
    if not run.utterances or not run.results:
        return None
    facts = list(run.utterances.values())
    row_of = {id_: row for row, id_ in enumerate(run.utterances)}
    kinds, speakers = kinds_of(facts), speakers_of(facts)
    groupings: list[Grouping] = []
    spreads: list[SpeakerSpread] = []
    for (protocol, system), results in by_system(run.results).items():
        answers = Answers.of(results, row_of)
        weights = draw_speakers(np.unique(speakers.members[answers.rows]).size)
        groupings += (
            _grouping(protocol, system, kind, Tally.of(answers, speakers.members, kind), weights)
            for kind in kinds
            if np.unique(kind.members[answers.rows]).size > 1
        )
        spreads.append(_spread(protocol, system, speakers, answers))
    return GroupScores(tuple(groupings), tuple(spreads))


def _grouping(protocol: str, system: str, kind: Kind, tally: Tally, weights: Floats) -> Grouping:
    draws = tally.resampled(weights)  # (B, G)
    accuracies, recalls = tally.accuracies(), tally.recalls()
    several = tally.n_speakers > 1
    compared = _comparable(tally) & (np.array(kind.groups) != UNKNOWN)
    groups = tuple(
        Group(
            name=name,
            n_utterances=int(tally.n_utterances[g]),
            n_speakers=int(tally.n_speakers[g]),
            n_classes=int(tally.n_classes[g]),
            ua=float(accuracies[g]),
            interval=interval(draws[:, g]) if several[g] else None,
            recalls=recalls[g],
            compared=bool(compared[g]),
        )
        for g, name in enumerate(kind.groups)
        if tally.n_utterances[g]
    )
    gap = _gap(kind.groups, np.where(compared, accuracies, np.nan), draws, several)
    return Grouping(protocol, system, kind.name, groups, gap)


def _comparable(tally: Tally) -> NDArray[np.bool_]:
    enough: NDArray[np.bool_] = tally.n_utterances >= MIN_UTTERANCES
    return enough & (tally.n_classes >= MIN_CLASSES)


def _gap(
    names: Sequence[str], accuracies: Floats, draws: Floats, several: NDArray[np.bool_]
) -> Gap | None:
    """The gap among groups whose accuracy (G,) is not NaN."""
    if np.count_nonzero(~np.isnan(accuracies)) < 2:
        return None
    worst = int(np.nanargmin(accuracies))
    others = np.where(np.arange(len(names)) == worst, np.nan, accuracies)
    best = int(np.nanargmax(others))  # another group than the worst, also where all are equal
    both = several[best] and several[worst]
    return Gap(
        best=names[best],
        worst=names[worst],
        ua=float(accuracies[best] - accuracies[worst]),
        interval=interval(draws[:, best] - draws[:, worst]) if both else None,
    )


def _spread(protocol: str, system: str, speakers: Kind, answers: Answers) -> SpeakerSpread:
    tally = Tally.of(answers, np.zeros_like(speakers.members), speakers)  # voices are the groups
    told_apart = np.array([not name.endswith(UNKNOWN_VOICE) for name in speakers.groups])
    rows = np.flatnonzero(_comparable(tally) & told_apart)
    accuracies = tally.accuracies()
    found = {speakers.groups[row]: float(accuracies[row]) for row in rows}
    return SpeakerSpread(
        protocol=protocol,
        system=system,
        n_speakers=int(np.count_nonzero(told_apart & (tally.n_utterances > 0))),
        accuracies=dict(sorted(found.items(), key=lambda item: -item[1])),
        gini=gini(accuracies[rows]) if rows.size > 1 else None,
        interval=_gini_interval(accuracies[rows]) if rows.size > 1 else None,
    )


def _gini_interval(accuracies: Floats) -> Interval | None:
    rng = np.random.default_rng(SEED)
    draws = (gini(rng.choice(accuracies, accuracies.size)) for _ in range(N_DRAWS))
    return interval(np.fromiter(draws, np.float64))


def gini(values: ArrayLike) -> float:
    """Gini coefficient: mean difference between two of n values, over twice their mean.

    0 where all are equal (also where all are 0), (n - 1) / n where one has everything.

    Args:
        values: (n,), n >= 1, none below 0.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    n, total = ordered.size, ordered.sum()
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return float(ranks @ ordered / (n * total)) if total > 0 else 0.0


def draw_speakers(n_speakers: int) -> Floats:
    """How often each of the draws holds each speaker, (N_DRAWS, S); the same at every call."""
    rng = np.random.default_rng(SEED)
    shares = np.full(n_speakers, 1 / n_speakers)
    return rng.multinomial(n_speakers, shares, N_DRAWS).astype(np.float64)


def interval(draws: Floats) -> Interval | None:
    """The middle 95 % of draws (B,), NaN left out; None where nothing is left."""
    known = draws[~np.isnan(draws)]
    if known.size == 0:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(float(low), float(high))
