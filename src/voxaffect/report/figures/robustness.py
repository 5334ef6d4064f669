"""Unweighted accuracy against condition: a line a system, a panel a group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.evaluation.robustness.robustness import Condition, Robustness, SystemRobustness
from voxaffect.report.figures.curves import COLOURS, MARKERS
from voxaffect.report.figures.style import INK, RULE, STYLE, Picture, picture

CAPTION = (
    "Unweighted accuracy by condition, one line a system. The first mark of each panel is clean "
    "speech; lines join severities of one kind, from mild to severe; the dashed line is chance."
)
INCHES_A_CONDITION = 0.26


def picture_of(found: Robustness) -> Picture:
    """The figure as it stands in a report."""
    with mpl.rc_context(STYLE):
        return picture("robustness", "robustness", CAPTION, robustness(found), found.note)


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
        _dress(panel, group)
    panels[0].set_ylabel("UA")
    handles, labels = panels[0].get_legend_handles_labels()
    columns = min(5, len(labels))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False)
    return figure


def _line(panel: Axes, system: SystemRobustness, group: Sequence[Condition], place: int) -> None:
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    runs = [([0], [CLEAN])]
    runs += [([1 + group.index(c) for c in kind], [c.name for c in kind]) for kind in _kinds(group)]
    for at, names in runs:
        ua = np.array([system.ua[name].value for name in names], float)
        label = system.system if names == [CLEAN] else None
        panel.plot(at, ua, color=colour, marker=marker, markersize=4, linewidth=1.2, label=label)


def _kinds(group: Sequence[Condition]) -> list[list[Condition]]:
    """Conditions that differ in severity alone: `white-20db`, `white-10db`, ..."""
    return [[*kind] for _, kind in groupby(group, key=lambda c: c.name.rpartition("-")[0])]


def _dress(panel: Axes, group: Sequence[Condition]) -> None:
    panel.set_title(group[0].group, loc="left", fontweight="bold")
    names = [CLEAN, *(c.name for c in group)]
    panel.set_xticks(range(len(names)), names, rotation=90)
    panel.set_xlim(-0.6, len(names) - 0.4)
    panel.set_ylim(0, 1)
    panel.set_yticks(np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"])
    panel.grid(axis="y", color=RULE, linewidth=0.5)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
