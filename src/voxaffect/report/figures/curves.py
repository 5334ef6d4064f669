"""Learning curves: how every system went on from epoch to epoch, and where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.evaluation.curves import Curves
from voxaffect.evaluation.learning_curve import LearningCurves, LearningGain
from voxaffect.evaluation.robustness.robustness import Condition, Robustness, SystemRobustness
from voxaffect.report.figures.style import INK, PAPER, RULE, STYLE, Picture, grid, picture
from voxaffect.report.table import percent, plural

# Okabe-Ito tones that show on light and on dark paper.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
HALF_BAND = 0.4
"""Half the height of a row, which is 1, that all trainings fill."""


@dataclass(frozen=True)
class CurveLine:
    """How one system is drawn.

    Args:
        curves: its trainings.
        color: of line, band and marks.
        marker: of the epochs kept.
    """

    curves: Curves
    color: str
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
        CurveLine(curves, COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)])
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


def _stops(panel: Axes, row: int, line: CurveLine) -> None:
    """A band as high as the share of trainings that reached an epoch, marks where one was kept."""
    n_trainings = len(line.curves.histories)
    half = HALF_BAND * line.curves.running() / n_trainings
    kept = line.curves.kept()
    where = kept > 0
    panel.fill_between(
        line.epochs, row - half, row + half, step="mid", color=line.color, alpha=0.22, linewidth=0
    )
    panel.scatter(
        line.epochs[where],
        np.full(where.sum(), row),
        s=6 + 140 * kept[where] / n_trainings,
        marker=line.marker,
        color=line.color,
        edgecolor=PAPER,
        linewidth=0.5,
    )


def _mean(panel: Axes, name: str, line: CurveLine) -> None:
    values = line.curves.values(name)
    mean = values.mean(axis=0)
    if len(values) > 1:
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        panel.fill_between(
            line.epochs, mean - error, mean + error, color=line.color, alpha=0.15, linewidth=0
        )
    panel.plot(line.epochs, mean, color=line.color, linewidth=1.3)
    kept = float(np.median([history.best for history in line.curves.histories]))
    panel.scatter(
        [kept],
        [np.interp(kept, line.epochs, mean)],
        s=34,
        marker=line.marker,
        color=line.color,
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


Style = Mapping[str, Any]

LEARNING_CURVE_KEY = "amounts"
"""The section of the report that these figures belong to."""

SCORES = "Unweighted accuracy by share of the training set; seeds, folds and test sets averaged."
GAINS = (
    " Right: what each multi-task net has over its single-task twin at the same share, mean over "
    "folds and its standard error. Folds share most of their training data, so that the error says "
    "how well the mean is known for these folds, not for other speakers."
)


def learning_curve_caption(found: LearningCurves, protocol: str) -> str:
    """What the figure of a protocol shows."""
    return SCORES + (GAINS if found.gains_of(protocol) else "")


def amounts(found: LearningCurves, protocol: str) -> Figure:
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
        _dress_learning_curve(panel, title, shares)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    return figure


def _gains(panel: Axes, gains: Sequence[LearningGain], style: Style) -> None:
    panel.axhline(0, color=INK, linewidth=0.8)
    panel.errorbar(
        [gain.share for gain in gains],
        [gain.difference for gain in gains],
        yerr=[gain.error or 0.0 for gain in gains],
        **style,
    )


def _style(place: int) -> Style:
    return {
        "color": COLORS[place % len(COLORS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markeredgecolor": PAPER,
        "markersize": 6,
        "linewidth": 1.3,
    }


def _dress_learning_curve(panel: Axes, title: str, shares: Sequence[float]) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set_xlabel("share of the training set")
    panel.set_xscale("log")
    panel.set_xticks(shares, [percent(share) for share in shares])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


ROBUSTNESS_CAPTION = (
    "Unweighted accuracy by condition, one line a system. The first mark of each panel is clean "
    "speech; lines join severities of one kind, from mild to severe; the dashed line is chance."
)
INCHES_A_CONDITION = 0.26


def picture_of(found: Robustness) -> Picture:
    """The figure as it stands in a report."""
    with mpl.rc_context(STYLE):
        return picture(
            "robustness", "robustness", ROBUSTNESS_CAPTION, robustness(found), found.note
        )


def robustness(found: Robustness) -> Figure:
    """A panel a group, as wide as it has conditions; all share the axis of accuracy."""
    groups = [[*g] for _, g in groupby(found.conditions[1:], key=lambda c: c.group)]
    widths = [len(group) + 1.5 for group in groups]
    size = (max(4.0, INCHES_A_CONDITION * sum(widths) + 0.9), 4.0)
    figure = Figure(figsize=size, layout="constrained")
    ratios = {"width_ratios": widths}
    figure.subplots(1, len(groups), squeeze=False, sharey=True, gridspec_kw=ratios)
    panels = figure.axes
    for panel, group in zip(panels, groups, strict=True):
        panel.axhline(found.chance, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        for place, system in enumerate(found.systems):
            _line(panel, system, group, place)
        _dress_robustness(panel, group)
    panels[0].set_ylabel("UA")
    handles, labels = panels[0].get_legend_handles_labels()
    columns = min(5, len(labels))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False)
    return figure


def _line(panel: Axes, system: SystemRobustness, group: Sequence[Condition], place: int) -> None:
    color, marker = COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]
    runs = [([0], [CLEAN])]
    runs += [([1 + group.index(c) for c in kind], [c.name for c in kind]) for kind in _kinds(group)]
    for at, names in runs:
        ua = np.array([system.ua[name].value for name in names], float)
        label = system.system if names == [CLEAN] else None
        panel.plot(at, ua, color=color, marker=marker, markersize=4, linewidth=1.2, label=label)


def _kinds(group: Sequence[Condition]) -> list[list[Condition]]:
    """Conditions that differ in severity alone: `white-20db`, `white-10db`, ..."""
    return [[*kind] for _, kind in groupby(group, key=lambda c: c.name.rpartition("-")[0])]


def _dress_robustness(panel: Axes, group: Sequence[Condition]) -> None:
    panel.set_title(group[0].group, loc="left", fontweight="bold")
    names = [CLEAN, *(c.name for c in group)]
    panel.set_xticks(range(len(names)), names, rotation=90)
    panel.set_xlim(-0.6, len(names) - 0.4)
    panel.set_ylim(0, 1)
    panel.set_yticks(np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"])
    panel.grid(axis="y", color=RULE, linewidth=0.5)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
