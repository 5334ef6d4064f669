"""Learning curves: how every system went on from epoch to epoch, and where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from voxaffect.evaluation.scores.curves import Curves
from voxaffect.report.figures.style import PAPER, RULE, grid
from voxaffect.report.table import plural

# Okabe-Ito tones that show on light and on dark paper.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
HALF_BAND = 0.4
"""Half the height of a row, which is 1, that all trainings fill."""


@dataclass(frozen=True)
class Line:
    """How one system is drawn.

    Args:
        curves: its trainings.
        colour: of line, band and marks.
        marker: of the epochs kept.
    """

    curves: Curves
    colour: str
    marker: str

    @property
    def epochs(self) -> NDArray[np.int64]:
        """Numbers of the epochs (E,)."""
        return np.arange(1, self.curves.n_epochs + 1)


def caption(systems: Sequence[Curves]) -> str:
    """What the figure shows, and what becomes of a training that stops early."""
    most = max(len(curves.histories) for curves in systems)
    return (
        f"Learning curves of {plural(most, 'training')} a system at most (one a fold and seed). "
        "Left: the band narrows as trainings stop early, marks are the epochs whose weights were "
        "kept, larger where more were. Right: mean over trainings and its standard error, a mark "
        "at the median epoch kept. A training that has stopped counts on with its last epoch, so "
        "that every point stands for all of them. The loss of a multi-task system holds its "
        "subtasks' as well."
    )


def learning(systems: Sequence[Curves]) -> Figure:
    """Which epochs were trained and kept, train loss, dev UA; one line a system."""
    height = max(2.3, 0.62 + 0.26 * len(systems))
    figure, (stops, loss, accuracy) = grid(3, 3, 2.6, height)
    lines = [
        Line(curves, COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
        for place, curves in enumerate(systems)
    ]
    for row, line in enumerate(lines):
        _stops(stops, row, line)
        _mean(loss, "train_loss", line)
        _mean(accuracy, "dev_ua", line)
    stops.set_yticks(range(len(lines)), [line.curves.system for line in lines])
    stops.set_ylim(len(lines) - 0.4, -0.6)
    n_epochs = max(curves.n_epochs for curves in systems)
    _dress(stops, "Still training, and kept", n_epochs)
    _dress(loss, "Training loss", n_epochs)
    _dress(accuracy, "Dev UA", n_epochs)
    for panel in (loss, accuracy):
        panel.grid(color=RULE, linewidth=0.5)
        panel.set_axisbelow(True)
    accuracy.yaxis.set_major_formatter(lambda value, _: f"{value:.2f}".removeprefix("0"))
    return figure


def _stops(panel: Axes, row: int, line: Line) -> None:
    """A band as high as the share of trainings that reached an epoch, marks where one was kept."""
    n_trainings = len(line.curves.histories)
    half = HALF_BAND * line.curves.running() / n_trainings
    kept = line.curves.kept()
    where = kept > 0
    panel.fill_between(
        line.epochs, row - half, row + half, step="mid", color=line.colour, alpha=0.22, linewidth=0
    )
    panel.scatter(
        line.epochs[where],
        np.full(where.sum(), row),
        s=6 + 140 * kept[where] / n_trainings,
        marker=line.marker,
        color=line.colour,
        edgecolor=PAPER,
        linewidth=0.5,
    )


def _mean(panel: Axes, name: str, line: Line) -> None:
    values = line.curves.values(name)
    mean = values.mean(axis=0)
    if len(values) > 1:
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        panel.fill_between(
            line.epochs, mean - error, mean + error, color=line.colour, alpha=0.15, linewidth=0
        )
    panel.plot(line.epochs, mean, color=line.colour, linewidth=1.3)
    kept = float(np.median([history.best for history in line.curves.histories]))
    panel.scatter(
        [kept],
        [np.interp(kept, line.epochs, mean)],
        s=34,
        marker=line.marker,
        color=line.colour,
        edgecolor=PAPER,
        zorder=3,
    )


def _dress(panel: Axes, title: str, n_epochs: int) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set_xlabel("epoch")
    panel.set_xlim(0.4, n_epochs + 0.6)
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
