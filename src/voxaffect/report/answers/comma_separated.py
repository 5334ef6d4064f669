"""CSV by RFC 4180: a header, a row an answer; quotes, commas and line ends in names are quoted.

A name that begins with `=`, `+`, `-` or `@` is written as it is: a spreadsheet that takes it for a
formula must be told to import the column as text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from voxaffect.report.answers.answer import PLACE, Answer
from voxaffect.taxonomy import EMOTION, TASKS

SUBTASKS = [
    (task.name, name) for task in TASKS.values() if task != EMOTION for name in task.classes
]
COLUMNS = (
    "file",
    *PLACE,
    "emotion",
    *EMOTION.classes,
    *(f"{task}: {name}" for task, name in SUBTASKS),
    "duration_s",
    "novelty",
    "warnings",
    "reasons",
)
"""`warnings` are codes with spaces between them, `reasons` their sentences."""


def csv_header() -> str:
    """The names of the columns."""
    return _row(COLUMNS)


def csv_row(answer: Answer) -> str:
    """One answer; a subtask that was not learned leaves its cells empty."""
    p = answer.prediction
    subtasks = [p.subtasks[task][name] if task in p.subtasks else None for task, name in SUBTASKS]
    return _row(
        (
            answer.file,
            *_where(answer),
            answer.label,
            *(_number(p.probabilities[name]) for name in EMOTION.classes),
            *map(_number, subtasks),
            f"{p.duration_s:.3f}",
            _number(p.novelty),
            " ".join(caveat.code for caveat in p.warnings),
            "; ".join(caveat.text for caveat in p.warnings),
        )
    )


def _where(answer: Answer) -> list[str]:
    if answer.start_s is not None and answer.end_s is not None:
        return ["", f"{answer.start_s:.3f}", f"{answer.end_s:.3f}"]
    return [answer.place.get(column, "") for column in PLACE]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _row(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()
