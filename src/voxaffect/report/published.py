"""The paper's figures beside the run's, where both have a corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from voxaffect.evaluation import reference_results
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.reference_results import (
    PaperComparison,
    PublishedAndMeasured,
    PublishedRow,
    beside_the_paper,
)
from voxaffect.evaluation.results import display_order
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import ABSENT, Cell, Section, Table, count, decimal, listing, signed

Show = Callable[[PublishedAndMeasured], tuple[str, str, str]]
"""Both figures and their difference, as they stand in a table."""

NONE = "The paper's figures are not shown, as no corpus of this run is one of the paper's"
LINES = ("paper", "this run", "difference")
NOT_AGGREGATED = (
    "Table 4 of the paper is not comparable: it stands for all of the paper's corpora shuffled "
    "together, and those of this run are others."
)
UNSPLIT = (
    "The paper leaves out the natural and the acted turns of IEMOCAP one after the other; this run "
    'left out all of it at once, so that Table 3 has no line for it (split_style = ["iemocap"]).'
)


def section(run: Run, summary: Summary) -> Section | None:
    """The published figures beside the run's, or a sentence that there is nothing to compare.

    None where the run tells of no corpora at all.
    """
    if not run.corpora:
        return None
    found = beside_the_paper(run, summary)
    if found is None:
        names = listing(reference_results.PAPER_CORPORA)
        return Section("paper", "Beside the paper", (f"{NONE} ({names}).",))
    return Section(
        key="paper",
        title="Beside the paper",
        lead=tuple(_lead(found, summary)),
        tables=tuple(_tables(found)),
    )


def _lead(found: PaperComparison, summary: Summary) -> Iterator[str]:
    source = reference_results.SOURCE
    yield f"What {source} print for those corpora of this run that they used, too."
    yield from _training(found)
    if found.unsplit:
        yield UNSPLIT
    if summary.table("aggregated") and not found.same_corpora:
        yield NOT_AGGREGATED


def _training(found: PaperComparison) -> Iterator[str]:
    """How the training sets differ."""
    if found.same_corpora:
        yield "The corpora are the paper's, all of them and no other."
    else:
        more = f"with {listing(found.others)}" if found.others else ""
        less = f"without {listing(found.lacking)}" if found.lacking else ""
        yield (
            "Across corpora the training sets are others than the paper's: this run trains "
            f"{' and '.join(filter(None, (more, less)))}."
        )
    if not found.same_counts:
        yield "Of the same corpora the paper counts other numbers of utterances: see Table 1."


def _tables(found: PaperComparison) -> Iterator[Table]:
    remarks = tuple(
        text for name, text in reference_results.REMARKS.items() if name in _names(found)
    )
    yield _table("Table 1 beside the paper's: utterances", "Corpus", found.counts, _count, remarks)
    titles = {
        "Table 2 beside the paper's: UA within each corpus": (found.within, "Corpus"),
        "Table 3 beside the paper's: UA on the corpus left out": (found.cross, "Corpus left out"),
        "Table 4 beside the paper's: all corpora shuffled together": (found.aggregated, "Measure"),
    }
    for title, (rows, head) in titles.items():
        if any(figure.ours is not None for row in rows for figure in row.figures.values()):
            yield _table(title, head, rows, _accuracy, (MEANS,) if _has_mean(rows) else ())


MEANS = "Means of the paper and of this run are over the same lines of this table."


def _has_mean(rows: Sequence[PublishedRow]) -> bool:
    return any(row.name.startswith("mean") for row in rows)


def _names(found: PaperComparison) -> set[str]:
    return set(found.corpora.values())


def _table(
    title: str, head: str, rows: Sequence[PublishedRow], show: Show, notes: tuple[str, ...]
) -> Table:
    """Three lines a row: the paper's figures, the run's, the difference."""
    columns = _columns(rows)
    return Table(
        title=title,
        columns=(head, "Figures", *columns),
        rows=tuple(line for row in rows for line in _lines(row, columns, show)),
        notes=notes,
        words=frozenset({0, 1}),
    )


def _columns(rows: Sequence[PublishedRow]) -> tuple[str, ...]:
    """Systems or kinds of which the run has a figure anywhere, in the tables' order."""
    kinds = [k for k in rows[0].figures if any(r.figures[k].ours is not None for r in rows)]
    return tuple(kinds) if "speakers" in kinds else display_order(kinds)


def _lines(row: PublishedRow, columns: Sequence[str], show: Show) -> Iterator[tuple[Cell, ...]]:
    shown = [show(row.figures[column]) for column in columns]
    for n, line in enumerate(LINES):
        yield Cell(row.name), Cell(line), *(Cell(texts[n]) for texts in shown)


def _count(figure: PublishedAndMeasured) -> tuple[str, str, str]:
    ours, difference = int(figure.ours or 0), int(figure.difference or 0)
    sign = "\N{MINUS SIGN}" if difference < 0 else "+"
    change = f"{sign}{count(abs(difference))}" if difference else "0"
    return count(int(figure.published)), count(ours), change


def _accuracy(figure: PublishedAndMeasured) -> tuple[str, str, str]:
    spread = "" if figure.published_sd is None else f" ± {_two(figure.published_sd)}"
    ours = "" if figure.ours_sd is None else f" ± {_two(figure.ours_sd)}"
    difference = ABSENT if figure.difference is None else signed(figure.difference)
    return decimal(figure.published) + spread, decimal(figure.ours) + ours, difference


def _two(deviation: float) -> str:
    """`.07`: deviations to two decimals, as the paper prints them."""
    return f"{deviation:.2f}".removeprefix("0")
