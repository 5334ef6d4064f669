"""Tables and sections of the report as plain values, and how numbers are written in them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from voxaffect.report.figures.style import Picture

if TYPE_CHECKING:
    from voxaffect.evaluation.intervals import Estimate

ABSENT = "\N{EN DASH}"
"""Shown for a missing value; never 0, never NaN."""

PROTOCOL_TITLES = {
    "within": "Within each corpus (held-out speakers)",
    "cross": "Across corpora (held-out corpus)",
    "aggregated": "All corpora pooled (random split)",
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: as shown.
        best: whether it is the highest value of its row, or significant.
        shade: darkness of the background, 0 to 1, for tables shown as heat maps.
    """

    text: str
    best: bool = False
    shade: float = 0.0


Row = tuple[Cell, ...]


def cells(*values: Cell | str | float | None) -> Row:
    """A row of a table; counts (int) and decimals (float) are formatted, None and NaN absent."""
    return tuple(value if isinstance(value, Cell) else Cell(_text(value)) for value in values)


def _text(value: str | float | None) -> str:
    if isinstance(value, str):
        return value
    return count(value) if isinstance(value, int) else decimal(value)


def best_marked(texts: Sequence[str], values: Sequence[float | None]) -> list[Cell]:
    """Cells with the highest value marked, if at least two values are known."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    top = max(known) if len(known) > 1 else None
    return [
        Cell(text, best=value is not None and value == top)
        for text, value in zip(texts, values, strict=True)
    ]


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Args:
        title: one line.
        columns: column names; the first column names the rows.
        rows: one cell per column each.
        notes: sentences below the table.
        n_last: number of summary rows at the end.
        text_columns: indices of the columns with text; the others hold numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    n_last: int = 0
    text_columns: Collection[int] = (0,)

    @property
    def body(self) -> tuple[Row, ...]:
        """Rows without the summary rows."""
        return self.rows[: len(self.rows) - self.n_last]

    @property
    def foot(self) -> tuple[Row, ...]:
        """Summary rows."""
        return self.rows[len(self.rows) - self.n_last :]


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


def decimal(value: float | None) -> str:
    """`.629`, as in the paper; `1.000` for one; absent for None and NaN.

    Halves round up even if a float sum ends slightly below: .4125 is always .413.
    """
    if value is None or math.isnan(value):
        return ABSENT
    text = str(Decimal(f"{abs(value):.9f}").quantize(Decimal("0.001"), ROUND_HALF_UP))
    return ("\N{MINUS SIGN}" if value < 0 else "") + text.removeprefix("0")


def signed(value: float) -> str:
    """`+.017`, `−.017`: a difference with its sign."""
    return ("" if value < 0 else "+") + decimal(value)


def with_interval(found: Estimate | None, shown: Callable[[float], str] = decimal) -> str:
    """`.444 [.398, .491]`; the value alone if it has no interval, absent if it is undefined."""
    if found is None or math.isnan(found.value):
        return ABSENT
    interval = f" [{shown(found.low)}, {shown(found.high)}]" if found.has_interval else ""
    return shown(found.value) + interval


def p_value(value: float) -> str:
    """`.031`; `< .001` for smaller values."""
    return "< .001" if value < 0.001 else decimal(value)


def percent(share: float) -> str:
    """`10 %`, `2.5 %`."""
    return f"{100 * share:g} %"


def count(value: int) -> str:
    """`10,967`."""
    return f"{value:,}"


def count_cell(value: int) -> Cell:
    """A count; zero is shown as absent."""
    return Cell(count(value) if value else ABSENT)


def count_range(values: Sequence[int], between: str = " to ") -> str:
    """`69`, or `12 to 69` if values differ."""
    low, high = min(values), max(values)
    return count(low) if low == high else f"{count(low)}{between}{count(high)}"


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


def csv_text(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """CSV with a header row and Unix line ends."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue()


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Args:
        key: its HTML anchor and the prefix of its tables' names.
        title: its heading.
        lead: opening sentences.
        tables: shown directly.
        pictures: shown directly.
        more: further tables, collapsed on the page.
        more_title: heading of the further tables.
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
