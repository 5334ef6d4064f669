"""Figures of a run, as SVG. Type is one size, and classes differ in shape as well as in colour."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxaffect.evaluation.embedding import embed
from voxaffect.evaluation.results import FoldResult
from voxaffect.evaluation.run import Run
from voxaffect.evaluation.scores import Score, ScoreTable, display_order, shares
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import decimal
from voxaffect.taxonomy import EMOTION

INK, RULE, PAPER = "#1b2733", "#c9d1d9", "#ffffff"
"""Text and axes, grid, background: the page gives them the colours of its light and dark scheme."""

# The paper's green, orange, blue and red, in the Okabe-Ito tones that most colour-blind readers
# tell apart; the markers do the rest.
CLASS_COLOURS = dict(
    zip(EMOTION.classes, ("#009e73", "#e69f00", "#0072b2", "#d55e00"), strict=True)
)
CLASS_MARKERS = dict(zip(EMOTION.classes, ("o", "^", "s", "D"), strict=True))
MEAN_COLOUR = "#2a7fb8"
SHADES = LinearSegmentedColormap.from_list("shades", ["#f4f8fb", "#08519c"])

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "figure.labelsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
    "text.parse_math": False,
    "svg.fonttype": "none",
}
LETTERS_AN_INCH = 15
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True)
class Picture:
    """A figure that is drawn.

    Args:
        name: of its file, without suffix.
        protocol: the experiment it belongs to.
        caption: what it shows, in a sentence or two.
        svg: the drawing, whose ids begin with `name`.
    """

    name: str
    protocol: str
    caption: str
    svg: str


def draw_all(run: Run, summary: Summary) -> tuple[Picture, ...]:
    """Every figure that the results of a run allow."""
    with mpl.rc_context(STYLE):
        return tuple(_figures(run, summary))


def _figures(run: Run, summary: Summary) -> Iterator[Picture]:
    for table in summary.tables:
        name = f"accuracy-{table.protocol}"
        yield _picture(name, table.protocol, ACCURACY, accuracy(table), run.note)
    aggregated = summary.table("aggregated")
    if aggregated:
        yield _picture("confusion", "aggregated", CONFUSION, confusions(aggregated), run.note)
    samples = high_level_samples(run)
    if samples:
        yield _picture("high-level", "aggregated", HIGH_LEVEL, high_level(samples), run.note)


ACCURACY = (
    "Unweighted accuracy by test set and system. The diamond is the mean, small dots are single "
    "folds (single seeds where there is one fold), the dashed line is chance."
)
CONFUSION = "Confusion matrices on the aggregated corpora: share of the answers to each true class."
HIGH_LEVEL = (
    "The 16 high-level features of the aggregated test utterances in two dimensions (t-SNE, one "
    "model each). Axes have no unit; nearness is what counts."
)


def accuracy(table: ScoreTable) -> Figure:
    """One panel a test set; systems from top to bottom, mean and folds of each."""
    figure, panels = _grid(len(table.tests), 3, 2.6, 0.62 + 0.24 * len(table.systems))
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


def confusions(table: ScoreTable) -> Figure:
    """One matrix a system, rows as shares of the true class."""
    figure, panels = _grid(len(table.systems), 4, 2.0, 2.15)
    for place, (panel, system) in enumerate(zip(panels, table.systems, strict=True)):
        _matrix(panel, shares(table.counts(system)), named=place % 4 == 0)
        panel.set_title(f"{system}  {decimal(table.mean(system))}", loc="left", fontweight="bold")
    return figure


def _matrix(panel: Axes, matrix: NDArray[np.float64], *, named: bool) -> None:
    n = len(matrix)
    panel.pcolormesh(matrix, cmap=SHADES, vmin=0, vmax=1, edgecolor=PAPER, linewidth=1.5)
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            tone = "#f8fbff" if value > 0.5 else "#101820"
            at = (column + 0.5, row + 0.5)
            panel.text(*at, decimal(value), ha="center", va="center", color=tone)
    ticks = np.arange(n) + 0.5
    panel.set_xticks(ticks, EMOTION.classes)
    panel.set_yticks(ticks, EMOTION.classes if named else [])
    panel.set(ylim=(n, 0), aspect="equal")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def high_level_samples(run: Run) -> list[FoldResult]:
    """The aggregated results to show: the first four systems that have such features, one seed."""
    found = {
        r.system: r
        for r in reversed(run.results)
        if r.protocol == "aggregated" and r.high_level.shape[1] > 0
    }
    return [found[system] for system in display_order(found)[:4]]


def high_level(samples: Sequence[FoldResult]) -> Figure:
    """Figure 2: one panel a system, a point an utterance, coloured by its true class."""
    figure, panels = _grid(len(samples), 2, 3.4, 2.9)
    for panel, result in zip(panels, samples, strict=True):
        panel.set_title(result.system, loc="left", fontweight="bold")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_color(RULE)
        _scatter(panel, result)
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    return figure


def _scatter(panel: Axes, result: FoldResult) -> None:
    embedded = embed(result.high_level)
    if embedded is None:
        panel.text(0.5, 0.5, "too few different utterances", ha="center", transform=panel.transAxes)
        return
    rows, positions = embedded
    for index, name in enumerate(EMOTION.classes):
        own = positions[result.y_true[rows] == index]
        panel.scatter(
            own[:, 0],
            own[:, 1],
            s=16,
            alpha=0.8,
            linewidth=0,
            color=CLASS_COLOURS[name],
            marker=CLASS_MARKERS[name],
            label=name,
        )


def _grid(n: int, widest: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, at most `widest` beside each other, of so many inches each."""
    columns = min(n, widest)
    rows = ceil(n / columns)
    figure = Figure(figsize=(columns * width + 0.9, rows * height + 0.3), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def _picture(name: str, protocol: str, caption: str, figure: Figure, note: str) -> Picture:
    if note:
        width = int(figure.get_figwidth() * LETTERS_AN_INCH)
        figure.supxlabel(fill(note, width), x=0.01, ha="left", fontstyle="italic")
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata=NO_METADATA)
    return Picture(name, protocol, caption, _own_ids(file.getvalue(), name))


def _own_ids(svg: str, name: str) -> str:
    """The drawing with ids of its own, so that several fit into one page."""
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
