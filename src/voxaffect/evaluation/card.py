"""Protocol card of a run: what two runs must share to be comparable, and the leakage of its folds.

Leakage is what the training, dev and test sets of a fold have in common.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from voxaffect.evaluation.experiment.run import PROTOCOLS, CorpusSummary, FoldResult, Run
from voxaffect.evaluation.results import display_order
from voxaffect.files import digest


@dataclass(frozen=True)
class Share:
    """Number n of things of a kind that two sets have in common.

    Args:
        of: things in the first set, 0 where none has a name; None in runs of earlier versions.
    """

    n: int
    of: int | None

    @property
    def known(self) -> bool:
        """Whether things of the kind have names; otherwise nothing is known of sharing."""
        return self.of != 0


Shares = Mapping[str, Share]
"""Kind -> share; a kind that was not looked for is absent."""


@dataclass(frozen=True)
class FoldLeakage:
    """What the sets of one fold share.

    Args:
        test_set: the corpus or style under test, `emodb`, `iemocap:natural`, `aggregated`.
        test: shared by the test set with training and dev data.
        dev: shared by the dev set with training data.
    """

    fold: str
    test_set: str
    test: Shares
    dev: Shares


@dataclass(frozen=True)
class ProtocolLeakage:
    """What the folds of a protocol share, of all with a result, by name."""

    protocol: str
    folds: tuple[FoldLeakage, ...]

    @property
    def test_sets(self) -> tuple[str, ...]:
        """Names of the test sets, sorted."""
        return tuple(sorted({fold.test_set for fold in self.folds}))

    def on(self, test_set: str) -> ProtocolLeakage:
        """The folds of one test set."""
        folds = tuple(f for f in self.folds if f.test_set == test_set)
        return ProtocolLeakage(self.protocol, folds)

    def shares(self, kind: str) -> tuple[Share, ...]:
        """What the test sets share with training and dev data, of the folds where it is known."""
        return tuple(s for f in self.folds if (s := f.test.get(kind)) and s.known)

    def dev_shares(self, kind: str) -> tuple[Share, ...]:
        """What the dev sets share with training data, of the folds where it is known."""
        return tuple(s for f in self.folds if (s := f.dev.get(kind)) and s.known)

    def n_sharing(self, kind: str) -> int:
        """Number of folds whose test set shares something of a kind."""
        return sum(share.n > 0 for share in self.shares(kind))

    def sharing(self, kind: str) -> tuple[str, ...]:
        """Test sets that share something of a kind in any fold, sorted."""
        return tuple(test for test in self.test_sets if self.on(test).n_sharing(kind))


def leakage_by_protocol(run: Run) -> tuple[ProtocolLeakage, ...]:
    """Leakage of each protocol with results, in the order of protocols.

    It is read from the run's header; for runs of earlier versions from the sentence in their
    results, which knows neither copies nor how many things of a kind there are.
    """
    results = {result.fold: result for result in reversed(run.results)}
    folds = {name: _fold(results[name], run.leakage.get(name)) for name in sorted(results)}
    found = (
        ProtocolLeakage(p, tuple(f for f in folds.values() if results[f.fold].protocol == p))
        for p in PROTOCOLS
    )
    return tuple(leakage for leakage in found if leakage.folds)


def _fold(result: FoldResult, stated: Mapping[str, Any] | None) -> FoldLeakage:
    if stated is None:
        test, dev = _read_sentence(str(result.details.get("leakage", "")))
    else:
        test, dev = (
            {kind: Share(n, of) for kind, (n, of) in stated[name].items()}
            for name in ("test", "dev")
        )
    return FoldLeakage(result.fold, result.corpus, test, dev)


SENTENCE = re.compile(
    r"the test set shares (?P<test>.+) with the training and dev data; "
    r"the dev set shares (?P<dev>.+) with the training data"
)


def _read_sentence(text: str) -> tuple[Shares, Shares]:
    """Shares in a text of `LeakageStatement.sentence`; none where it is another sentence."""
    found = SENTENCE.search(text)
    return (_read_counts(found["test"]), _read_counts(found["dev"])) if found else ({}, {})


def _read_counts(text: str) -> Shares:
    """Shares in `2 sentences, 1 corpus`; 0 of a kind that is not mentioned."""
    counts = {name[:4]: int(n) for n, name in re.findall(r"(\d+) ([a-z]+)", text)}
    kinds = ("speakers", "sentences", "sessions", "corpora")  # begin as their singulars do
    return {kind: Share(counts.get(kind[:4], 0), None) for kind in kinds}


@dataclass(frozen=True)
class ProtocolCard:
    """What is needed to reproduce a run or to check it.

    Args:
        n_folds: folds with a result.
        corpora_digest: of the corpora's names and the digests of their metadata.
        folds_digest: of the names of the folds with a result, and of their test utterances.
        settings_digest: of all settings.
        computing_s: training and testing of all results, added up, in seconds.
    """

    n_results: int
    n_failed: int
    n_folds: int
    systems: tuple[str, ...]
    seeds: tuple[int, ...]
    corpora_digest: str
    folds_digest: str
    settings_digest: str
    wall_s: float
    computing_s: float


def protocol_card(run: Run) -> ProtocolCard:
    """Protocol card of a run, complete or not."""
    return ProtocolCard(
        n_results=len(run.results),
        n_failed=len(run.failures),
        n_folds=len({r.fold for r in run.results}),
        systems=display_order({r.system for r in run.results}),
        seeds=tuple(sorted({r.seed for r in run.results})),
        corpora_digest=corpora_digest(run.corpora),
        folds_digest=folds_digest(run.results),
        settings_digest=digest(run.settings),
        wall_s=run.wall_s,
        computing_s=sum(r.seconds for r in run.results),
    )


def corpora_digest(corpora: Iterable[CorpusSummary]) -> str:
    """Digest of the utterances of all corpora, whatever their order."""
    return digest(sorted([corpus.name, corpus.digest] for corpus in corpora))


def folds_digest(results: Iterable[FoldResult]) -> str:
    """Digest of the test utterances of each fold, whatever the systems, seeds and order."""
    tested = {(r.fold, tuple(sorted(r.ids))) for r in results}
    return digest(sorted([fold, list(ids)] for fold, ids in tested))
