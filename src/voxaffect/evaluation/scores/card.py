"""The protocol card: what two runs must have in common for their numbers to be comparable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.evaluation.scores.tables import display_order
from voxaffect.files import digest


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
