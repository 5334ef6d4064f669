"""Protocol card of a run: what two runs must share to be comparable, and the leakage of its folds.

Leakage is what the training, dev and test sets of a fold have in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.evaluation.results import display_order
from voxaffect.files import digest

LEAKAGE = ("protocol", "test_set", "fold", "set", "kind", "n", "of")


def leakage_table(run: Run) -> pd.DataFrame:
    """What the sets of each fold with a result share, a row for each kind of things with names.

    Columns `LEAKAGE`: `set` is `test` (shared with training and dev data) or `dev` (shared with
    training data), `n` the number of things shared, `of` their number in the set.
    """
    keys = [*LEAKAGE[:3]]
    folds = run.results[keys].drop_duplicates().sort_values(keys)
    rows = [
        (protocol, test_set, fold, name, kind, n, of)
        for protocol, test_set, fold in folds.astype(str).to_numpy()
        for name, shared in run.leakage.get(fold, {}).items()
        for kind, (n, of) in shared.items()
        if of
    ]
    return pd.DataFrame(rows, columns=LEAKAGE)


@dataclass(frozen=True)
class ProtocolCard:
    """What is needed to reproduce a run or to check it; numbers are of what has a result.

    Args:
        corpora_digest: of the corpora's names and the digests of their metadata.
        folds_digest: of the names of the folds, and of their test utterances.
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
    trained = run.trainings[run.trainings["train_share"] == 1]
    return ProtocolCard(
        n_results=len(trained),
        n_failed=len(run.failures),
        n_folds=trained["fold"].nunique(),
        systems=display_order(trained["system"].unique()),
        seeds=tuple(sorted(trained["seed"].unique().tolist())),
        corpora_digest=corpora_digest(run.corpora),
        folds_digest=folds_digest(run.results),
        settings_digest=digest(run.settings),
        wall_s=run.wall_s,
        computing_s=float(trained["seconds"].sum()),
    )


def corpora_digest(corpora: Iterable[CorpusSummary]) -> str:
    """Digest of the utterances of all corpora, whatever their order."""
    return digest(sorted([corpus.name, corpus.digest] for corpus in corpora))


def folds_digest(results: pd.DataFrame) -> str:
    """Digest of the test utterances of each fold, whatever the systems, seeds and order."""
    tested = results[["fold", "utterance"]].drop_duplicates().astype(str)
    return digest([[f, sorted(own)] for f, own in tested.groupby("fold")["utterance"]])
