"""What the folds of a run share with their training data, taken together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import PROTOCOLS, Run


@dataclass(frozen=True)
class Share:
    """How many things of a kind are in two sets.

    Args:
        n: those in both.
        of: those that the first set has, 0 where none is known; None where it was not recorded,
            as in runs of earlier versions.
    """

    n: int
    of: int | None

    @property
    def known(self) -> bool:
        """Whether it can be told at all: what has no name is not known to be shared."""
        return self.of != 0


Shares = Mapping[str, Share]
"""Kind -> share; a kind that was not looked for is absent."""


@dataclass(frozen=True)
class FoldShares:
    """What the sets of one fold share.

    Args:
        fold: name of the fold.
        test_set: the corpus or style under test, `emodb`, `iemocap:natural`, `aggregated`.
        test: shared by the test set with training and dev data.
        dev: shared by the dev set with training data.
    """

    fold: str
    test_set: str
    test: Shares
    dev: Shares


@dataclass(frozen=True)
class Exposure:
    """What the folds of a protocol share.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        folds: those that have a result, by name.
    """

    protocol: str
    folds: tuple[FoldShares, ...]

    @property
    def test_sets(self) -> tuple[str, ...]:
        """Names of the test sets, sorted."""
        return tuple(sorted({fold.test_set for fold in self.folds}))

    def on(self, test_set: str) -> Exposure:
        """The folds of one test set."""
        return Exposure(self.protocol, tuple(f for f in self.folds if f.test_set == test_set))

    def shares(self, kind: str) -> tuple[Share, ...]:
        """What the test sets share, of the folds that tell."""
        found = (fold.test.get(kind) for fold in self.folds)
        return tuple(share for share in found if share is not None and share.known)

    def dev_shares(self, kind: str) -> tuple[Share, ...]:
        """The same of the dev sets."""
        found = (fold.dev.get(kind) for fold in self.folds)
        return tuple(share for share in found if share is not None and share.known)

    def n_sharing(self, kind: str) -> int:
        """Folds whose test set shares something of a kind."""
        return sum(share.n > 0 for share in self.shares(kind))

    def sharing(self, kind: str) -> tuple[str, ...]:
        """Test sets that share something of a kind in any fold, sorted."""
        return tuple(test for test in self.test_sets if self.on(test).n_sharing(kind))


def exposures(run: Run) -> tuple[Exposure, ...]:
    """What each protocol's folds share, in the protocols' order; those without results are absent.

    A fold is told of by the run's header; where that is silent, by the sentence that its results
    carry, which knows neither copies nor how many things of a kind there are.
    """
    results = {result.fold: result for result in reversed(run.results)}
    folds = {name: _fold_shares(results[name], run.leakage.get(name)) for name in sorted(results)}
    found = (
        Exposure(protocol, tuple(f for f in folds.values() if results[f.fold].protocol == protocol))
        for protocol in PROTOCOLS
    )
    return tuple(exposure for exposure in found if exposure.folds)


def _fold_shares(result: FoldResult, stated: Mapping[str, Any] | None) -> FoldShares:
    if stated is None:
        test, dev = _read_sentence(str(result.details.get("leakage", "")))
    else:
        test, dev = (
            {kind: Share(n, of) for kind, (n, of) in stated[name].items()}
            for name in ("test", "dev")
        )
    return FoldShares(result.fold, result.corpus, test, dev)


NAMED_BEFORE = ("speakers", "sentences", "sessions", "corpora")
"""Kinds that the sentences of earlier versions tell of."""

SENTENCE = re.compile(
    r"the test set shares (?P<test>.+) with the training and dev data; "
    r"the dev set shares (?P<dev>.+) with the training data"
)


def _read_sentence(text: str) -> tuple[Shares, Shares]:
    """The shares that `LeakageStatement.sentence` tells; none where it is another sentence."""
    found = SENTENCE.search(text)
    return (_read_words(found["test"]), _read_words(found["dev"])) if found else ({}, {})


def _read_words(words: str) -> Shares:
    """`2 sentences, 1 corpus` as shares; what is not mentioned is not known to be shared."""
    said = {name: int(n) for n, name in re.findall(r"(\d+) ([a-z]+)", words)}
    kinds = {kind: (kind, "corpus" if kind == "corpora" else kind[:-1]) for kind in NAMED_BEFORE}
    return {kind: Share(sum(said.get(n, 0) for n in names), None) for kind, names in kinds.items()}
