"""Tables as LaTeX, ruled by the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from voxaffect.report.table import Cell, Table

PREAMBLE = r"% Every table of a report. Needs \usepackage{booktabs,longtable}; the text is UTF-8."
LONG = 45
"""Rows that a page holds; a longer table breaks over pages."""
WIDE = 32
"""Letters in a cell from which a column of words wraps."""

SPECIAL = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "[": "{[}",  # after \\ a bracket would be a length
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{GREEK SMALL LETTER KAPPA}": r"$\kappa$",
    "\N{GREEK SMALL LETTER RHO}": r"$\rho$",
    "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "\N{NO-BREAK SPACE}": "~",
}
_ESCAPES = str.maketrans(SPECIAL)


def latex_document(tables: Iterable[tuple[str, Table]], note: str = "") -> str:
    """All tables, none with a blank line in it and one between any two.

    Args:
        tables: names, which become labels, and tables.
        note: of the run, for the caption of every table.
    """
    return "\n\n".join([PREAMBLE, *(latex(name, table, note) for name, table in tables)]) + "\n"


def latex(name: str, table: Table, note: str = "") -> str:
    """One table: a float, or where it is too long for a page one that breaks.

    Args:
        name: its label is `tab:` and this.
        table: cells that are best of their row come out bold.
        note: a sentence that follows the title in the caption.
    """
    lines = _long if len(table.rows) > LONG else _float
    return "\n".join(line for line in lines(name, table, note) if line)


def _float(name: str, table: Table, note: str) -> Iterator[str]:
    yield r"\begin{table}[htbp]"
    yield r"\centering"
    yield rf"\caption{{{_caption(table, note)}}}\label{{tab:{name}}}"
    yield rf"\begin{{tabular}}{{{_columns(table)}}}"
    yield r"\toprule"
    yield _heads(table)
    yield r"\midrule"
    yield from _rows(table)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield from (rf"\par\smallskip{{\footnotesize {escape(text)}\par}}" for text in table.notes)
    yield r"\end{table}"


def _long(name: str, table: Table, note: str) -> Iterator[str]:
    yield rf"\begin{{longtable}}{{{_columns(table)}}}"
    yield rf"\caption{{{_caption(table, note)}}}\label{{tab:{name}}}\\"
    yield r"\toprule"
    yield _heads(table)
    yield r"\midrule\endhead"
    yield r"\bottomrule\endfoot"
    yield from _rows(table)
    yield r"\end{longtable}"
    yield from (rf"{{\footnotesize {escape(text)}\par}}" for text in table.notes)


def escape(text: str) -> str:
    """Text that LaTeX shows as it stands, on one line."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(" ").translate(_ESCAPES)


def _caption(table: Table, note: str) -> str:
    """Title and note; LaTeX counts tables by itself, so "Table 2." goes."""
    title = re.sub(r"^Table [0-9]+\. ", "", table.title)
    return escape(". ".join(part.rstrip(".") for part in (title, note) if part)) + "."


def _columns(table: Table) -> str:
    """`l` for words, `r` for numbers; columns of long texts share most of the line."""
    wide = {i for i in table.words if any(len(row[i].text) > WIDE for row in table.rows)}
    share = rf"p{{{0.8 / max(len(wide), 1):.2f}\linewidth}}"
    kinds = {i: share if i in wide else "l" for i in table.words}
    return "".join(kinds.get(i, "r") for i in range(len(table.columns)))


def _heads(table: Table) -> str:
    return _line(escape(name) for name in table.columns)


def _rows(table: Table) -> Iterator[str]:
    yield from (_line(map(_cell, row)) for row in table.body)
    if table.body and table.foot:
        yield r"\midrule"
    yield from (_line(map(_cell, row)) for row in table.foot)


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return rf"\textbf{{{text}}}" if cell.best and text else text


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
