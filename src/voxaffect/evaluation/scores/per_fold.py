"""Every system on every fold: the numbers that all others are made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import PROTOCOLS
from voxaffect.evaluation.measures.metrics import unweighted_accuracy
from voxaffect.evaluation.scores.curves import history_of
from voxaffect.evaluation.scores.tables import display_order


@dataclass(frozen=True)
class Training:
    """How the training behind a result ended.

    Args:
        kept: number of the epoch whose weights were kept.
        n_epochs: epochs trained.
    """

    kept: int
    n_epochs: int


@dataclass(frozen=True)
class FoldScore:
    """One system on one fold, with every seed.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        fold: name of the fold, `within/emodb/03`.
        system: name of the system.
        n: utterances tested.
        n_dev: utterances that chose the epoch, None where results do not say.
        ua: seed -> unweighted accuracy.
        trainings: seed -> its training; without those that have no epochs.
    """

    protocol: str
    fold: str
    system: str
    n: int
    n_dev: int | None
    ua: Mapping[int, float]
    trainings: Mapping[int, Training]

    @property
    def mean_ua(self) -> float:
        """Mean over seeds: what stands for the fold in every mean and every test."""
        return fmean(self.ua.values())


def fold_scores(results: Iterable[FoldResult]) -> tuple[FoldScore, ...]:
    """Scores by protocol, fold and system, speaker 10 behind speaker 9."""
    groups: dict[tuple[str, str, str], list[FoldResult]] = {}
    for result in results:
        groups.setdefault((result.protocol, result.fold, result.system), []).append(result)
    systems = display_order({system for *_, system in groups})

    def place(key: tuple[str, str, str]) -> tuple[int, list[tuple[int, str]], int]:
        protocol, fold, system = key
        return PROTOCOLS.index(protocol), _natural(fold), systems.index(system)

    return tuple(_fold_score(groups[key]) for key in sorted(groups, key=place))


def _fold_score(results: Iterable[FoldResult]) -> FoldScore:
    seeds = sorted(results, key=lambda r: r.seed)
    first = seeds[0]
    return FoldScore(
        protocol=first.protocol,
        fold=first.fold,
        system=first.system,
        n=len(first.ids),
        n_dev=first.details.get("n_dev"),
        ua={r.seed: unweighted_accuracy(r.matrix) for r in seeds},
        trainings={
            r.seed: Training(history.best, len(history.epochs))
            for r in seeds
            if (history := history_of(r))
        },
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Parts of a name that compare as a reader would: digits as numbers, before words."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(p), p) if p[0] in "0123456789" else (-1, p) for p in parts]
