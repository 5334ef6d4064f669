"""Unweighted accuracy of every system on every test set."""

from __future__ import annotations

from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxaffect.evaluation.scores.tables import Score, ScoreTable
from voxaffect.report.figures.style import INK, PAPER, RULE, grid

MEAN_COLOUR = "#2a7fb8"
CAPTION = (
    "Unweighted accuracy by test set and system. The diamond is the mean, small dots are single "
    "folds (single seeds where there is one fold), the dashed line is chance."
)


def accuracy(table: ScoreTable) -> Figure:
    """One panel a test set; systems from top to bottom, mean and folds of each."""
    figure, panels = grid(len(table.tests), 3, 2.6, 0.62 + 0.24 * len(table.systems))
    for place, (panel, test) in enumerate(zip(panels, table.tests, strict=True)):
        scores = table.on(test)
        panel.set_title(test, loc="left", fontweight="bold")
        panel.axvline(table.chance([test]), color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        for row, system in enumerate(table.systems):
            if system in scores:
                _strip(panel, row, scores[system])
        panel.set(xlim=(-0.02, 1.02), ylim=(len(table.systems) - 0.5, -0.5))
        panel.set_yticks(range(len(table.systems)), table.systems if place % 3 == 0 else [])
        panel.set_xticks(np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"])
        panel.grid(axis="x", color=RULE, linewidth=0.5)
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
    return figure


def _strip(panel: Axes, row: int, score: Score) -> None:
    folds = list(score.by_fold.values())
    dots = [fmean(seeds) for seeds in folds] if len(folds) > 1 else folds[0]
    offsets = np.linspace(-0.22, 0.22, len(dots)) if len(dots) > 1 else np.zeros(1)
    panel.scatter(dots, row + offsets, s=7, color=MEAN_COLOUR, alpha=0.45, linewidth=0)
    panel.scatter([score.ua], [row], s=34, marker="D", color=MEAN_COLOUR, edgecolor=PAPER, zorder=3)
