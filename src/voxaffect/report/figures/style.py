"""Common style of all figures: colors, font sizes, axes, and export as SVG."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from math import ceil
from textwrap import fill
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, RULE, PAPER = "#1b2733", "#c9d1d9", "#ffffff"
"""Text and axes, grid, background: the page replaces them in its light and dark scheme."""

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe-Ito colors that are visible on light and dark backgrounds."""
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
"""Always used with `COLORS`, so that color is not the only distinction."""

Style = dict[str, Any]
"""Keyword arguments of matplotlib."""

REFERENCE: Style = {"color": INK, "linewidth": 0.8, "linestyle": (0, (4, 3))}
"""Dashed line at chance, at no gain, or of perfect calibration."""

UNIT_TICKS = (np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"])

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "figure.labelsize"), 9),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 9),
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
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True)
class Picture:
    """A figure as SVG, whose ids begin with its name (of the file, without suffix)."""

    name: str
    section: str
    caption: str
    svg: str


def grid(n: int, widest: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, at most `widest` per row, each of a width and height in inches."""
    columns = min(n, widest)
    rows = ceil(n / columns)
    figure = Figure(figsize=(columns * width + 0.9, rows * height + 0.3), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def style_axes(panel: Axes, title: str, lines: Literal["x", "y", "both", "none"] = "none") -> None:
    """Set the title and the grid lines, without ticks and frame."""
    panel.set_title(title, loc="left", fontweight="bold")
    if lines != "none":
        panel.grid(axis=lines, color=RULE, linewidth=0.5)
        panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def color_and_marker(place: int) -> Style:
    """Color and marker of the system at a place."""
    return {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}


def legend_above(figure: Figure, n_columns: int) -> None:
    """A legend of the first panel, above the figure."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if labels:
        columns = min(n_columns, len(labels))
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False)


def picture(name: str, section: str, caption: str, figure: Figure, note: str) -> Picture:
    """A figure as SVG, with the note of the run below it."""
    if note:
        width = int(figure.get_figwidth() * 15)  # characters
        figure.supxlabel(fill(note, width), x=0.01, ha="left", fontstyle="italic")
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata=NO_METADATA)
    # Ids with a prefix, so that several figures fit into one page.
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", file.getvalue())
    return Picture(name, section, caption, svg)
