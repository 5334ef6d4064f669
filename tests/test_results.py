"""docs/results.md says nothing that the committed report does not show."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
REPORT = DOCS / "results" / "open" / "report.md"
SAID = (DOCS / "results.md").read_text(encoding="utf-8")
SHOWN = REPORT.read_text(encoding="utf-8")

MINUS = "\N{MINUS SIGN}"
NUMERAL = re.compile(rf"(?<![\w.,])[+{MINUS}]?(?:\d[\d,]*\d|\d)?(?:\.\d+)?(?!\w)")
"""As people write them: .250, 1,747, 12.5, with a sign."""

LINK = re.compile(r"\]\(([^):#]+)[^)]*\)")

Table = list[list[str]]
"""Its head, and its rows."""


def tables(text: str) -> list[tuple[str, Table]]:
    """Tables of a page with the section they are in and the caption in bold above them."""
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
    """Cells of a row, without the marks of what is best."""
    return [cell.strip().replace("**", "") for cell in line.strip("| ").split("|")]


def columns(table: Table, heads: list[str]) -> Table:
    """Rows of a table, of which only some columns are seen."""
    places = [table[0].index(head) for head in heads]
    return [[row[place] for place in places] for row in table[1:]]


def numerals(text: str) -> set[str]:
    """Numerals that state a measure: those of one digit are left out."""
    return {found for found in NUMERAL.findall(text) if len(found.strip(f"+{MINUS}")) > 1}


def prose(text: str) -> str:
    """A page without its tables, its code and the targets of its links."""
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    return re.sub(r"`[^`]*`", "", LINK.sub("]", "\n".join(lines)))


SAID_TABLES, SHOWN_TABLES = tables(SAID), dict(tables(SHOWN))


@pytest.mark.parametrize(("place", "said"), SAID_TABLES)
def test_every_row_is_one_of_the_report(place: str, said: Table) -> None:
    seen = columns(SHOWN_TABLES[place], said[0])
    assert [row for row in said[1:] if row not in seen] == []


def test_every_numeral_of_the_prose_stands_in_the_report() -> None:
    assert numerals(prose(SAID)) - numerals(SHOWN) == set()


def test_these_tests_have_something_to_look_at() -> None:
    assert len(SAID_TABLES) >= 3
    assert all(len(table) > 1 for _, table in SAID_TABLES)
    assert len(numerals(prose(SAID))) >= 20


def test_numerals_are_found_as_people_write_them() -> None:
    text = f"UA .579 (1,747 of 69), lost {MINUS}.012, 3.5 %, p = 1.000; not dnn-2, v1.2x or 7."
    assert numerals(text) == {".579", "1,747", "69", f"{MINUS}.012", "3.5", "1.000"}


@pytest.mark.parametrize("page", [DOCS / "results.md", REPORT], ids=lambda page: page.name)
def test_what_is_linked_to_is_there(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
