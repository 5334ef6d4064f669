"""Output to the terminal: consoles, JSON, progress bars, tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from voxaffect.report.table import Table

# Rich is imported inside functions, so that --help need not load it.


@cache
def console_of(name: str) -> Console:
    """The console of a name, created when it is first used."""
    from rich.console import Console

    # Names of files and speakers may look like markup or emoji; color comes by `style` alone.
    return Console(stderr=name != "output", highlight=False, markup=False, emoji=False)


console = partial(console_of, "output")  # standard output
errors = partial(console_of, "errors")  # standard error, for errors and warnings
notes = partial(console_of, "notes")  # that, for progress and notes, which --quiet turns off


def print_line(line: str | Text, *, to: Console | None = None, style: str | None = None) -> None:
    """Print a line without wrapping it, so that names and paths can be copied."""
    (to or console()).print(line, style=style, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value as JSON with indents."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[..., None]]:
    """Progress bar on standard error; yields its `Progress.update`, `note` is a text behind it."""
    from rich import progress as bars
    from rich.table import Column

    columns = (
        bars.TextColumn("{task.description}", style="bold", markup=False),
        bars.BarColumn(),  # shrinks where the terminal is narrow
        bars.MofNCompleteColumn(table_column=Column(no_wrap=True)),
        bars.TimeElapsedColumn(table_column=Column(no_wrap=True)),
        bars.TextColumn("left"),
        bars.TimeRemainingColumn(elapsed_when_finished=False, table_column=Column(no_wrap=True)),
        bars.TextColumn("{task.fields[note]}", markup=False),
    )
    with bars.Progress(*columns, console=notes(), disable=notes().quiet) as progress:
        yield partial(progress.update, progress.add_task(title, total=None, note=""))


@contextmanager
def count_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Progress bar for a number done out of a total."""
    with progress_bar(title) as update:
        yield lambda n_done, n_all: update(completed=n_done, total=n_all)


def show(table: Table) -> None:
    """Print a table: title, rows if there are any, notes; only its text is wrapped."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for i, name in enumerate(table.columns):
        if i in table.text_columns:
            grid.add_column(name, no_wrap=i == 0, overflow="fold")
        else:
            grid.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*(cell.text for cell in row))
    console().print(table.title, style="bold")
    if table.rows:
        console().print(grid)
    for note in table.notes:
        console().print(note, style="dim")
    console().print()
