"""For whom a recogniser works: accuracies of groups of utterances, and gaps between them.

Every number is the mean over seeds of a value that joins the answers of all folds of a protocol.
Intervals are percentiles over speakers drawn anew (`resampling.py`; Efron and Tibshirani, "An
introduction to the bootstrap", 1993, chapter 13). With fewer than about ten speakers they are too
narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.groups.kinds import UNKNOWN, Kind
from voxaffect.evaluation.groups.tally import Tally
from voxaffect.evaluation.measures.resampling import LEVEL

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_UTTERANCES = 10
MIN_CLASSES = 2
"""Groups of fewer utterances or classes are shown but not compared."""

N_DRAWS = 1000
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


def grouping(protocol: str, system: str, kind: Kind, tally: Tally, weights: Floats) -> Grouping:
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


def large_enough(tally: Tally) -> Flags:
    """Whether each group has what it takes to be compared, bool (G,)."""
    enough: Flags = tally.n_utterances >= MIN_UTTERANCES
    return enough & (tally.n_classes >= MIN_CLASSES)


def groups_of(
    names: Sequence[str], tally: Tally, compared: Flags, draws: Floats | None = None
) -> dict[int, Group]:
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
        g: Group(
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


def _gap(groups: Mapping[int, Group], draws: Floats) -> Gap | None:
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


def interval(draws: Floats) -> Interval | None:
    """The middle 95 % of draws (B,), NaN left out; None where nothing is left."""
    known = draws[~np.isnan(draws)]
    if known.size == 0:
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(float(low), float(high))
