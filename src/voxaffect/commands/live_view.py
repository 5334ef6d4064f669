"""How a live recognition is shown: a panel in a terminal, plain lines, or JSON lines."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from voxaffect.commands.console import console, errors, print_line
from voxaffect.errors import AudioError
from voxaffect.listening.listener import Utterance
from voxaffect.listening.live import LiveAnswer
from voxaffect.report.answers.live_objects import final_object, interim_object
from voxaffect.taxonomy import EMOTION

QUIETEST_DB = -60.0
"""Where a level meter begins."""


@dataclass(frozen=True)
class Moment:
    """What there is to show while an utterance lasts.

    Args:
        start_s: where in the stream it began.
        answer: what is said of it so far; None between utterances.
        level_db: of the latest sound, in dB of full scale.
    """

    start_s: float
    answer: LiveAnswer | None
    level_db: float


class View(Protocol):
    """Shows what happens; entered as a context."""

    def __enter__(self) -> Any:
        """Begin."""

    def __exit__(self, *fault: object) -> Any:
        """End."""

    def moment(self, moment: Moment) -> None:
        """Show what is said so far."""

    def utterance(self, utterance: Utterance) -> None:
        """Show what an utterance came to."""


def note(text: str) -> None:
    """Say what went wrong, on standard error; whatever the view, it is not hidden."""
    print_line(f"voxaffect: {text}", style="yellow", to=errors)


def view_of(*, as_json: bool) -> View:
    """JSON lines if asked for, a panel in a terminal, else plain lines."""
    if as_json:
        return JsonLines()
    return Panel() if console.is_terminal else PlainLines()


class JsonLines(nullcontext[None]):
    """One JSON object a line: `"final": false` while an utterance lasts, true at its end."""

    def moment(self, moment: Moment) -> None:
        """An interim answer; emotion is null where nothing was heard yet."""
        if (answer := moment.answer) is not None:
            told = interim_object(moment.start_s, answer)
            _write(final=False, **told, level_db=round(moment.level_db, 1))

    def utterance(self, utterance: Utterance) -> None:
        """A final answer, as predict gives it, or why there is none."""
        _write(final=True, **final_object(utterance))


def _write(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class PlainLines(nullcontext[None]):
    """A line an answer: for logs, pipes and screen readers."""

    def moment(self, moment: Moment) -> None:
        """An interim answer."""
        if (answer := moment.answer) is not None:
            heard = f"{moment.start_s:8.2f} s  +{answer.heard_s:5.2f} s"
            print_line(f"{heard}  {said(answer.label, answer.probabilities)}", to=console)

    def utterance(self, utterance: Utterance) -> None:
        """A final answer."""
        print_line(final_line(utterance), to=console)


class Panel:
    """Bars of the classes, seconds and a level meter, drawn over; final answers stay above."""

    def __init__(self) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> AbstractContextManager[Live]:
        return self._live.__enter__()

    def __exit__(self, *fault: Any) -> None:
        self._live.__exit__(*fault)

    def moment(self, moment: Moment) -> None:
        """An interim answer, or that nobody speaks."""
        self._live.update(panel(moment), refresh=True)

    def utterance(self, utterance: Utterance) -> None:
        """A final answer."""
        print_line(final_line(utterance), to=console)


def panel(moment: Moment) -> Group:
    """What a terminal shows while an utterance lasts."""
    answer = moment.answer or LiveAnswer()
    grid = Table.grid(padding=(0, 1))
    for name in EMOTION.classes:
        share = answer.probabilities.get(name, 0.0)
        style = "bold" if name == answer.label else "dim"
        bar = ProgressBar(total=1.0, completed=share, width=40)
        grid.add_row(Text(name, style), bar, Text(f"{share:.2f}", style))
    level = 1 - max(QUIETEST_DB, min(0.0, moment.level_db)) / QUIETEST_DB
    meter = ProgressBar(total=1.0, completed=level, width=40, complete_style="green")
    grid.add_row(Text("level", "dim"), meter, Text(f"{moment.level_db:.0f} dB", "dim"))
    return Group(Text(_state(moment)), grid)


def _state(moment: Moment) -> str:
    if moment.answer is None:
        return "nobody speaks"
    if moment.answer.label is None:
        return "nothing heard yet"
    tasks = ", ".join(max(c, key=lambda name: c[name]) for c in moment.answer.subtasks.values())
    return f"{moment.answer.heard_s:.1f} s  {tasks}"


def final_line(utterance: Utterance) -> str:
    """What an utterance came to, in a line."""
    times = f"{utterance.start_s:8.2f} s to {utterance.end_s:.2f} s"
    outcome = utterance.outcome
    if isinstance(outcome, AudioError):
        return f"{times}  no answer: {outcome}"
    remarks = "; ".join(str(warning) for warning in outcome.warnings)
    return f"{times}  {said(outcome.label, outcome.probabilities)}" + (remarks and f"  {remarks}")


def said(label: str | None, probabilities: dict[str, float]) -> str:
    """A label and the probabilities of all classes."""
    if label is None:
        return "nothing heard yet"
    shares = "  ".join(f"{name} {share:.2f}" for name, share in probabilities.items())
    return f"{label:8}  {shares}"
