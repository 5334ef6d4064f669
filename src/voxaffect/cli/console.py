"""Output to the terminal: consoles, progress bars, tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table as Grid
    from rich.text import Text

    from voxaffect.report.table import Table


def _console(*, stderr: bool = False) -> Console:
    """Create a Rich console; Rich is imported late, so that --help need not load it."""
    from rich.console import Console

    # Names of files and speakers may look like markup or emoji; color comes by `style` alone.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


@cache
def console() -> Console:
    """Standard output."""
    return _console()


@cache
def errors() -> Console:
    """Standard error, for errors and warnings."""
    return _console(stderr=True)


@cache
def notes() -> Console:
    """Standard error, for progress and notes, which --quiet turns off."""
    return _console(stderr=True)


def be_quiet() -> None:
    """Print no progress and no notes from now on."""
    notes().quiet = True


def print_line(line: str | Text, *, to: Console | None = None, style: str | None = None) -> None:
    """Print a line without wrapping it, so that names and paths can be copied."""
    (to or console()).print(line, style=style, soft_wrap=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Progress bar on standard error, with the time elapsed and left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),  # shrinks where the terminal is narrow
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=notes(), disable=notes().quiet, transient=False) as progress:
        progress.add_task(title, total=None, note="")
        yield progress


@contextmanager
def counting_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Progress bar for a number done out of a total."""
    with progress_bar(title) as bar:
        task = bar.task_ids[0]

        def advance(n_done: int, n_all: int) -> None:
            bar.update(task, completed=n_done, total=n_all)

        yield advance


@contextmanager
def extraction_progress(n_utterances: int) -> Iterator[Callable[[int, float], None]]:
    """Progress bar for feature extraction, with hours of audio and the real-time factor."""
    started = time.perf_counter()
    with progress_bar("features") as bar:
        task = bar.task_ids[0]
        bar.update(task, total=n_utterances)

        def advance(n_done: int, audio_s: float) -> None:
            speed = audio_s / max(time.perf_counter() - started, 1e-9)
            note = f"{audio_s / 3600:.2f} h audio, {speed:,.0f} x real time"
            bar.update(task, completed=n_done, note=note)

        yield advance


def show(table: Table) -> None:
    """Print a table: title, rows if there are any, notes."""
    console().print(table.title, style="bold")
    if table.rows:
        console().print(_grid(table))
    for note in table.notes:
        console().print(note, style="dim")
    console().print()


def _grid(table: Table) -> Grid:
    """Rows for a terminal: text is wrapped, names and numbers are not."""
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
    return grid
