"""Tables and sections of the report as plain values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from voxaffect.evaluation.intervals import Estimate
from voxaffect.report.figures.style import Picture
from voxaffect.report.text import count, decimal, with_interval

PROTOCOL_TITLES = {
    "within": "Within each corpus (held-out speakers)",
    "cross": "Across corpora (held-out corpus)",
    "aggregated": "All corpora pooled (random split)",
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table; the best are the highest of a row, or significant.

    Its shade is the darkness of its background, 0 to 1, in tables shown as heat maps.
    """

    text: str
    best: bool = False
    shade: float = 0.0


def cell(value: object) -> Cell:
    """A cell; counts (int), decimals (float) and estimates are formatted, None and NaN absent."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, Estimate):
        return Cell(with_interval(value))
    if isinstance(value, int):
        return Cell(count(value))
    return Cell(decimal(value) if value is None or isinstance(value, float) else str(value))


def best_marked(texts: Iterable[str], values: Sequence[float | None]) -> list[Cell]:
    """Cells with the highest value marked, if at least two values are known."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    top = max(known) if len(known) > 1 else math.inf
    return [Cell(text, best=value == top) for text, value in zip(texts, values, strict=True)]


@dataclass(frozen=True)
class Table:
    """Rows under named columns, with sentences below them; the first column names the rows.

    The last `n_last` rows are summaries. Columns other than `text_columns` (indices) hold numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    n_last: int = 0
    text_columns: Collection[int] = (0,)

    @property
    def body(self) -> tuple[tuple[Cell, ...], ...]:
        """Rows without the summary rows."""
        return self.rows[: len(self.rows) - self.n_last]

    @property
    def foot(self) -> tuple[tuple[Cell, ...], ...]:
        """Summary rows."""
        return self.rows[len(self.rows) - self.n_last :]


def tabulate(
    title: str,
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    *notes: str,
    n_last: int = 0,
    text_columns: Collection[int] = (0,),
) -> Table:
    """A table of values, with the notes that are not empty."""
    shown = tuple(tuple(map(cell, row)) for row in rows)
    return Table(title, tuple(columns), shown, tuple(filter(None, notes)), n_last, text_columns)


def markdown(table: Table) -> str:
    """The table as GitHub-flavored Markdown, with title and notes."""
    rule = ["---" if i in table.text_columns else "---:" for i in range(len(table.columns))]
    lines = [table.columns, rule, *([_bold_if_best(cell) for cell in row] for row in table.rows)]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "".join(f"\n\n{escape(note)}" for note in table.notes)
    return f"**{escape(table.title)}**\n\n{body}{notes}\n"


def _bold_if_best(cell: Cell) -> str:
    text = escape(cell.text)
    return f"**{text}**" if cell.best and text else text


def escape(text: str) -> str:
    """Escape text for Markdown, also inside table cells."""
    for mark in ("\\", "|", "*", "_", "<", "`"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


@dataclass(frozen=True)
class Section:
    """A section of the report: opening sentences, and tables, of which `more` are collapsed.

    Its key is its HTML anchor and the prefix of its tables' names.
    """

    key: str
    title: str
    lead: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    more: tuple[Table, ...] = ()
    more_title: str = ""

    def named_tables(self) -> Iterator[tuple[str, Table]]:
        """Tables with their names on the page, in LaTeX and in JSON."""
        for number, table in enumerate((*self.tables, *self.more), start=1):
            yield f"{self.key}-{number}", table


def named_tables(sections: Iterable[Section]) -> Iterator[tuple[str, Table]]:
    """Tables of all sections with their names, in the order of the report."""
    for section in sections:
        yield from section.named_tables()
