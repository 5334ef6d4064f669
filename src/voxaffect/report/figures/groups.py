"""Accuracies of groups of utterances and of speakers, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxaffect.evaluation.groups.groups import Group, Grouping
from voxaffect.evaluation.groups.scores import GroupScores
from voxaffect.evaluation.groups.speakers import SpeakerSpread
from voxaffect.report.figures.curves import COLOURS, MARKERS
from voxaffect.report.figures.style import PAPER, RULE, grid

MOST = 4
"""Systems drawn: the first of the tables."""

CAPTION = (
    "Unweighted accuracy by group, of the first four systems of the tables at most. Lines hold "
    "95 % of the draws of speakers. Hollow marks are groups too small to compare, or not known. In "
    "the last panel every speaker with enough utterances is a dot."
)


def groups(scores: GroupScores) -> Figure:
    """One panel a kind of group, one of all speakers; colour and mark tell the system.

    Args:
        scores: of one protocol.
    """
    systems = [spread.system for spread in scores.speakers[:MOST]]
    groupings = [g for g in scores.groupings if g.system in systems]
    kinds = list(dict.fromkeys(g.kind for g in groupings))
    n_rows = max([len(systems), *(len(g.groups) for g in groupings)])
    figure, panels = grid(len(kinds) + 1, 2, 3.6, 0.7 + 0.12 * n_rows * (len(systems) + 1))
    for panel, kind in zip(panels, kinds, strict=False):
        _kind(panel, [g for g in groupings if g.kind == kind], systems)
    _speakers(panels[-1], scores.speakers[:MOST])
    handles, labels = panels[0].get_legend_handles_labels()
    if labels:
        figure.legend(handles, labels, loc="outside upper left", ncols=MOST, frameon=False)
    return figure


def _kind(panel: Axes, groupings: Sequence[Grouping], systems: Sequence[str]) -> None:
    names = list(dict.fromkeys(group.name for g in groupings for group in g.groups))
    for found in groupings:
        place = systems.index(found.system)
        offset = (place - (len(systems) - 1) / 2) * 0.8 / len(systems)
        for group in found.groups:
            _dot(panel, names.index(group.name) + offset, group, place)
        panel.scatter([], [], s=26, color=COLOURS[place], marker=MARKERS[place], label=found.system)
    _dress(panel, groupings[0].kind, names)


def _dot(panel: Axes, row: float, group: Group, place: int) -> None:
    colour = COLOURS[place]
    if group.interval is not None:
        limits = [group.interval.low, group.interval.high]
        panel.plot(limits, [row, row], color=colour, linewidth=1.1)
    panel.scatter(
        [group.ua],
        [row],
        s=26,
        marker=MARKERS[place],
        color=colour if group.compared else PAPER,
        edgecolor=PAPER if group.compared else colour,
        zorder=3,
    )


def _speakers(panel: Axes, spreads: Sequence[SpeakerSpread]) -> None:
    for row, spread in enumerate(spreads):
        values = [speaker.ua for speaker in spread.compared]
        offsets = np.linspace(-0.25, 0.25, len(values)) * (len(values) > 1)
        panel.scatter(values, row + offsets, s=9, color=COLOURS[row], alpha=0.6, linewidth=0)
    _dress(panel, "each speaker", [spread.system for spread in spreads])


def _dress(panel: Axes, title: str, names: Sequence[str]) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5))
    panel.set_yticks(range(len(names)), names)
    panel.set_xticks(np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"])
    panel.grid(axis="x", color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
