"""docs/results.md states only what the committed report shows."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
REPORT = DOCS / "results" / "open" / "report.md"
DOCS_TEXT = (DOCS / "results.md").read_text(encoding="utf-8")
REPORT_TEXT = REPORT.read_text(encoding="utf-8")

MINUS = "\N{MINUS SIGN}"
NUMERAL = re.compile(rf"(?<![\w.,])[+{MINUS}]?(?:\d[\d,]*\d|\d)?(?:\.\d+)?(?!\w)")
"""Numbers in prose: .250, 1,747, 12.5, with a sign."""

LINK = re.compile(r"\]\(([^):#]+)[^)]*\)")

Table = list[list[str]]
"""Header row, then rows."""


def tables(text: str) -> list[tuple[str, Table]]:
    """Tables of a page with their section and caption (bold, above)."""
    found: list[tuple[str, Table]] = []
    section = caption = ""
    for above, line in pairwise(["", *text.splitlines()]):
        if line.startswith("## "):
            section = line
        elif line.startswith("**"):
            caption = line
        elif line.startswith("| ---"):
            found.append((f"{section}: {caption}", [cells(above)]))
        elif line.startswith("|") and above.startswith("|"):
            found[-1][1].append(cells(line))
    return found


def cells(line: str) -> list[str]:
    """Cells of a row, without bold."""
    return [cell.strip().replace("**", "") for cell in line.strip("| ").split("|")]


def columns(table: Table, heads: list[str]) -> Table:
    """Rows of a table, with some columns only."""
    places = [table[0].index(head) for head in heads]
    return [[row[place] for place in places] for row in table[1:]]


def numerals(text: str) -> set[str]:
    """Numerals in a text with more than one digit."""
    return {found for found in NUMERAL.findall(text) if len(found.strip(f"+{MINUS}")) > 1}


def prose(text: str) -> str:
    """A page without tables, code and link targets."""
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    return re.sub(r"`[^`]*`", "", LINK.sub("]", "\n".join(lines)))


DOCS_TABLES, REPORT_TABLES = tables(DOCS_TEXT), dict(tables(REPORT_TEXT))


@pytest.mark.parametrize(("place", "stated"), DOCS_TABLES)
def test_rows_are_in_the_report(place: str, stated: Table) -> None:
    seen = columns(REPORT_TABLES[place], stated[0])
    assert [row for row in stated[1:] if row not in seen] == []


def test_numerals_of_the_prose_are_in_the_report() -> None:
    assert numerals(prose(DOCS_TEXT)) - numerals(REPORT_TEXT) == set()


def test_tables_and_numerals_were_found() -> None:
    assert len(DOCS_TABLES) >= 3
    assert all(len(table) > 1 for _, table in DOCS_TABLES)
    assert len(numerals(prose(DOCS_TEXT))) >= 20


def test_numerals_are_found() -> None:
    text = f"UA .579 (1,747 of 69), lost {MINUS}.012, 3.5 %, p = 1.000; not dnn-2, v1.2x or 7."
    assert numerals(text) == {".579", "1,747", "69", f"{MINUS}.012", "3.5", "1.000"}


@pytest.mark.parametrize("page", [DOCS / "results.md", REPORT], ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
