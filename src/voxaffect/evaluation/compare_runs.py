"""Comparison of two runs, A and B, on the folds that both have.

A fold is the same by its name, and compared on the test utterances that both runs have with the
same class; everything else is counted and reported. Gains are those of B.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from voxaffect.errors import ConfigError, FoldError
from voxaffect.evaluation.comparisons import Comparison, compare_all, compare_by_other_units
from voxaffect.evaluation.experiment.run import ARRAYS, PROTOCOLS, FoldResult, Run
from voxaffect.evaluation.intervals import count_by_speaker, known_speakers, stated_speakers
from voxaffect.evaluation.results import display_order, score_table

ABSENT = "absent"
"""Value of what a run does not have."""

COMPARED_ELSEWHERE = ("systems", "seeds", "protocols")
"""Settings that are compared pair by pair, or seen in the results."""

SystemPairs = Sequence[tuple[str, str]]
"""System of A, system of B."""


@dataclass(frozen=True)
class Difference:
    """Difference in how two runs A and B were made.

    Args:
        kind: `settings`, `corpora`, `seeds`, `training data` or `versions`.
        name: what differs, `features.log_f0`, `emodb digest`.
    """

    kind: str
    name: str
    a: str
    b: str


def differences(
    a: Run, b: Run, systems: SystemPairs, folds: Collection[str]
) -> tuple[Difference, ...]:
    """Differences between runs A and B in settings, also of pairs of systems, data and versions."""
    pairs = [(x if x == y else f"{x} and {y}", x, y) for x, y in systems]
    settings = [({n: _settings(a, x)}, {n: _settings(b, y)}) for n, x, y in pairs]
    seeds = [({n: _seeds(a, x)}, {n: _seeds(b, y)}) for n, x, y in pairs]
    training = _differ("training data", (_sizes(a, folds), _sizes(b, folds)))
    if len(training) > 1:  # the first fold stands for all
        training = [replace(training[0], name=f"{training[0].name} and {len(training) - 1} more")]
    return (
        *_differ("settings", (_shared_settings(a), _shared_settings(b)), *settings),
        *_differ("corpora", (_corpora(a), _corpora(b))),
        *_differ("seeds", *seeds),
        *training,
        *_differ("versions", (a.versions, b.versions)),
    )


def flatten(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested values by dotted names, `training.dropout`; an empty mapping is a value."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{above}{name}.") if nested else {f"{above}{name}": value}
    return flat


def _differ(kind: str, *both: tuple[Mapping[str, Any], Mapping[str, Any]]) -> list[Difference]:
    """Names with different values, in the order of A and then of B; empty values are absent."""
    found = []
    for a, b in both:
        one, other = ({k: str(v) for k, v in flatten(x).items() if v != {}} for x in (a, b))
        for name in dict.fromkeys((*one, *other)):
            values = one.get(name, ABSENT), other.get(name, ABSENT)
            if values[0] != values[1]:
                found.append(Difference(kind, name, *values))
    return found


def _shared_settings(run: Run) -> dict[str, Any]:
    return {k: v for k, v in run.settings.items() if k not in COMPARED_ELSEWHERE}


def _settings(run: Run, system: str) -> dict[str, Any]:
    settings = run.settings.get("systems", {}).get(system, {})
    return {name: value for name, value in settings.items() if name != "system"}


def _corpora(run: Run) -> dict[str, Any]:
    return {
        f"{corpus.name} {what}": value
        for corpus in run.corpora
        for what, value in (("utterances", corpus.n_utterances), ("digest", corpus.digest))
    }


def _seeds(run: Run, system: str) -> str:
    return ", ".join(map(str, sorted({r.seed for r in run.results if r.system == system})))


def _sizes(run: Run, folds: Collection[str]) -> dict[str, str]:
    """Fold -> sizes of its training and dev sets, where the results have them."""
    return {
        r.fold: f"{r.details['n_train']} train, {r.details['n_dev']} dev"
        for r in run.results
        if r.fold in folds and {"n_train", "n_dev"} <= r.details.keys()
    }


@dataclass(frozen=True)
class SharedFold:
    """A fold that both runs have.

    Args:
        shared: ids of test utterances of both runs, with the same class.
        n_only_a: test utterances of A alone; n_only_b of B alone.
        n_relabeled: test utterances of both with different classes; not compared.
    """

    name: str
    shared: frozenset[str]
    n_only_a: int
    n_only_b: int
    n_relabeled: int

    @property
    def is_complete(self) -> bool:
        """Whether both runs have the same test utterances."""
        return not (self.n_only_a or self.n_only_b or self.n_relabeled)

    def to_dict(self) -> dict[str, Any]:
        """Name and numbers of utterances, as plain values."""
        counts = {key: n for key, n in asdict(self).items() if key != "shared"}
        return {**counts, "n_shared": len(self.shared)}


@dataclass(frozen=True)
class Matching:
    """Folds of two runs, sorted: of both with a shared utterance, and of A and of B alone."""

    shared: tuple[SharedFold, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def partial(self) -> tuple[SharedFold, ...]:
        """Shared folds with different test utterances."""
        return tuple(fold for fold in self.shared if not fold.is_complete)

    @property
    def n_utterances(self) -> int:
        """Number of test utterances compared, counted once a fold."""
        return sum(len(fold.shared) for fold in self.shared)


def match(a: Sequence[FoldResult], b: Sequence[FoldResult]) -> Matching:
    """Match the folds of two runs by name, test utterances and classes."""
    of_a, of_b = _truths(a), _truths(b)
    shared = [_shared(fold, of_a[fold], of_b[fold]) for fold in sorted(of_a.keys() & of_b.keys())]
    usable = tuple(fold for fold in shared if fold.shared)
    names = {fold.name for fold in usable}
    return Matching(usable, *(tuple(sorted(found.keys() - names)) for found in (of_a, of_b)))


def _truths(results: Sequence[FoldResult]) -> dict[str, dict[str, int]]:
    """Fold -> id -> true class, of utterances in every result of the fold."""
    truths: dict[str, dict[str, int]] = {}
    for r in results:
        found = dict(zip(r.ids, r.y_true.tolist(), strict=True))
        earlier = truths.get(r.fold, found)
        truths[r.fold] = {i: truth for i, truth in earlier.items() if found.get(i) == truth}
    return truths


def _shared(name: str, a: Mapping[str, int], b: Mapping[str, int]) -> SharedFold:
    both = a.keys() & b.keys()
    same = frozenset(i for i in both if a[i] == b[i])
    return SharedFold(name, same, len(a) - len(both), len(b) - len(both), len(both) - len(same))


@dataclass(frozen=True)
class Answered:
    """Numbers of shared folds with results of a pair of systems: in A, in B, and in both."""

    systems: tuple[str, str]
    n_a: int
    n_b: int
    n_both: int


@dataclass(frozen=True)
class RunsCompared:
    """Comparison of two runs.

    Args:
        alone: run -> systems that only it has; not compared.
        comparisons: systems `A svm` and `B svm`, by protocol and test set; then by other units.
    """

    matching: Matching
    differences: tuple[Difference, ...]
    answered: tuple[Answered, ...]
    alone: Mapping[str, tuple[str, ...]]
    comparisons: tuple[Comparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "matching": {
                "shared": [fold.to_dict() for fold in self.matching.shared],
                "only_a": list(self.matching.only_a),
                "only_b": list(self.matching.only_b),
            },
            "differences": [asdict(difference) for difference in self.differences],
            "answered": [{**asdict(a), "systems": list(a.systems)} for a in self.answered],
            "alone": {run: list(systems) for run, systems in self.alone.items()},
            "comparisons": [{**asdict(c), "significant": c.significant} for c in self.comparisons],
        }


def compare_runs(a: Run, b: Run, systems: SystemPairs | None = None) -> RunsCompared:
    """Compare runs A and B on the folds that both have.

    Systems are compared in pairs (of A, of B); by default every name that both have.

    Raises:
        ConfigError: a run has no such system, or the runs have none in common.
        FoldError: the runs share no fold with an utterance in common.
    """
    paired = _pairs(a, b, systems)
    matching = match(a.results, b.results)
    if not matching.shared:
        raise FoldError(
            f"the runs have no test utterance in common: the first has {_some(matching.only_a)}, "
            f"the second {_some(matching.only_b)}; evaluate both on the same corpora and protocols"
        )
    speakers = {**stated_speakers(a), **stated_speakers(b)}
    first = _restricted(a.results, matching, "A", {name for name, _ in paired})
    second = _restricted(b.results, matching, "B", {name for _, name in paired})
    return RunsCompared(
        matching=matching,
        differences=differences(a, b, paired, {fold.name for fold in matching.shared}),
        answered=tuple(_answered(pair, first, second) for pair in paired),
        alone={"A": _alone(a, b, paired), "B": _alone(b, a, [(y, x) for x, y in paired])},
        comparisons=tuple(_comparisons([*first, *second], paired, speakers)),
    )


def _pairs(a: Run, b: Run, systems: SystemPairs | None) -> list[tuple[str, str]]:
    of_a, of_b = _systems(a), _systems(b)
    pairs = [(name, name) for name in of_a if name in of_b] if systems is None else [*systems]
    for k, (run, found) in enumerate((("first", of_a), ("second", of_b))):
        if unknown := [pair[k] for pair in pairs if pair[k] not in found]:
            raise ConfigError(
                f"the {run} run has no results of {unknown[0]}, only of "
                f"{', '.join(found) or 'none'}; name pairs of systems, one of each run"
            )
    if not pairs:
        raise ConfigError(
            f"the runs have no system in common: the first has {', '.join(of_a) or 'none'}, the "
            f"second {', '.join(of_b) or 'none'}; name pairs of systems, one of each run"
        )
    return pairs


def _systems(run: Run) -> tuple[str, ...]:
    return display_order({result.system for result in run.results})


def _alone(run: Run, other: Run, paired: SystemPairs) -> tuple[str, ...]:
    """Systems that only one run has and that are not paired."""
    named = {name for name, _ in paired}
    return tuple(s for s in _systems(run) if s not in named and s not in _systems(other))


def _restricted(
    results: Sequence[FoldResult], matching: Matching, run: str, systems: Collection[str]
) -> list[FoldResult]:
    """Results of some systems, on shared utterances only; the system is named after its run."""
    shared = {fold.name: fold.shared for fold in matching.shared}
    found = []
    for r in results:
        if r.fold in shared and r.system in systems:
            rows = np.array([i in shared[r.fold] for i in r.ids])
            arrays = {name: getattr(r, name)[rows] for name in ARRAYS}
            ids = tuple(i for i in r.ids if i in shared[r.fold])
            found.append(replace(r, system=f"{run} {r.system}", ids=ids, **arrays))
    return found


def _answered(
    pair: tuple[str, str], first: Sequence[FoldResult], second: Sequence[FoldResult]
) -> Answered:
    of_a = {r.fold for r in first if r.system == f"A {pair[0]}"}
    of_b = {r.fold for r in second if r.system == f"B {pair[1]}"}
    return Answered(pair, len(of_a), len(of_b), len(of_a & of_b))


def _comparisons(
    results: Sequence[FoldResult], paired: SystemPairs, speakers: Mapping[str, str]
) -> Iterator[Comparison]:
    """Every pair in every protocol, by its main unit first."""
    pairs = [(f"A {a}", f"B {b}") for a, b in paired]
    speaker_of = known_speakers(results, speakers)
    for protocol in PROTOCOLS:
        if found := [r for r in results if r.protocol == protocol]:
            table, counted = score_table(found), count_by_speaker(found, speaker_of)
            yield from compare_all(table, counted, pairs)
            yield from compare_by_other_units(table, counted, pairs)


def _some(folds: Sequence[str]) -> str:
    """`within/emodb/03 and 8 more`."""
    more = f" and {len(folds) - 1} more" if len(folds) > 1 else ""
    return f"{folds[0]}{more}" if folds else "no results"
