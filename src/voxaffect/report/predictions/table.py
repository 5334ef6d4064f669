"""A table for a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from voxaffect.recognizer.prediction import NO_SPEECH, UNSURE, Prediction
from voxaffect.report.colors import LABEL_COLORS, LETTERS
from voxaffect.report.predictions.formats import visible
from voxaffect.taxonomy import EMOTION

BORDERS = 4
"""Characters of the first column's border and spaces, and of the last border."""

SHORTEST_NAME = 12
"""Characters of a recording's name that are shown at least, beside all columns."""

PAUSE = LETTERS[NO_SPEECH]


def table(predictions: Sequence[Prediction], *, title: str | None = None, width: int = 80) -> Table:
    """A row a prediction, in whole words, in at most `width` characters where that is possible.

    Where it is narrow, names of recordings are shortened in the middle, then columns are left out:
    warnings become codes, one a line, the reason last, then subtasks, the classes' probabilities,
    warnings and at last the highest probability go. The label stays. A `title` is the recording
    whose segments they are; else each row names its own, relative to the current folder where it
    lies below it. Rows without an emotion are dim, and begin their warnings with the reason.
    """
    here = f"{Path.cwd()}{os.sep}"
    names = [visible(p.name.removeprefix(here)) for p in predictions]
    if title is not None:
        names = [" - ".join(map(clock, p.interval_s)) for p in predictions]
    needs = min(max(map(cell_len, names), default=0), SHORTEST_NAME)
    columns = _columns_that_fit(predictions, width - needs - BORDERS)
    room = width - sum(map(_width, columns)) - BORDERS
    shown = [middle_ellipsis(name, max(room, SHORTEST_NAME)) for name in names]
    grid = Table(box=box.SQUARE)
    for heading, *_ in (["time" if title is not None else "file"], *columns):
        grid.add_column(heading, no_wrap=heading != "warnings")
    for p, *row in zip(predictions, shown, *(column[1:] for column in columns), strict=True):
        grid.add_row(*row, style="dim" if p.label in {UNSURE, NO_SPEECH} else None)
    return grid


def _columns_that_fit(predictions: Sequence[Prediction], room: int) -> list[list[str]]:
    """The most columns that fit, each its heading and its cells; the last choice may not."""

    def column(heading: str, cell: Callable[[Prediction], str]) -> list[str]:
        return [heading, *map(cell, predictions)]

    label = column("emotion", lambda p: str(p.label))
    classes = [
        [name, *(_share(p.probabilities.get(name)) for p in predictions)]
        for name in EMOTION.classes
    ]
    highest = column("p", lambda p: _share(p.probability))
    with_subtasks = [label, *classes, column("subtasks", subtask_classes)]
    texts, reasons, codes = [], [], []
    if any(p.remarks for p in predictions):
        texts = [column("warnings", lambda p: "; ".join(p.remarks))]
        reasons = [column("warnings", lambda p: "\n".join(_reason_and_codes(p)))]
        codes = [column("warnings", lambda p: "\n".join(w.code for w in p.warnings))]
    choices = (
        *([*with_subtasks, *texts], [*with_subtasks, *reasons], [*with_subtasks, *codes]),
        [label, *classes, *codes],
        *([label, highest, *codes], [label, highest]),
    )
    return next((some for some in choices if sum(map(_width, some)) <= room), [label])


def _reason_and_codes(prediction: Prediction) -> list[str]:
    """The reason, and the codes of other warnings."""
    others = [w.code for w in prediction.warnings if w.text != prediction.reason]
    return [*filter(None, [prediction.reason]), *others]


def _share(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.2f}"


def subtask_classes(prediction: Prediction) -> str:
    """The likeliest class of each subtask."""
    return ", ".join(max(p, key=lambda name: p[name]) for p in prediction.subtasks.values())


def _width(column: Sequence[str]) -> int:
    """Characters that a column takes, with its border and the spaces beside it."""
    return max(cell_len(line) for cell in column for line in cell.split("\n")) + 3


def middle_ellipsis(text: str, width: int) -> str:
    """Text of at most `width` characters, which misses its middle where it is longer.

    >>> middle_ellipsis("recordings/2024/interview-12.wav", 20)
    'recordi…rview-12.wav'
    """
    if cell_len(text) <= width:
        return text
    n_end = width * 3 // 5
    return f"{text[: width - n_end - 1]}…{text[-n_end:]}"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def strip(segments: Sequence[Prediction], duration_s: float, width: int) -> Text:
    """A column for each of `width` equal parts of a recording, with a scale and a legend.

    Its letter is that of the segment that fills most of it. There are at least 20 columns.
    """
    edges = np.linspace(0, duration_s, width + 1)
    starts, ends = np.reshape([segment.interval_s for segment in segments], (-1, 2)).T[..., None]
    inside = np.minimum(ends, edges[1:]) - np.maximum(starts, edges[:-1])  # seconds (S, width)
    longest = np.vstack([np.zeros(width), inside]).argmax(axis=0)  # 0: no speech
    text = Text()
    for label in (None if n == 0 else segments[n - 1].label for n in longest):
        text.append(LETTERS[label or NO_SPEECH], _style(label or NO_SPEECH))
    text.append(f"\n{clock(0)}{clock(duration_s):>{width - len(clock(0))}}\n", "dim")
    for label, letter in LETTERS.items():
        text.append(letter, _style(label)).append(f" {label}  ")
    text.rstrip()
    return text


def _style(label: str) -> str:
    return "dim" if label == NO_SPEECH else f"black on {LABEL_COLORS[label]}"
