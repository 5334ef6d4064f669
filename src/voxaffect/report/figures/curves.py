"""Figures of training curves (by epoch), learning curves (by training set size) and robustness."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.evaluation.curves import Curves
from voxaffect.evaluation.learning_curve import LearningCurves
from voxaffect.evaluation.robustness.robustness import Condition, Robustness, SystemRobustness
from voxaffect.report.figures.style import (
    INK,
    PAPER,
    REFERENCE,
    STYLE,
    UNIT_TICKS,
    Picture,
    Style,
    color_and_marker,
    grid,
    legend_above,
    picture,
    style_axes,
)
from voxaffect.report.text import percent, plural

LEARNING_CURVE_KEY = "amounts"
"""Key of the section of these figures."""

SCORES = "UA by share of the training set, mean over seeds, folds and test sets."
GAINS = (
    " Right: UA gain of each multi-task net over its single-task baseline at the same share, mean "
    "over folds with 95 % confidence interval over speakers (if there are enough)."
)
ROBUSTNESS_CAPTION = (
    "UA by condition, one line per system. The first mark of each panel is clean speech; lines "
    "connect severities of one degradation, from mild to severe; the dashed line is chance."
)


def training_caption(systems: Sequence[Curves]) -> str:
    """Caption of `training_figure`."""
    most = max(len(curves.histories) for curves in systems)
    return (
        f"Training curves, at most {plural(most, 'training')} per system (one per fold and seed). "
        "Left: trainings that still run (band), and epochs kept (marks, sized by number). Middle "
        "and right: mean over trainings with standard error, and the median epoch kept (mark). "
        "After early stopping, the last value of a training is carried forward. The loss of a "
        "multi-task system includes its subtasks."
    )


def training_figure(systems: Sequence[Curves]) -> Figure:
    """Early stopping, training loss and dev UA by epoch; one line per system."""
    height = max(2.3, 0.62 + 0.26 * len(systems))
    figure, (stops, loss, accuracy) = grid(3, 3, 2.6, height)
    for place, curves in enumerate(systems):
        _stops(stops, place, curves)
        _mean(loss, place, curves, "train_loss")
        _mean(accuracy, place, curves, "dev_ua")
    stops.set_yticks(range(len(systems)), [curves.system for curves in systems])
    stops.set_ylim(len(systems) - 0.4, -0.6)
    n_epochs = max(curves.n_epochs for curves in systems)
    style_axes(stops, "Running, and epochs kept")
    style_axes(loss, "Training loss", "both")
    style_axes(accuracy, "Dev UA", "both")
    for panel in (stops, loss, accuracy):
        panel.set_xlabel("epoch")
        panel.set_xlim(0.4, n_epochs + 0.6)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    accuracy.yaxis.set_major_formatter(lambda value, _: f"{value:.2f}".removeprefix("0"))
    return figure


def _stops(panel: Axes, row: int, curves: Curves) -> None:
    n_trainings = len(curves.histories)
    style = color_and_marker(row)
    half = 0.4 * curves.running() / n_trainings  # rows have a height of 1
    epochs = np.arange(1, curves.n_epochs + 1)
    kept = curves.kept()
    where = kept > 0
    band: Style = {"step": "mid", "color": style["color"], "alpha": 0.22, "linewidth": 0}
    panel.fill_between(epochs, row - half, row + half, **band)
    sizes = 6 + 140 * kept[where] / n_trainings
    rows = np.full(where.sum(), row)
    panel.scatter(epochs[where], rows, s=sizes, edgecolor=PAPER, linewidth=0.5, **style)


def _mean(panel: Axes, place: int, curves: Curves, name: str) -> None:
    values = curves.values(name)
    mean = values.mean(axis=0)
    style = color_and_marker(place)
    epochs = np.arange(1, curves.n_epochs + 1)
    if len(values) > 1:
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        band: Style = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
        panel.fill_between(epochs, mean - error, mean + error, **band)
    panel.plot(epochs, mean, color=style["color"], linewidth=1.3)
    kept = float(np.median([history.best for history in curves.histories]))
    at = np.interp(kept, epochs, mean)
    panel.scatter([kept], [at], s=34, edgecolor=PAPER, zorder=3, **style)


def learning_curve_caption(found: LearningCurves, protocol: str) -> str:
    """Caption of `learning_curve`."""
    return SCORES + (GAINS if found.gains_of(protocol) else "")


def learning_curve(found: LearningCurves, protocol: str) -> Figure:
    """UA of every system of a protocol by share, and the gain of subtasks if there is any."""
    ua, gains = found.ua(protocol), found.gains_of(protocol)
    figure, panels = grid(2 if gains else 1, 2, 3.4, 2.6)
    common: Style = {"markeredgecolor": PAPER, "markersize": 6, "linewidth": 1.3}
    styles = {system: common | color_and_marker(n) for n, system in enumerate(ua)}
    for system in ua:
        known = ua[system].dropna()
        panels[0].plot(known.index, known, label=system, **styles[system])
    for system in dict.fromkeys(gain.system for gain in gains):
        own = [gain for gain in gains if gain.system == system]
        values = np.array([[g.difference.value, g.difference.low, g.difference.high] for g in own])
        bars = np.nan_to_num(np.abs(values[:, 1:] - values[:, :1])).T
        panels[1].axhline(0, color=INK, linewidth=0.8)
        panels[1].errorbar([g.share for g in own], values[:, 0], yerr=bars, **styles[system])
    shares = [*ua.index]
    for panel, title in zip(panels, ("UA", "UA gain from subtasks"), strict=False):
        style_axes(panel, title, "both")
        panel.set_xlabel("share of the training set")
        panel.set_xscale("log")
        panel.set_xticks(shares, [percent(share) for share in shares])
        panel.xaxis.set_minor_locator(NullLocator())
    legend_above(figure, 4)
    return figure


def robustness_picture(found: Robustness) -> Picture:
    """The robustness figure as SVG."""
    with mpl.rc_context(STYLE):
        drawn = robustness(found)
        return picture("robustness", "robustness", ROBUSTNESS_CAPTION, drawn, found.note)


def robustness(found: Robustness) -> Figure:
    """UA by condition: one panel per group, as wide as it has conditions."""
    groups = [[*g] for _, g in groupby(found.conditions[1:], key=lambda c: c.group)]
    widths = [len(group) + 1.5 for group in groups]
    size = (max(4.0, 0.26 * sum(widths) + 0.9), 4.0)
    figure = Figure(figsize=size, layout="constrained")
    figure.subplots(1, len(groups), squeeze=False, sharey=True, width_ratios=widths)
    for panel, group in zip(figure.axes, groups, strict=True):
        panel.axhline(found.chance, **REFERENCE)
        for place, system in enumerate(found.systems):
            _lines(panel, system, group, place)
        names = [CLEAN, *(c.name for c in group)]
        panel.set_xticks(range(len(names)), names, rotation=90)
        panel.set_xlim(-0.6, len(names) - 0.4)
        panel.set_ylim(0, 1)
        panel.set_yticks(*UNIT_TICKS)
        style_axes(panel, group[0].group, "y")
    figure.axes[0].set_ylabel("UA")
    legend_above(figure, 5)
    return figure


def _lines(panel: Axes, system: SystemRobustness, group: Sequence[Condition], place: int) -> None:
    """One line per degradation: conditions that differ in severity only, `white-20db`, ..."""
    style: Style = {"markersize": 4, "linewidth": 1.2, **color_and_marker(place)}
    panel.plot([0], [system.ua[CLEAN].value], label=system.system, **style)
    for _, found in groupby(group, key=lambda c: c.name.rpartition("-")[0]):
        kind = list(found)
        at = [1 + group.index(c) for c in kind]
        panel.plot(at, [system.ua[c.name].value for c in kind], **style)
