"""How a training goes: a bar in a terminal of any width, a line an epoch in a log file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from voxaffect.commands.console import errors, print_line
from voxaffect.model.course import Course


@contextmanager
def training_progress(course: Course, sequel: str = "") -> Iterator[Callable[[], None]]:
    """Show a training on standard error while it goes on.

    Args:
        course: the training; the caller adds its epochs.
        sequel: what follows the last epoch, in words that continue a sentence.

    Yields:
        what is to be called when an epoch was added.
    """
    if not errors.is_interactive:
        yield lambda: print_line(_line(course, sequel), to=errors)
        return
    bar = TrainingBar(course, sequel)
    with Live(bar, console=errors):
        yield bar.restart_clock


class TrainingBar:
    """Epochs done of at most how many, and below them what the last one came to.

    The time left runs down between epochs.

    Args:
        course: the training.
        sequel: what follows the last epoch.
    """

    def __init__(self, course: Course, sequel: str = "") -> None:
        self.course, self.sequel = course, sequel
        self.started = self.last_ended = time.perf_counter()

    def restart_clock(self) -> None:
        """An epoch has ended just now."""
        self.last_ended = time.perf_counter()

    def __rich__(self) -> Group:
        now = time.perf_counter()
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True, style="bold")
        line.add_column(ratio=1)  # the bar gives way where the terminal is narrow
        line.add_column(no_wrap=True)
        n_done, n_most = len(self.course.epochs), self.course.max_epochs
        bar = ProgressBar(total=n_most, completed=n_done)
        line.add_row(_place(self.course), bar, _clock(now - self.started))
        if not n_done:
            return Group(line)
        said = f"{_numbers(self.course)}, {_left(self.course, self.sequel, now - self.last_ended)}"
        return Group(line, Text(said))


def _line(course: Course, sequel: str) -> str:
    return f"{_place(course)}: {_numbers(course)}, {_left(course, sequel)}"


def _place(course: Course) -> str:
    return f"epoch {len(course.epochs)} of at most {course.max_epochs}"


def _numbers(course: Course) -> str:
    last, best = course.epochs[-1], course.epochs[course.best - 1]
    rank = "the best so far" if last is best else f"best {best.dev_ua:.3f} in {best.number}"
    return (
        f"loss {last.train_loss:.3f}, dev UA {last.dev_ua:.3f} ({rank}), "
        f"{last.frames_per_s:,.0f} frames/s"
    )


def _left(course: Course, sequel: str, since_s: float = 0.0) -> str:
    """Time until early stopping if the dev set gets no better, and until the last epoch."""
    if not course.left_at_least:
        return f"done{sequel}"
    most = _clock(course.left_at_most * course.epoch_s - since_s)
    if course.left_at_least == course.left_at_most:
        return f"left {most}"
    return f"left {_clock(course.left_at_least * course.epoch_s - since_s)} to {most}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(max(seconds, 0.0))))
