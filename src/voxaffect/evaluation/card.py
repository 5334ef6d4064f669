"""The protocol card: what two runs must have in common for their numbers to be comparable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.run import PROTOCOLS, CorpusSummary, FoldResult, Run
from voxaffect.evaluation.metrics import confusion, unweighted_accuracy
from voxaffect.evaluation.results import display_order
from voxaffect.evaluation.significance import PairedTest, wilcoxon
from voxaffect.files import digest
from voxaffect.taxonomy import EMOTION

Classes = NDArray[np.int64]


@dataclass(frozen=True)
class BeforeAfter:
    """Answers of one recognizer before and after, for the same utterances.

    Args:
        n: utterances.
        before: unweighted accuracy of all answers together.
        after: the same afterwards.
        recalls: class -> recall before and after, of the classes that there are.
        speakers: speaker -> unweighted accuracy before and after.
        paired: the speakers as pairs.
    """

    n: int
    before: float
    after: float
    recalls: dict[str, tuple[float, float]]
    speakers: dict[str, tuple[float, float]]
    paired: PairedTest


def before_after(
    truth: Classes, before: Classes, after: Classes, speakers: NDArray[np.str_]
) -> BeforeAfter:
    """Compare answers to N utterances.

    Args:
        truth: (N,), emotion classes.
        before: (N,), answers of the recognizer as it was.
        after: (N,), answers of one adapted to other speakers than the utterance's.
        speakers: (N,), who speaks.
    """
    by_speaker = {}
    for speaker in np.unique(speakers):
        own = speakers == speaker
        by_speaker[str(speaker)] = (_ua(truth[own], before[own]), _ua(truth[own], after[own]))
    classes = np.unique(truth)
    recalls = {
        EMOTION.classes[c]: tuple(
            float(np.mean(answers[truth == c] == c)) for answers in (before, after)
        )
        for c in classes
    }
    return BeforeAfter(
        n=truth.size,
        before=_ua(truth, before),
        after=_ua(truth, after),
        recalls={name: (then, now) for name, (then, now) in recalls.items()},
        speakers=by_speaker,
        paired=wilcoxon(
            {name: [now] for name, (_, now) in by_speaker.items()},
            {name: [then] for name, (then, _) in by_speaker.items()},
        ),
    )


def _ua(truth: Classes, answers: Classes) -> float:
    return unweighted_accuracy(confusion(truth, answers, EMOTION.n_classes))


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


@dataclass(frozen=True)
class ProtocolCard:
    """What a reader needs to do a run again, or to doubt it.

    Args:
        n_results: results that there are; one a fold, system and seed.
        n_failed: results that could not be computed.
        n_folds: folds with a result.
        systems: names, in the tables' order.
        seeds: in ascending order.
        corpora_digest: of the corpora's names and the digests of their metadata.
        folds_digest: of the names of the folds with a result, and of the ids they test.
        settings_digest: of all settings.
        wall_s: wall time of all sessions of the run, in seconds.
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
    """The card of a run, complete or not."""
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
    """Digest of which utterances of which corpora were used, in whatever order they are named."""
    return digest(sorted([corpus.name, corpus.digest] for corpus in corpora))


def folds_digest(results: Iterable[FoldResult]) -> str:
    """Digest of who is tested in which fold, whatever was tested, how often and in which order.

    Were a fold's ids to differ between systems, each set of them would count.
    """
    tested = {(r.fold, tuple(sorted(r.ids))) for r in results}
    return digest(sorted([fold, list(ids)] for fold, ids in tested))
