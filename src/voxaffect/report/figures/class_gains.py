"""What each subtask adds to the recall of each class."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxaffect.evaluation.scores.class_gains import ClassGains, Gain
from voxaffect.report.figures.style import INK, PAPER, RULE, grid
from voxaffect.report.table import signed
from voxaffect.taxonomy import EMOTION

KEY = "class-gains"
"""Of the section that the figures stand in."""

GAIN_COLOUR = "#2a7fb8"
WORDS = {
    "within": "within each corpus",
    "cross": "across corpora",
    "aggregated": "on all corpora together",
}


def caption(protocol: str) -> str:
    """What the figure shows."""
    return (
        f"Recall that each multi-task net adds to its single-task twin's, {WORDS[protocol]}: mean "
        "over folds and its 95 % interval, where there are folds enough for one. Filled: the "
        "interval leaves out zero."
    )


def gains(found: Sequence[ClassGains]) -> Figure:
    """One panel a class; systems from top to bottom."""
    figure, panels = grid(EMOTION.n_classes, 4, 1.9, 0.75 + 0.24 * len(found))
    widest = max((_reach(g) for f in found for g in f.gains.values()), default=0.0)
    for place, (panel, name) in enumerate(zip(panels, EMOTION.classes, strict=True)):
        panel.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        for row, system in enumerate(found):
            _mark(panel, row, system.gains[name])
        _dress(panel, name, [system.system for system in found] if place == 0 else [], len(found))
        _scale(panel, max(widest, 0.01) * 1.08)
    return figure


def _reach(gain: Gain) -> float:
    """How far from zero a gain and its interval go."""
    return max(abs(end) for end in (gain.mean, gain.low, gain.high, 0.0) if end is not None)


def _mark(panel: Axes, row: int, gain: Gain) -> None:
    if gain.mean is None:
        return
    if gain.low is not None and gain.high is not None:
        panel.plot([gain.low, gain.high], [row, row], color=GAIN_COLOUR, linewidth=1.4)
    face = GAIN_COLOUR if gain.clear else PAPER
    panel.scatter([gain.mean], [row], s=26, color=face, edgecolor=GAIN_COLOUR, zorder=3)


def _dress(panel: Axes, name: str, systems: Sequence[str], n_rows: int) -> None:
    panel.set_title(name, loc="left", fontweight="bold")
    panel.set_yticks(range(n_rows) if systems else [], systems)
    panel.set_ylim(n_rows - 0.5, -0.5)
    panel.grid(axis="x", color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def _scale(panel: Axes, reach: float) -> None:
    """The same scale in all panels, zero in the middle."""
    panel.set_xlim(-reach, reach)
    panel.locator_params(axis="x", nbins=3)
    panel.xaxis.set_major_formatter(lambda value, _: signed(value) if abs(value) > 1e-9 else "0")
