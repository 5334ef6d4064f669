"""What differs in how two runs were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from voxaffect.evaluation.experiment.run import Run

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
