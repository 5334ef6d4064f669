"""What all figures share. Type is one size, and color is never alone in telling things apart."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from math import ceil
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, RULE, PAPER = "#1b2733", "#c9d1d9", "#ffffff"
"""Text and axes, grid, background: the page gives them the colors of its light and dark scheme."""

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
        protocol: the experiment it belongs to, or the key of another section.
        caption: what it shows, in a sentence or two.
        svg: the drawing, whose ids begin with `name`.
    """

    name: str
    protocol: str
    caption: str
    svg: str


def grid(n: int, widest: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, at most `widest` beside each other, of so many inches each."""
    columns = min(n, widest)
    rows = ceil(n / columns)
    figure = Figure(figsize=(columns * width + 0.9, rows * height + 0.3), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def picture(name: str, protocol: str, caption: str, figure: Figure, note: str) -> Picture:
    """A figure as SVG, with the run's note below it."""
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
