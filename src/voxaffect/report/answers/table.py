"""A table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Column, Table

from voxaffect.report.answers.answer import Answer, visible
from voxaffect.taxonomy import EMOTION


def table(answers: Sequence[Answer], *, title: str | None = None) -> Table:
    """A row an answer; nobody's warnings take no room.

    Args:
        answers: to be told.
        title: the recording whose utterances they are; else each row names its own.
    """
    where = "file" if title is None else "time"
    some_warn = any(answer.prediction.warnings for answer in answers)
    grid = Table(
        Column(where, overflow="fold", no_wrap=title is not None),
        "emotion",
        *EMOTION.classes,
        "subtasks",
        *(["warnings"] if some_warn else []),
    )
    for answer in answers:
        p = answer.prediction
        subtasks = [max(classes, key=lambda c: classes[c]) for classes in p.subtasks.values()]
        grid.add_row(
            visible(answer.file) if title is None else times(answer),
            answer.label,
            *(f"{p.probabilities[name]:.2f}" for name in EMOTION.classes),
            ", ".join(subtasks),
            *(["; ".join(map(str, p.warnings))] if some_warn else []),
        )
    return grid


def times(answer: Answer) -> str:
    """When an utterance is spoken."""
    start_s, end_s = answer.interval_s
    return f"{clock(start_s)} - {clock(end_s)}"


def clock(seconds: float) -> str:
    """Minutes and seconds, as on a tape."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"
