"""What stands in a report, in its order; the page and the Markdown show the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voxaffect.evaluation.experiment.run import PROTOCOLS, Run
from voxaffect.evaluation.scores.tables import ScoreTable
from voxaffect.evaluation.summary import Summary
from voxaffect.report import (
    amounts,
    class_gains,
    facts,
    groups,
    leakage,
    paired,
    published,
    reliability,
    tables,
)
from voxaffect.report.figures.style import Picture
from voxaffect.report.making import making
from voxaffect.report.per_fold import per_fold
from voxaffect.report.section import Section
from voxaffect.report.table import Table

TITLES = {
    "within": "Within each corpus",
    "cross": "Across corpora",
    "aggregated": "All corpora together",
}
ASKED = {
    "within": "Does a system recognise speakers it has never heard, in a corpus it knows? Each "
    "speaker in turn is left out of training.",
    "cross": "Does a system recognise emotion in recordings of another kind? Each corpus in turn "
    "is left out of training.",
    "aggregated": "All corpora are shuffled; a tenth is held out. Speakers and rooms occur on both "
    "sides, so these are not figures for new voices.",
}


def sections(
    run: Run, summary: Summary, pictures: Sequence[Picture], *more: Section | None
) -> tuple[Section, ...]:
    """All sections of a report: a line each, None where a run has nothing for one.

    Args:
        run: what was run.
        summary: its numbers.
        pictures: its figures.
        more: sections from beside the run; they stand behind the questions to all experiments.
    """
    found: tuple[Section | None, ...] = (
        *(_protocol(name, summary, pictures) for name in PROTOCOLS),
        class_gains.section(summary, pictures),
        published.section(run, summary),
        amounts.section(summary.amounts, pictures),
        groups.section(summary, pictures),
        reliability.section(summary, pictures),
        *more,
        _corpora(run),
        leakage.section(run, summary),
        per_fold(run),
        making(run),
    )
    return tuple(section for section in found if section is not None)


def _protocol(name: str, summary: Summary, pictures: Sequence[Picture]) -> Section:
    table = summary.table(name)
    if table is None:
        return Section(name, TITLES[name], ("This run has no results of this experiment.",))
    return Section(
        key=name,
        title=TITLES[name],
        lead=(ASKED[name],),
        tables=tuple(_first(table, summary)),
        pictures=tuple(p for p in pictures if p.protocol == name),
        more=tuple(_more(table, summary)),
        more_title="Other measures, and the recall of each class",
    )


def _first(table: ScoreTable, summary: Summary) -> Iterator[Table]:
    yield tables.unweighted_accuracy(summary, table)
    if summary.intervals_of(table.protocol):
        yield tables.pooled_accuracy(summary, table)
    found = [c for c in summary.compared(table.protocol) if c.n_pairs > 1]
    if found:
        yield paired.comparisons(found)


def _more(table: ScoreTable, summary: Summary) -> Iterator[Table]:
    if not summary.intervals_of(table.protocol):
        yield tables.pooled_accuracy(summary, table)
    yield from tables.secondary(table)
    yield tables.class_recalls(table)
    if table.protocol == "aggregated":
        yield from (tables.confusion(table, system) for system in table.systems)
    others = [c for c in summary.by_other_units if c.protocol == table.protocol]
    single = [c for test in table.tests for c in summary.compared(table.protocol, test)]
    if others or single:
        yield paired.comparisons([*others, *single])


def _corpora(run: Run) -> Section:
    return Section(
        key="corpora",
        title="The corpora",
        tables=(facts.overview(run.corpora), facts.left_out(run.corpora)),
        more=(facts.provenance(run.corpora),),
        more_title="Titles, licences, citations and digests",
    )
