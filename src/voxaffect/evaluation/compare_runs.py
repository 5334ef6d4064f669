"""Comparison of two runs, A and B, on the folds that both have.

A fold is the same by its name, and compared on the test utterances that both runs have with the
same class; everything else is counted and reported. Gains are those of B.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import pandas as pd

from voxaffect.errors import ConfigError, FoldError
from voxaffect.evaluation.comparisons import (
    Comparison,
    ProtocolScores,
    compare_all,
    compare_by_other_units,
)
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import display_order, ordered

ABSENT = "absent"
"""Value of what a run does not have."""

COMPARED_ELSEWHERE = ("systems", "seeds", "protocols")
"""Settings that are compared pair by pair, or seen in the results."""

SystemPairs = Sequence[tuple[str, str]]
"""System of A, system of B."""


class Difference(NamedTuple):
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
        training = [training[0]._replace(name=f"{training[0].name} and {len(training) - 1} more")]
    shared_a, shared_b = (
        {k: v for k, v in run.settings.items() if k not in COMPARED_ELSEWHERE} for run in (a, b)
    )
    return (
        *_differ("settings", (shared_a, shared_b), *settings),
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


def _settings(run: Run, system: str) -> dict[str, Any]:
    settings = run.settings.get("systems", {}).get(system, {})
    return {name: value for name, value in settings.items() if name != "system"}


def _corpora(run: Run) -> dict[str, Any]:
    facts = [(c.name, {"utterances": c.n_utterances, "digest": c.digest}) for c in run.corpora]
    return {f"{name} {what}": value for name, own in facts for what, value in own.items()}


def _seeds(run: Run, system: str) -> str:
    seeds = run.results["seed"][run.results["system"] == system].unique()
    return ", ".join(map(str, sorted(seeds)))


def _sizes(run: Run, folds: Collection[str]) -> dict[str, str]:
    """Fold -> sizes of its training and dev sets, where the results have them."""
    known = run.trainings.drop_duplicates("fold").dropna(subset=["n_train", "n_dev"])
    return {
        str(row.fold): f"{row.n_train:.0f} train, {row.n_dev:.0f} dev"
        for row in known[known["fold"].isin(folds)].itertuples()
    }


COUNTS = ("n_shared", "n_only_a", "n_only_b", "n_relabeled")


@dataclass(frozen=True, eq=False)
class Matching:
    """Folds of two runs by name, test utterances and classes.

    Args:
        shared: a row a fold with an utterance in both runs: utterances with the same class in both
            (n_shared), of one run alone (n_only_a, n_only_b), and with different classes
            (n_relabeled); the latter three are not compared.
        utterances: fold and utterance of what is compared.
        only_a: folds of A alone.
    """

    shared: pd.DataFrame
    utterances: pd.DataFrame
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def partial(self) -> pd.DataFrame:
        """Shared folds with different test utterances."""
        return self.shared[(self.shared[list(COUNTS[1:])] > 0).any(axis=1)]


def match(a: pd.DataFrame, b: pd.DataFrame) -> Matching:
    """Match the folds of the results of two runs."""
    truths_a, truths_b = (
        results[["fold", "utterance", "y_true"]].astype(str).drop_duplicates() for results in (a, b)
    )
    both = truths_a.merge(truths_b, "outer", ["fold", "utterance"], suffixes=("_a", "_b"))
    in_a, in_b = (both[name].notna() for name in ("y_true_a", "y_true_b"))
    same = both["y_true_a"] == both["y_true_b"]
    kinds = (same, in_a & ~in_b, in_b & ~in_a, in_a & in_b & ~same)
    counts = pd.DataFrame(
        {name: kind.groupby(both["fold"]).sum() for name, kind in zip(COUNTS, kinds, strict=True)}
    )
    shared = counts[counts["n_shared"] > 0]
    alone = (
        tuple(sorted(set(both["fold"][present]) - set(shared.index))) for present in (in_a, in_b)
    )
    return Matching(shared, both[same][["fold", "utterance"]], *alone)


class Answered(NamedTuple):
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
        shared = self.matching.shared.rename_axis("name").reset_index()
        return {
            "matching": {
                "shared": shared.to_dict("records"),
                "only_a": list(self.matching.only_a),
                "only_b": list(self.matching.only_b),
            },
            "differences": [difference._asdict() for difference in self.differences],
            "answered": [{**a._asdict(), "systems": list(a.systems)} for a in self.answered],
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
    if matching.shared.empty:
        raise FoldError(
            f"the runs have no test utterance in common: the first has {_some(matching.only_a)}, "
            f"the second {_some(matching.only_b)}; evaluate both on the same corpora and protocols"
        )
    first = _restricted(a.results, matching, "A", {name for name, _ in paired})
    second = _restricted(b.results, matching, "B", {name for _, name in paired})
    results = ordered(pd.concat([first, second]).astype({"fold": str, "test_set": str}))
    named = [(f"A {x}", f"B {y}") for x, y in paired]
    folds = {
        name: set(results["fold"][results["system"] == name]) for both in named for name in both
    }
    return RunsCompared(
        matching=matching,
        differences=differences(a, b, paired, set(matching.shared.index)),
        answered=tuple(
            Answered(pair, len(folds[x]), len(folds[y]), len(folds[x] & folds[y]))
            for pair, (x, y) in zip(paired, named, strict=True)
        ),
        alone={
            "A": _alone(a, b, {x for x, _ in paired}),
            "B": _alone(b, a, {y for _, y in paired}),
        },
        comparisons=tuple(
            comparison
            for scores in ProtocolScores.all_of(results)
            for compared in (compare_all, compare_by_other_units)
            for comparison in compared(scores, named)
        ),
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
    return display_order(run.results["system"].unique())


def _alone(run: Run, other: Run, paired: Collection[str]) -> tuple[str, ...]:
    """Systems that only one run has and that are not paired."""
    return tuple(s for s in _systems(run) if s not in paired and s not in _systems(other))


def _restricted(
    results: pd.DataFrame, matching: Matching, run: str, systems: Collection[str]
) -> pd.DataFrame:
    """Results of some systems, on shared utterances only; the system is named after its run."""
    own = results[results["system"].isin(systems)].astype({"fold": str})
    kept = own.merge(matching.utterances, "inner", ["fold", "utterance"])
    return kept.assign(system=f"{run} " + kept["system"].astype(str))


def _some(folds: Sequence[str]) -> str:
    """`within/emodb/03 and 8 more`."""
    more = f" and {len(folds) - 1} more" if len(folds) > 1 else ""
    return f"{folds[0]}{more}" if folds else "no results"
