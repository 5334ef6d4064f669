"""Two runs on the same folds: what matches, what differs in how they were made, who did better.

A fold is the same by its name, and compared on the test utterances that both runs have with the
same class; everything else is counted and said. Comparisons call the runs A and B, and the gain is
that of B.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from voxaffect.errors import ConfigError, FoldError
from voxaffect.evaluation.comparisons import Comparison, compare_all, compare_by_other_units
from voxaffect.evaluation.experiment.run import PROTOCOLS, FoldResult, Run
from voxaffect.evaluation.intervals import known_speakers, stated_speakers, tallies
from voxaffect.evaluation.results import display_order, score_table

ABSENT = "absent"
"""Stands where a run has nothing of a name."""

SAID_ELSEWHERE = ("systems", "seeds", "protocols")
"""Settings that are compared pair by pair, or seen in the results."""


@dataclass(frozen=True)
class Difference:
    """Something that is not the same in two runs A and B.

    Args:
        kind: `settings`, `corpora`, `seeds`, `training data` or `versions`.
        name: what it is, `features.log_f0`, `emodb digest`.
        a: what A has.
        b: what B has.
    """

    kind: str
    name: str
    a: str
    b: str


def differences(
    a: Run, b: Run, systems: Sequence[tuple[str, str]], folds: Iterable[str]
) -> tuple[Difference, ...]:
    """All that differs.

    Args:
        a: one run.
        b: the other.
        systems: pairs (of A, of B) whose settings are compared.
        folds: names of the folds that both have.
    """
    return (
        *_differ("settings", _shared_settings(a), _shared_settings(b)),
        *(d for pair in systems for d in _of_systems(a, b, *pair)),
        *_differ("corpora", _corpora(a), _corpora(b)),
        *(d for pair in systems for d in _seeds(a, b, *pair)),
        *_training(a, b, frozenset(folds)),
        *_differ("versions", a.versions, b.versions),
    )


def flatten(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested values under dotted names, `training.dropout`; what is empty is a value, too."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{above}{name}.") if nested else {f"{above}{name}": value}
    return flat


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what is empty: it says no more than what is absent."""
    return {name: value for name, value in flatten(values).items() if value != {}}


def _differ(kind: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """Names with different values, in the order of A and then of B."""
    for name in dict.fromkeys((*a, *b)):
        one, other = (str(values.get(name, ABSENT)) for values in (a, b))
        if one != other:
            yield Difference(kind, name, one, other)


def _shared_settings(run: Run) -> dict[str, Any]:
    return _filled({k: v for k, v in run.settings.items() if k not in SAID_ELSEWHERE})


def _of_systems(a: Run, b: Run, of_a: str, of_b: str) -> Iterator[Difference]:
    label = _label(of_a, of_b)
    one, other = ({label: _settings_of(run, name)} for run, name in ((a, of_a), (b, of_b)))
    yield from _differ("settings", _filled(one), _filled(other))


def _label(of_a: str, of_b: str) -> str:
    return of_a if of_a == of_b else f"{of_a} and {of_b}"


def _settings_of(run: Run, system: str) -> dict[str, Any]:
    """Settings of a system beside its name, as the run's header keeps them."""
    settings = run.settings.get("systems", {}).get(system, {})
    return {name: value for name, value in settings.items() if name != "system"}


def _corpora(run: Run) -> dict[str, Any]:
    """`emodb utterances` and `emodb digest` of every corpus."""
    return {
        f"{corpus.name} {what}": value
        for corpus in run.corpora
        for what, value in (("utterances", corpus.n_utterances), ("digest", corpus.digest))
    }


def _seeds(a: Run, b: Run, of_a: str, of_b: str) -> Iterator[Difference]:
    label = _label(of_a, of_b)
    yield from _differ("seeds", {label: _seeds_of(a, of_a)}, {label: _seeds_of(b, of_b)})


def _seeds_of(run: Run, system: str) -> str:
    return ", ".join(map(str, sorted({r.seed for r in run.results if r.system == system})))


def _training(a: Run, b: Run, folds: frozenset[str]) -> Iterator[Difference]:
    """Shared folds whose training or dev set is of another size; one stands for all."""
    differing = list(_differ("training data", _sizes(a, folds), _sizes(b, folds)))
    if differing:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        yield replace(differing[0], name=f"{differing[0].name}{more}")


def _sizes(run: Run, folds: frozenset[str]) -> dict[str, str]:
    """Fold -> sizes of its training and dev sets, where results tell them."""
    return {
        r.fold: f"{r.details['n_train']} train, {r.details['n_dev']} dev"
        for r in run.results
        if r.fold in folds and {"n_train", "n_dev"} <= r.details.keys()
    }


@dataclass(frozen=True)
class SharedFold:
    """A fold that both runs have.

    Args:
        name: `within/emodb/03`.
        shared: ids under test in both runs, with the same class.
        n_only_a: test utterances of A alone.
        n_only_b: test utterances of B alone.
        n_relabeled: test utterances of both, but of another class in each; not compared.
    """

    name: str
    shared: frozenset[str]
    n_only_a: int
    n_only_b: int
    n_relabeled: int

    @property
    def whole(self) -> bool:
        """Whether both runs test the same."""
        return not (self.n_only_a or self.n_only_b or self.n_relabeled)

    def to_dict(self) -> dict[str, Any]:
        """Its name and how many utterances are shared, and are not."""
        counts = {key: n for key, n in asdict(self).items() if key != "shared"}
        return {**counts, "n_shared": len(self.shared)}


@dataclass(frozen=True)
class Matching:
    """Which folds of two runs are the same.

    Args:
        shared: folds of both, with at least one utterance to compare, sorted.
        only_a: names of the folds of A alone, or without such an utterance.
        only_b: the same of B.
    """

    shared: tuple[SharedFold, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def partial(self) -> tuple[SharedFold, ...]:
        """Folds of which the runs test different utterances."""
        return tuple(fold for fold in self.shared if not fold.whole)

    @property
    def n_utterances(self) -> int:
        """Test utterances compared, counted once a fold."""
        return sum(len(fold.shared) for fold in self.shared)


def match(a: Sequence[FoldResult], b: Sequence[FoldResult]) -> Matching:
    """Folds that two runs share, by name and by the test utterances and their classes."""
    of_a, of_b = _truths(a), _truths(b)
    shared = [_shared(fold, of_a[fold], of_b[fold]) for fold in sorted(of_a.keys() & of_b.keys())]
    usable = tuple(fold for fold in shared if fold.shared)
    names = {fold.name for fold in usable}
    return Matching(usable, *(tuple(sorted(found.keys() - names)) for found in (of_a, of_b)))


def _truths(results: Sequence[FoldResult]) -> dict[str, dict[str, int]]:
    """Fold -> id -> true class, of utterances that every result of the fold is about."""
    truths: dict[str, dict[str, int]] = {}
    for r in results:
        found = dict(zip(r.ids, r.y_true.tolist(), strict=True))
        held = truths.get(r.fold, found)
        truths[r.fold] = {i: truth for i, truth in held.items() if found.get(i) == truth}
    return truths


def _shared(name: str, a: Mapping[str, int], b: Mapping[str, int]) -> SharedFold:
    both = a.keys() & b.keys()
    same = frozenset(i for i in both if a[i] == b[i])
    return SharedFold(
        name=name,
        shared=same,
        n_only_a=len(a) - len(both),
        n_only_b=len(b) - len(both),
        n_relabeled=len(both) - len(same),
    )


SystemPairs = Sequence[tuple[str, str]]
"""System of A, system of B."""


@dataclass(frozen=True)
class Answered:
    """How many of the shared folds two systems have answered.

    Args:
        systems: of A and of B.
        n_a: folds with a result in A.
        n_b: folds with a result in B.
        n_both: folds with a result in both, which are compared.
    """

    systems: tuple[str, str]
    n_a: int
    n_b: int
    n_both: int


@dataclass(frozen=True)
class RunsCompared:
    """What came of comparing two runs.

    Args:
        matching: which folds are the same.
        differences: in settings, corpora, seeds, training data and versions.
        answered: of each pair of systems.
        alone: run -> systems that it alone has, which are not compared.
        comparisons: systems `A svm` and `B svm`, by protocol and test set; then by other units.
    """

    matching: Matching
    differences: tuple[Difference, ...]
    answered: tuple[Answered, ...]
    alone: Mapping[str, tuple[str, ...]]
    comparisons: tuple[Comparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        matching = {
            "shared": [fold.to_dict() for fold in self.matching.shared],
            "only_a": list(self.matching.only_a),
            "only_b": list(self.matching.only_b),
        }
        return {
            "matching": matching,
            "differences": [asdict(difference) for difference in self.differences],
            "answered": [{**asdict(a), "systems": list(a.systems)} for a in self.answered],
            "alone": {run: list(systems) for run, systems in self.alone.items()},
            "comparisons": [{**asdict(c), "significant": c.significant} for c in self.comparisons],
        }


def compare_runs(a: Run, b: Run, systems: SystemPairs | None = None) -> RunsCompared:
    """Compare what two runs share.

    Args:
        a: the run compared with.
        b: the run compared.
        systems: pairs (of A, of B); None for every name that both have.

    Raises:
        ConfigError: a run has no such system, or the runs have none in common.
        FoldError: the runs share no fold with an utterance in common.
    """
    paired = _pairs(a, b, systems)
    matching = match(a.results, b.results)
    if not matching.shared:
        raise FoldError(
            "the runs have no test utterance of a fold in common: the first has "
            f"{_some(matching.only_a)}, the second {_some(matching.only_b)}; evaluate both on the "
            "same corpora and protocols"
        )
    speakers = {**stated_speakers(a), **stated_speakers(b)}
    first = _restricted(a.results, matching, "A", {name for name, _ in paired})
    second = _restricted(b.results, matching, "B", {name for _, name in paired})
    return RunsCompared(
        matching=matching,
        differences=differences(a, b, paired, [fold.name for fold in matching.shared]),
        answered=tuple(_answered(pair, first, second) for pair in paired),
        alone={"A": _alone(a, b, paired), "B": _alone(b, a, [(y, x) for x, y in paired])},
        comparisons=tuple(_comparisons([*first, *second], paired, speakers)),
    )


def _pairs(a: Run, b: Run, systems: SystemPairs | None) -> list[tuple[str, str]]:
    """The pairs asked for, or every system that both have."""
    of_a, of_b = _systems(a), _systems(b)
    if systems is None:
        systems = [(name, name) for name in of_a if name in of_b]
    for there, run, asked in (
        (of_a, "first", [name for name, _ in systems]),
        (of_b, "second", [name for _, name in systems]),
    ):
        if unknown := [name for name in asked if name not in there]:
            raise ConfigError(
                f"the {run} run has no results of {unknown[0]}, but of {_all(there)}; name a pair "
                "of systems that there are, one of each run"
            )
    if not systems:
        raise ConfigError(
            f"the runs have no system in common: the first has {_all(of_a)}, the second "
            f"{_all(of_b)}; name pairs of systems, one of each run"
        )
    return list(systems)


def _systems(run: Run) -> tuple[str, ...]:
    return display_order({result.system for result in run.results})


def _alone(run: Run, other: Run, paired: SystemPairs) -> tuple[str, ...]:
    """Systems that a run has, the other has not, and nobody asked for."""
    asked = {name for name, _ in paired}
    return tuple(s for s in _systems(run) if s not in asked and s not in _systems(other))


def _restricted(
    results: Sequence[FoldResult], matching: Matching, run: str, systems: Collection[str]
) -> list[FoldResult]:
    """Results of some systems, on shared utterances only; the system is named after its run."""
    kept = {fold.name: fold.shared for fold in matching.shared}
    return [
        _on(result, kept[result.fold], f"{run} {result.system}")
        for result in results
        if result.fold in kept and result.system in systems
    ]


def _on(result: FoldResult, kept: frozenset[str], system: str) -> FoldResult:
    """The part of a result that is about some of its utterances."""
    rows = np.array([i in kept for i in result.ids])
    return replace(
        result,
        system=system,
        ids=tuple(i for i in result.ids if i in kept),
        y_true=result.y_true[rows],
        y_pred=result.y_pred[rows],
        probabilities=result.probabilities[rows],
        high_level=result.high_level[rows],
    )


def _answered(
    pair: tuple[str, str], first: Sequence[FoldResult], second: Sequence[FoldResult]
) -> Answered:
    of_a = {r.fold for r in first if r.system == f"A {pair[0]}"}
    of_b = {r.fold for r in second if r.system == f"B {pair[1]}"}
    return Answered(pair, len(of_a), len(of_b), len(of_a & of_b))


def _comparisons(
    results: Sequence[FoldResult], paired: SystemPairs, speakers: Mapping[str, str]
) -> Iterator[Comparison]:
    """Every pair in every protocol, each protocol's own question first."""
    asked = [(f"A {a}", f"B {b}") for a, b in paired]
    speaker_of = known_speakers(results, speakers)
    for protocol in PROTOCOLS:
        if found := [r for r in results if r.protocol == protocol]:
            table, counted = score_table(found), tallies(found, speaker_of)
            yield from compare_all(table, counted, asked)
            yield from compare_by_other_units(table, counted, asked)


def _some(folds: Sequence[str]) -> str:
    """`within/emodb/03 and 8 more`."""
    more = f" and {len(folds) - 1} more" if len(folds) > 1 else ""
    return f"{folds[0]}{more}" if folds else "no results"


def _all(systems: Sequence[str]) -> str:
    return ", ".join(systems) or "none"
