"""A part of a report, as a plain value that any topic can make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voxaffect.report.figures.style import Picture
from voxaffect.report.table import Table


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
