"""Scores and gains against the share of the training data, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from voxaffect.evaluation.scores.amounts import Amounts, Gain
from voxaffect.report.figures.curves import COLOURS, MARKERS
from voxaffect.report.figures.style import INK, PAPER, RULE, grid
from voxaffect.report.table import percent

Style = Mapping[str, Any]

KEY = "amounts"
"""The section of the report that these figures belong to."""

SCORES = "Unweighted accuracy by share of the training set; seeds, folds and test sets averaged."
GAINS = (
    " Right: what each multi-task net has over its single-task twin at the same share, mean over "
    "folds and its standard error. Folds share most of their training data, so that the error says "
    "how well the mean is known for these folds, not for other speakers."
)


def caption(found: Amounts, protocol: str) -> str:
    """What the figure of a protocol shows."""
    return SCORES + (GAINS if found.gains_of(protocol) else "")


def amounts(found: Amounts, protocol: str) -> Figure:
    """UA of every system of a protocol by share, and the gain of subtasks where there are some."""
    lines, gains = found.lines_of(protocol), found.gains_of(protocol)
    figure, panels = grid(2 if gains else 1, 2, 3.4, 2.6)
    style = {line.system: _style(n) for n, line in enumerate(lines)}
    for line in lines:
        shares = [amount.share for amount in line.amounts]
        uas = [amount.ua for amount in line.amounts]
        panels[0].plot(shares, uas, label=line.system, **style[line.system])
    for system in dict.fromkeys(gain.system for gain in gains):
        own = [gain for gain in gains if gain.system == system]
        _gains(panels[1], own, style[system])
    shares = sorted({amount.share for line in lines for amount in line.amounts})
    for panel, title in zip(panels, ("Unweighted accuracy", "Gain from subtasks"), strict=False):
        _dress(panel, title, shares)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    return figure


def _gains(panel: Axes, gains: Sequence[Gain], style: Style) -> None:
    panel.axhline(0, color=INK, linewidth=0.8)
    panel.errorbar(
        [gain.share for gain in gains],
        [gain.difference for gain in gains],
        yerr=[gain.error or 0.0 for gain in gains],
        **style,
    )


def _style(place: int) -> Style:
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markeredgecolor": PAPER,
        "markersize": 6,
        "linewidth": 1.3,
    }


def _dress(panel: Axes, title: str, shares: Sequence[float]) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set_xlabel("share of the training set")
    panel.set_xscale("log")
    panel.set_xticks(shares, [percent(share) for share in shares])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
