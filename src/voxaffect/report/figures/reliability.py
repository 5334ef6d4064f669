"""Confidence against accuracy, and accuracy against coverage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxaffect.evaluation.scores.reliability import COVERAGES, N_BINS, Reliability
from voxaffect.report.figures.curves import COLOURS, MARKERS
from voxaffect.report.figures.style import INK, PAPER, RULE, grid

MOST = 4
"""Systems drawn: the first of the tables."""

CAPTION = (
    f"The first four systems of the tables at most. Left: share of right answers in {N_BINS} bins "
    "of equal mass, against their mean confidence; on the dashed line confidences hold, below it "
    "they promise too much. Middle and right: share of right answers, and unweighted accuracy, "
    "when only the surest are answered."
)


def reliability(found: Sequence[Reliability]) -> Figure:
    """Reliability diagram, accuracy and UA against coverage; one line a system."""
    figure, (diagram, accuracy, ua) = grid(3, 3, 2.6, 2.5)
    diagram.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for place, one in enumerate(found[:MOST]):
        _line(diagram, one.diagram.confidence, one.diagram.accuracy, place, one.system)
        _line(accuracy, COVERAGES, one.coverage.accuracy, place, one.system)
        _line(ua, COVERAGES, one.coverage.ua, place, one.system)
    _dress(diagram, "Reliability", "confidence")
    _dress(accuracy, "Right among the answered", "coverage")
    _dress(ua, "UA of the answered", "coverage")
    handles, labels = diagram.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=MOST, frameon=False)
    return figure


def _line(
    panel: Axes, x: NDArray[np.float64], y: NDArray[np.float64], place: int, name: str
) -> None:
    known = ~np.isnan(y)
    panel.plot(
        x[known],
        y[known],
        color=COLOURS[place],
        linewidth=1.2,
        marker=MARKERS[place],
        markersize=4,
        markeredgecolor=PAPER,
        markeredgewidth=0.5,
        label=name,
    )


def _dress(panel: Axes, title: str, under: str) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set_xlabel(under)
    ticks = np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"]
    panel.set_xticks(*ticks)
    panel.set_yticks(*ticks)
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    panel.grid(color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
