"""A table for a terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from voxaffect.recognizer.prediction import Prediction
from voxaffect.report.colors import LABEL_COLORS, LETTERS
from voxaffect.report.predictions.formats import visible
from voxaffect.taxonomy import EMOTION

BORDERS = 4
"""Characters of the first column's border and spaces, and of the last border."""

SHORTEST_NAME = 12
"""Characters of a recording's name that are shown at least, beside all columns."""


def table(predictions: Sequence[Prediction], *, title: str | None = None, width: int = 80) -> Table:
    """A row a prediction, in whole words, in at most `width` characters where that is possible.

    Where it is narrow, names of recordings are shortened in the middle, then columns are left out:
    warnings become codes, one a line, then subtasks, the classes' probabilities, warnings and at
    last the highest probability go. The label stays.

    Args:
        predictions: of recordings or segments.
        title: the recording whose segments they are; else each row names its own.
        width: of the terminal.
    """
    names = [times(p) for p in predictions] if title is not None else short_names(predictions)
    needs = max(map(len, names), default=0)
    columns = _columns_that_fit(predictions, needs, width)
    room = width - sum(_width(column) for column in columns[1:]) - BORDERS
    grid = Table(box=box.SQUARE)
    grid.add_column("time" if title is not None else "file", no_wrap=True)
    for column in columns[1:]:
        grid.add_column(column[0], no_wrap=column[0] != "warnings")
    for n, name in enumerate(names):
        shown = middle_ellipsis(name, max(room, SHORTEST_NAME))
        grid.add_row(shown, *(column[n + 1] for column in columns[1:]))
    return grid


def _columns_that_fit(
    predictions: Sequence[Prediction], name_width: int, width: int
) -> list[list[str]]:
    """Heading and cells of the columns, the first of which is the name's place."""
    label = ["emotion", *(str(p.label) for p in predictions)]
    classes = [
        [name, *(f"{p.probabilities[name]:.2f}" for p in predictions)] for name in EMOTION.classes
    ]
    highest = ["p", *(f"{p.probability or 0:.2f}" for p in predictions)]
    subtasks = [
        "subtasks",
        *(", ".join(max(c, key=lambda k: c[k]) for c in p.subtasks.values()) for p in predictions),
    ]
    texts, codes = [], []
    if any(p.warnings for p in predictions):
        texts = [["warnings", *("; ".join(map(str, p.warnings)) for p in predictions)]]
        codes = [["warnings", *("\n".join(w.code for w in p.warnings) for p in predictions)]]
    least = min(name_width, SHORTEST_NAME)
    for rest in (
        [label, *classes, subtasks, *texts],
        [label, *classes, subtasks, *codes],
        [label, *classes, *codes],
        [label, highest, *codes],
        [label, highest],
        [label],
    ):
        if least + BORDERS + sum(map(_width, rest)) <= width:
            break
    return [[], *rest]


def _width(column: Sequence[str]) -> int:
    """Characters that a column takes, with its border and the spaces beside it."""
    return max(cell_len(line) for cell in column for line in cell.split("\n")) + 3


def short_names(predictions: Sequence[Prediction]) -> list[str]:
    """Names of recordings, relative to the current folder where they lie below it."""
    here = f"{Path.cwd()}{os.sep}"
    return [visible(p.name.removeprefix(here)) for p in predictions]


def middle_ellipsis(text: str, width: int) -> str:
    """Text of at most `width` characters, which misses its middle where it is longer.

    >>> middle_ellipsis("recordings/2024/interview-12.wav", 20)
    'recordi…rview-12.wav'
    """
    if cell_len(text) <= width:
        return text
    n_end = width * 3 // 5
    return f"{text[: width - n_end - 1]}…{text[-n_end:]}"


def times(segment: Prediction) -> str:
    """Beginning and end of a segment."""
    start_s, end_s = segment.interval_s
    return f"{clock(start_s)} - {clock(end_s)}"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


PAUSE = "·"


def strip(segments: Sequence[Prediction], duration_s: float, width: int) -> Text:
    """A column for each of `width` equal parts of a recording, with a scale and a legend.

    Args:
        segments: of the recording, in their order.
        duration_s: of the recording.
        width: columns, at least 20.
    """
    labels = _columns(segments, duration_s, width)
    text = Text()
    for label in labels:
        style = f"black on {LABEL_COLORS[label]}" if label else "dim"
        text.append(LETTERS[label] if label else PAUSE, style)
    text.append(f"\n{clock(0)}{clock(duration_s):>{width - len(clock(0))}}\n", "dim")
    for label, letter in LETTERS.items():
        text.append(letter, f"black on {LABEL_COLORS[label]}").append(f" {label}  ")
    return text.append(f"{PAUSE} no speech", "dim")


def _columns(segments: Sequence[Prediction], duration_s: float, width: int) -> list[str | None]:
    """Whichever label fills most of each column; None where no speech in it."""
    column_s = duration_s / width
    found: list[str | None] = [None] * width
    filled = [0.0] * width
    for segment in segments:
        start_s, end_s = segment.interval_s
        first, last = int(start_s / column_s), min(width - 1, int(end_s / column_s))
        for column in range(first, last + 1):
            inside_s = min(end_s, (column + 1) * column_s) - max(start_s, column * column_s)
            if inside_s > filled[column]:
                found[column], filled[column] = segment.label, inside_s
    return found
