"""Which folds of two runs are the same, by name, test utterances and their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from voxaffect.evaluation.experiment.results import FoldResult


@dataclass(frozen=True)
class SharedFold:
    """A fold that both runs have.

    Args:
        name: `within/emodb/03`.
        shared: ids under test in both runs, with the same class.
        n_only_a: test utterances of A alone.
        n_only_b: test utterances of B alone.
        n_relabelled: test utterances of both, but of another class in each; not compared.
    """

    name: str
    shared: frozenset[str]
    n_only_a: int
    n_only_b: int
    n_relabelled: int

    @property
    def whole(self) -> bool:
        """Whether both runs test the same."""
        return not (self.n_only_a or self.n_only_b or self.n_relabelled)

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
        n_relabelled=len(both) - len(same),
    )
