"""A table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text

from voxaffect.recognizer.prediction import Prediction
from voxaffect.report.colors import LABEL_COLORS, LETTERS
from voxaffect.report.predictions.formats import visible
from voxaffect.taxonomy import EMOTION


def table(predictions: Sequence[Prediction], *, title: str | None = None) -> Table:
    """A row a prediction; the column of warnings is left out where there are none.

    Args:
        predictions: of recordings or segments.
        title: the recording whose segments they are; else each row names its own.
    """
    where = "file" if title is None else "time"
    some_warn = any(p.warnings for p in predictions)
    grid = Table(
        Column(where, overflow="fold", no_wrap=title is not None),
        "emotion",
        *EMOTION.classes,
        "subtasks",
        *(["warnings"] if some_warn else []),
    )
    for p in predictions:
        subtasks = [max(classes, key=lambda c: classes[c]) for classes in p.subtasks.values()]
        grid.add_row(
            visible(p.name) if title is None else times(p),
            p.label,
            *(f"{p.probabilities[name]:.2f}" for name in EMOTION.classes),
            ", ".join(subtasks),
            *(["; ".join(map(str, p.warnings))] if some_warn else []),
        )
    return grid


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
    text.append_text(_legend())
    return text


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


def _legend() -> Text:
    text = Text()
    for label, letter in LETTERS.items():
        text.append(letter, f"black on {LABEL_COLORS[label]}")
        text.append(f" {label}  ")
    return text.append(f"{PAUSE} no speech", "dim")
