"""How a run was made: the protocol card, settings, versions, and what failed."""

from __future__ import annotations

from collections.abc import Sequence

from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.evaluation.scores.card import ProtocolCard, protocol_card
from voxaffect.report import facts, words
from voxaffect.report.section import Section
from voxaffect.report.table import Cell, Table, count, duration, listing

DIGESTS = (
    "Two runs with the same digest had the same of it: corpora, the utterances used and their "
    "metadata; folds, who is tested in which; settings, everything that was set."
)


def making(run: Run) -> Section:
    """The protocol card: what a reader needs to do it again, or to doubt it."""
    failed = facts.failures(run) if run.failures else None
    first = [table for table in (failed, facts.restarts(run)) if table is not None]
    return Section(
        key="making",
        title="How it was run",
        tables=(*first, card(protocol_card(run)), utterances(run.corpora)),
        more=(
            facts.pairs("Settings", ("Setting", "Value"), words.flat(run.settings)),
            facts.pairs("Made with", ("Library or machine", "Version"), run.versions),
        ),
        more_title="Settings and versions",
    )


def card(found: ProtocolCard) -> Table:
    """Counts, seeds, digests and times of a run."""
    values = {
        "Results": count(found.n_results),
        "Results that failed": count(found.n_failed),
        "Folds": count(found.n_folds),
        "Systems": listing(found.systems) or "none",
        "Seeds": listing([str(seed) for seed in found.seeds]) or "none",
        "Corpora digest": found.corpora_digest,
        "Folds digest": found.folds_digest,
        "Settings digest": found.settings_digest,
        "Wall time": duration(found.wall_s),
        "Training and testing, all results": duration(found.computing_s),
    }
    rows = tuple((Cell(name), Cell(value)) for name, value in values.items())
    return Table("Protocol card", ("Run", ""), rows, (DIGESTS,), words=frozenset({0, 1}))


def utterances(corpora: Sequence[CorpusSummary]) -> Table:
    """How much of which corpora was used, and the digest that tells another copy apart."""
    rows = tuple(
        (
            Cell(corpus.name),
            Cell(count(corpus.n_utterances)),
            Cell(count(corpus.n_speakers)),
            Cell(corpus.digest),
        )
        for corpus in corpora
    )
    columns = ("Corpus", "Utterances", "Speakers", "Metadata digest")
    return Table("Protocol card: corpora", columns, rows, words=frozenset({0, 3}))
