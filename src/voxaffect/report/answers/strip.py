"""A recording as a line of letters: who sounds how when, in colour where there is any."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from voxaffect.report.answers.answer import Answer
from voxaffect.report.answers.table import clock
from voxaffect.report.colours import LABEL_COLOURS, LETTERS

PAUSE = "·"


def strip(answers: Sequence[Answer], duration_s: float, width: int) -> Text:
    """A column for each of `width` equal parts of a recording, with a scale and a legend.

    Args:
        answers: the recording's utterances in their order.
        duration_s: of the recording.
        width: columns, at least 20.
    """
    labels = _columns(answers, duration_s, width)
    text = Text()
    for label in labels:
        style = f"black on {LABEL_COLOURS[label]}" if label else "dim"
        text.append(LETTERS[label] if label else PAUSE, style)
    text.append(f"\n{clock(0)}{clock(duration_s):>{width - len(clock(0))}}\n", "dim")
    text.append_text(_legend())
    return text


def _columns(answers: Sequence[Answer], duration_s: float, width: int) -> list[str | None]:
    """Whichever label fills most of each column; None where nobody speaks in it."""
    column_s = duration_s / width
    found: list[str | None] = [None] * width
    filled = [0.0] * width
    for answer in answers:
        start_s, end_s = answer.interval_s
        first, last = int(start_s / column_s), min(width - 1, int(end_s / column_s))
        for column in range(first, last + 1):
            inside_s = min(end_s, (column + 1) * column_s) - max(start_s, column * column_s)
            if inside_s > filled[column]:
                found[column], filled[column] = answer.label, inside_s
    return found


def _legend() -> Text:
    text = Text()
    for label, letter in LETTERS.items():
        text.append(letter, f"black on {LABEL_COLOURS[label]}")
        text.append(f" {label}  ")
    return text.append(f"{PAUSE} nobody speaks", "dim")
