"""A picture of a recording over time: level, label and probabilities of each segment."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxaffect.recognizer.prediction import Prediction
from voxaffect.report.colors import LABEL_COLORS, LETTERS
from voxaffect.report.figures.style import INK, NO_METADATA, PAPER, RULE, STYLE
from voxaffect.report.predictions.formats import visible
from voxaffect.taxonomy import EMOTION

INCHES = (9.0, 4.2)
MOST_POINTS = 2000
"""Points of the envelope: more than a page has dots from left to right."""

MOST_LETTERS = 100
"""Letters that fit side by side; of a shorter utterance the lines below tell the class."""

LINES = dict(zip(EMOTION.classes, ("-", "--", ":", "-."), strict=True))

PALE = 0.3  # opacity of the lines of an utterance that is unsure

Levels = NDArray[np.floating]


def draw_timeline(
    name: str, segments: Sequence[Prediction], level_db: Levels, duration_s: float, suffix: str
) -> bytes:
    """The bytes of a picture of a recording, a file with `suffix` ".svg" or ".png".

    `level_db`, (T,), is the energy of its frames, which lie at equal distances over all of it.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": "timeline"}):
        figure = Figure(figsize=INCHES, layout="constrained")
        loudness, certainty = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
        _loudness(loudness, segments, level_db, duration_s)
        _certainty(certainty, segments, duration_s)
        loudness.set_title(visible(name), loc="left")
        file = io.BytesIO()
        if suffix == ".svg":
            figure.savefig(file, format="svg", metadata=NO_METADATA)
        else:
            figure.savefig(file, format="png", dpi=160)
        return file.getvalue()


def _loudness(
    panel: Axes, segments: Sequence[Prediction], level_db: Levels, duration_s: float
) -> None:
    """The envelope: gray without speech, else in the color and under the letter of the label."""
    times, amplitude = envelope(level_db, duration_s)
    panel.fill_between(times, -amplitude, amplitude, color=RULE, linewidth=0)
    for segment in segments:
        start_s, end_s = segment.interval_s
        inside = (start_s <= times) & (times <= end_s)
        color = LABEL_COLORS[str(segment.label)]
        panel.fill_between(times, -amplitude, amplitude, where=inside, color=color, linewidth=0)
        if end_s - start_s > duration_s / MOST_LETTERS:
            panel.text((start_s + end_s) / 2, 1.02, LETTERS[str(segment.label)], ha="center")
    panel.set_ylim(-1, 1.35)
    panel.set_yticks([])
    panel.set_ylabel("loudness")
    panel.spines[["top", "right", "left"]].set_visible(False)


def envelope(level_db: Levels, duration_s: float) -> tuple[Levels, Levels]:
    """Times and amplitudes, 1 for the loudest, of at most `MOST_POINTS` points."""
    amplitude = 10 ** (np.asarray(level_db, np.float64) / 20)
    of_each = -(-amplitude.size // MOST_POINTS)
    padded = np.pad(amplitude, (0, -amplitude.size % of_each))
    greatest = padded.reshape(-1, of_each).max(axis=1)
    middles = (np.arange(greatest.size) + 0.5) * of_each * duration_s / amplitude.size
    return np.minimum(middles, duration_s), greatest / max(greatest.max(), 1e-12)


def _certainty(panel: Axes, segments: Sequence[Prediction], duration_s: float) -> None:
    """Probability of each class during speech, and none between; pale where it is unsure."""
    sure = [segment for segment in segments if segment.reason is None]
    unsure = [segment for segment in segments if segment.reason is not None]
    for name in EMOTION.classes:
        look: dict[str, Any] = {"color": LABEL_COLORS[name], "linewidth": 2}
        panel.plot(*_steps(unsure, name), LINES[name], alpha=PALE, **look)
        panel.plot(*_steps(sure, name), LINES[name], label=f"{LETTERS[name]}  {name}", **look)
    panel.set_xlim(0, duration_s)
    panel.set_ylim(0, 1)
    panel.set_xlabel("time in seconds", color=INK)
    panel.set_ylabel("probability")
    panel.grid(axis="y", color=RULE, linewidth=0.5)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, facecolor=PAPER)


def _steps(segments: Sequence[Prediction], name: str) -> tuple[list[float], list[float]]:
    """Times and probabilities of a class: a line during each segment, gaps between them."""
    times, shares = list[float](), list[float]()
    for segment in segments:
        share = segment.probabilities.get(name, np.nan)
        times += [*segment.interval_s, segment.interval_s[1]]
        shares += [share, share, np.nan]
    return times, shares
