"""Protocol card of a run: what two runs must share to be comparable, and the leakage of its folds.

Leakage is what the training, dev and test sets of a fold have in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from voxaffect.evaluation.experiment.run import PROTOCOLS, CorpusSummary, FoldResult, Run
from voxaffect.evaluation.results import display_order
from voxaffect.files import digest

LEAKAGE = ("protocol", "test_set", "fold", "set", "kind", "n", "of")


def leakage_table(run: Run) -> pd.DataFrame:
    """What the sets of each fold with a result share, a row for each kind of things with names.

    Columns `LEAKAGE`: `set` is `test` (shared with training and dev data) or `dev` (shared with
    training data), `n` the number of things shared, `of` their number in the set.
    """
    folds = sorted({(PROTOCOLS.index(r.protocol), r.corpus, r.fold) for r in run.results})
    rows = [
        (PROTOCOLS[place], test_set, fold, name, kind, n, of)
        for place, test_set, fold in folds
        for name, shared in run.leakage.get(fold, {}).items()
        for kind, (n, of) in shared.items()
        if of
    ]
    return pd.DataFrame(rows, columns=LEAKAGE)


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
