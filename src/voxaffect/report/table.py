"""A table as a plain value, and how its numbers look; Markdown and HTML show the same cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from voxaffect.report.figures.style import Picture

ABSENT = "\N{EN DASH}"
"""Stands where there is no result; never 0, never NaN."""


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Args:
        text: as the reader sees it.
        best: the highest of its row.
        shade: 0 to 1, how dark the cell is where a table is read like a picture.
    """

    text: str
    best: bool = False
    shade: float = 0.0


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Args:
        title: one line.
        columns: names of the columns; the first heads the rows' names.
        rows: as many cells each as there are columns.
        notes: sentences below the table.
        n_last: how many of the last rows sum up the others.
        words: columns, by index, that hold words; the others hold numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    n_last: int = 0
    words: frozenset[int] = frozenset({0})

    @property
    def body(self) -> tuple[tuple[Cell, ...], ...]:
        """Rows of single things."""
        return self.rows[: len(self.rows) - self.n_last]

    @property
    def foot(self) -> tuple[tuple[Cell, ...], ...]:
        """Rows that sum up."""
        return self.rows[len(self.rows) - self.n_last :]


def markdown(table: Table) -> str:
    """The table as GitHub-flavored Markdown, title and notes included."""
    rule = ["---" if i in table.words else "---:" for i in range(len(table.columns))]
    lines = [_line(table.columns), _line(rule)]
    lines += [_line(_marked(cell) for cell in row) for row in table.rows]
    notes = "".join(f"\n\n{escape(note)}" for note in table.notes)
    return f"**{escape(table.title)}**\n\n" + "\n".join(lines) + notes + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, in a table cell too."""
    for mark in ("\\", "|", "*", "_", "<", "`"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def decimal(value: float | None) -> str:
    """`.629`, as the paper writes it; `1.000` for one.

    Halves round up, even where a sum of floats ends a bit below: .4125 always reads .413.
    """
    if value is None:
        return ABSENT
    text = str(Decimal(f"{value:.9f}").quantize(Decimal("0.001"), ROUND_HALF_UP))
    return text.removeprefix("0")


def signed(value: float) -> str:
    """`+.017`, `−.017`: a difference always says its direction."""
    return ("\N{MINUS SIGN}" if value < 0 else "+") + decimal(abs(value))


def p_value(value: float) -> str:
    """`.031`; `< .001` where three decimals would say zero."""
    return "< .001" if value < 0.001 else decimal(value)


def percent(share: float) -> str:
    """`10 %`, `2.5 %`."""
    return f"{100 * share:g} %"


def count(value: int) -> str:
    """`10,967`."""
    return f"{value:,}"


def whole(value: int) -> Cell:
    """A number of things; none is shown as absent."""
    return Cell(count(value) if value else ABSENT)


def duration(seconds: float) -> str:
    """`2 h 05 min`, `3 min 20 s`, `12.3 s`."""
    minutes, rest = divmod(round(seconds), 60)
    if seconds < 60:
        return f"{seconds:.1f} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(n: int, one: str, many: str = "") -> str:
    """`1 fold`, `2 folds`, `2 corpora`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def listing(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _marked(cell: Cell) -> str:
    text = escape(cell.text)
    return f"**{text}**" if cell.best and text else text


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Args:
        key: its anchor.
        title: its heading.
        lead: sentences that open it.
        tables: shown at once.
        pictures: shown at once.
        more: tables for those who want to know more, folded away where that is possible.
        more_title: what those are.
    """

    key: str
    title: str
    lead: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    more: tuple[Table, ...] = ()
    more_title: str = ""

    def named_tables(self) -> Iterator[tuple[str, Table]]:
        """All its tables with the names that page, LaTeX and JSON call them by."""
        for number, table in enumerate((*self.tables, *self.more), start=1):
            yield f"{self.key}-{number}", table


def named_tables(sections: Iterable[Section]) -> Iterator[tuple[str, Table]]:
    """The tables of all sections, in the report's order."""
    for section in sections:
        yield from section.named_tables()
