"""Comparison of a run with the results published in the paper."""

from __future__ import annotations

from collections.abc import Iterator

from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.reference_results import (
    PAPER_CORPORA,
    REMARKS,
    SOURCE,
    PaperComparison,
    PublishedAndMeasured,
    compare_with_paper,
)
from voxaffect.evaluation.results import display_order
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import Section, Table, tabulate
from voxaffect.report.text import ABSENT, count, decimal, listing, signed

TITLE = "Comparison with the paper"
NOT_AGGREGATED = (
    "Table 4 of the paper is not compared: it pools all of the paper's corpora, and this run has "
    "different ones."
)
UNSPLIT = (
    "The paper leaves out the natural and the acted part of IEMOCAP separately; this run left out "
    "all of IEMOCAP at once, so Table 3 has no row for it. To split it, set split_style = "
    '["iemocap"].'
)
MEANS = "Means of the paper and of this run are over the same rows of this table."


def section(run: Run, summary: Summary) -> Section | None:
    """Published and measured results; None if the run has no information on corpora."""
    if not run.corpora:
        return None
    found = compare_with_paper(run, summary)
    if found is None:
        names = listing(PAPER_CORPORA)
        none = f"No comparison: this run has none of the paper's corpora ({names})."
        return Section("paper", TITLE, (none,))
    return Section("paper", TITLE, tuple(_lead(found, summary)), tuple(_tables(found)))


def _lead(found: PaperComparison, summary: Summary) -> Iterator[str]:
    yield f"Results of {SOURCE} for the corpora that are also in this run."
    if found.same_corpora:
        yield "This run has exactly the paper's corpora."
    else:
        more = f"with {listing(found.others)}" if found.others else ""
        less = f"without {listing(found.lacking)}" if found.lacking else ""
        yield (
            "Across corpora, training sets differ from the paper's: this run trains "
            f"{' and '.join(filter(None, (more, less)))}."
        )
    if not found.same_counts:
        yield "Numbers of utterances differ from the paper's: see Table 1."
    if found.unsplit:
        yield UNSPLIT
    if "aggregated" in summary.scores and not found.same_corpora:
        yield NOT_AGGREGATED


def _tables(found: PaperComparison) -> Iterator[Table]:
    names = set(found.corpora.values())
    remarks = [text for name, text in REMARKS.items() if name in names]
    for number, head, what, rows in (
        (1, "Corpus", "utterances", found.counts),
        (2, "Corpus", "UA within each corpus", found.within),
        (3, "Corpus left out", "UA on the corpus left out", found.cross),
        (4, "Measure", "all corpora pooled", found.aggregated),
    ):
        kinds = rows[0].figures if rows else ()
        columns = [k for k in kinds if any(r.figures[k].ours is not None for r in rows)]
        if not columns:
            continue
        show, notes = _count, remarks
        if number > 1:
            columns = list(display_order(columns))
            has_mean = any(row.name.startswith("mean") for row in rows)
            show, notes = _accuracy, [MEANS] if has_mean else []
        lines: list[tuple[str, ...]] = []
        for row in rows:
            sources = ("paper", "this run", "difference")
            shown = zip(sources, *(show(row.figures[column]) for column in columns), strict=True)
            lines += [(row.name, *line) for line in shown]
        title = f"Table {number} compared with the paper: {what}"
        yield tabulate(title, (head, "Source", *columns), lines, *notes, text_columns=(0, 1))


def _count(figure: PublishedAndMeasured) -> tuple[str, str, str]:
    ours, difference = int(figure.ours or 0), int(figure.difference or 0)
    change = f"{difference:+,}".replace("-", "\N{MINUS SIGN}") if difference else "0"
    return count(int(figure.published)), count(ours), change


def _accuracy(figure: PublishedAndMeasured) -> tuple[str, str, str]:
    published = decimal(figure.published) + _spread(figure.published_sd)
    ours = decimal(figure.ours) + _spread(figure.ours_sd)
    return published, ours, ABSENT if figure.difference is None else signed(figure.difference)


def _spread(deviation: float | None) -> str:
    """` ± .07`: standard deviations have two decimals, as in the paper."""
    return "" if deviation is None else f" ± {deviation:.2f}".replace(" 0.", " .")
