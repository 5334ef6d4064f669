"""Confusion matrices, one a system."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxaffect.evaluation.scores.tables import ScoreTable, shares
from voxaffect.report.figures.style import PAPER, grid
from voxaffect.report.table import decimal
from voxaffect.taxonomy import EMOTION

SHADES = LinearSegmentedColormap.from_list("shades", ["#f4f8fb", "#08519c"])
DARK = 0.76
"""The share from which white is easier to read than black; both have a contrast of 4.5 there."""
NEAR_WHITE = "#fefefe"
"""White itself is the paper, which is dark in the page's dark scheme."""
CAPTION = "Confusion matrices on the aggregated corpora: share of the answers to each true class."


def confusions(table: ScoreTable) -> Figure:
    """One matrix a system, rows as shares of the true class."""
    figure, panels = grid(len(table.systems), 4, 2.0, 2.15)
    for place, (panel, system) in enumerate(zip(panels, table.systems, strict=True)):
        _matrix(panel, shares(table.counts(system)), named=place % 4 == 0)
        panel.set_title(f"{system}  {decimal(table.mean(system))}", loc="left", fontweight="bold")
    return figure


def _matrix(panel: Axes, matrix: NDArray[np.float64], *, named: bool) -> None:
    n = len(matrix)
    panel.pcolormesh(matrix, cmap=SHADES, vmin=0, vmax=1, edgecolor=PAPER, linewidth=1.5)
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            at = (column + 0.5, row + 0.5)
            panel.text(*at, decimal(value), ha="center", va="center", color=tone(float(value)))
    ticks = np.arange(n) + 0.5
    panel.set_xticks(ticks, EMOTION.classes)
    panel.set_yticks(ticks, EMOTION.classes if named else [])
    panel.set(ylim=(n, 0), aspect="equal")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def tone(share: float) -> str:
    """The colour in which a share is written on its shade."""
    return NEAR_WHITE if share > DARK else "black"
