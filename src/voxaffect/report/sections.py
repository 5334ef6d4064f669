"""What stands in a report, in its order; the page and the Markdown show the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voxaffect.evaluation.run import PROTOCOLS, Run
from voxaffect.evaluation.scores import ScoreTable
from voxaffect.evaluation.summary import Summary
from voxaffect.files import digest
from voxaffect.report import facts, tables, words
from voxaffect.report.figures.style import Picture
from voxaffect.report.section import Section
from voxaffect.report.table import Table, count, duration, listing

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
    """All sections of a report; `more` stand behind the experiments."""
    return (
        *(_protocol(name, summary, pictures) for name in PROTOCOLS),
        *(section for section in more if section is not None),
        Section(
            key="corpora",
            title="The corpora",
            tables=(facts.overview(run.corpora), facts.left_out(run.corpora)),
            more=(facts.provenance(run.corpora),),
            more_title="Titles, licences, citations and digests",
        ),
        _making(run),
    )


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
    found = [c for c in summary.compared(table.protocol) if c.n_pairs > 1]
    if found:
        yield tables.comparisons(found)


def _more(table: ScoreTable, summary: Summary) -> Iterator[Table]:
    yield from tables.secondary(table)
    yield tables.class_recalls(table)
    if table.protocol == "aggregated":
        yield from (tables.confusion(table, system) for system in table.systems)
    single = [c for test in table.tests for c in summary.compared(table.protocol, test)]
    if single:
        yield tables.comparisons(single)


def _making(run: Run) -> Section:
    """The protocol card: what a reader needs to do it again, or to doubt it."""
    settings = facts.pairs("Settings", ("Setting", "Value"), words.flat(run.settings))
    versions = facts.pairs("Made with", ("Library or machine", "Version"), run.versions)
    shared = facts.leakage(words.leakage(run.results))
    failed = (facts.failures(run),) if run.failures else ()
    return Section(
        key="making",
        title="How it was run",
        tables=(*failed, facts.pairs("Protocol card", ("Run", ""), _card(run))),
        more=(shared, settings, versions),
        more_title="What training shares with the test sets, settings and versions",
    )


def _card(run: Run) -> dict[str, str]:
    return {
        "Results": count(len(run.results)),
        "Folds": count(len({r.fold for r in run.results})),
        "Results that failed": count(len(run.failures)),
        "Seeds": listing([str(seed) for seed in sorted({r.seed for r in run.results})]) or "none",
        "Settings digest": digest(run.settings),
        "Wall time": duration(run.wall_s),
        "Training and testing, all results": duration(sum(r.seconds for r in run.results)),
    }
