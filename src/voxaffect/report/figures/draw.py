"""Every figure of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxaffect.evaluation.calibration import COVERAGES, N_BINS, Reliability
from voxaffect.evaluation.class_gains import ClassGain, ClassGains
from voxaffect.evaluation.curves import embed, learning_curves
from voxaffect.evaluation.experiment.run import PROTOCOLS, FoldResult, Run
from voxaffect.evaluation.fairness.groups import FairnessGroup, Grouping
from voxaffect.evaluation.fairness.speakers import GroupScores, SpeakerSpread
from voxaffect.evaluation.reference_results import FOUR
from voxaffect.evaluation.results import Score, ScoreTable, display_order, shares
from voxaffect.evaluation.summary import Summary
from voxaffect.report.colors import CLASS_COLORS
from voxaffect.report.figures import curves
from voxaffect.report.figures.curves import COLORS, MARKERS
from voxaffect.report.figures.style import INK, PAPER, RULE, STYLE, Picture, grid, picture
from voxaffect.report.table import decimal, signed
from voxaffect.taxonomy import EMOTION

MEAN_COLOR = "#2a7fb8"
ACCURACY_CAPTION = (
    "Unweighted accuracy by test set and system. The diamond is the mean, small dots are single "
    "folds (single seeds where there is one fold), the dashed line is chance."
)


def accuracy(table: ScoreTable) -> Figure:
    """One panel a test set; systems from top to bottom, mean and folds of each."""
    figure, panels = grid(len(table.tests), 3, 2.6, 0.62 + 0.24 * len(table.systems))
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
    panel.scatter(dots, row + offsets, s=7, color=MEAN_COLOR, alpha=0.45, linewidth=0)
    panel.scatter([score.ua], [row], s=34, marker="D", color=MEAN_COLOR, edgecolor=PAPER, zorder=3)


CLASS_GAINS_KEY = "class-gains"
"""Of the section that the figures stand in."""

GAIN_COLOR = "#2a7fb8"
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
        _dress_class_gains(
            panel, name, [system.system for system in found] if place == 0 else [], len(found)
        )
        _scale(panel, max(widest, 0.01) * 1.08)
    return figure


def _reach(gain: ClassGain) -> float:
    """How far from zero a gain and its interval go."""
    return max(abs(end) for end in (gain.mean, gain.low, gain.high, 0.0) if end is not None)


def _mark(panel: Axes, row: int, gain: ClassGain) -> None:
    if gain.mean is None:
        return
    if gain.low is not None and gain.high is not None:
        panel.plot([gain.low, gain.high], [row, row], color=GAIN_COLOR, linewidth=1.4)
    face = GAIN_COLOR if gain.clear else PAPER
    panel.scatter([gain.mean], [row], s=26, color=face, edgecolor=GAIN_COLOR, zorder=3)


def _dress_class_gains(panel: Axes, name: str, systems: Sequence[str], n_rows: int) -> None:
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


SHADES = LinearSegmentedColormap.from_list("shades", ["#f4f8fb", "#08519c"])
DARK = 0.76
"""The share from which white is easier to read than black; both have a contrast of 4.5 there."""
NEAR_WHITE = "#fefefe"
"""White itself is the paper, which is dark in the page's dark scheme."""
CONFUSIONS_CAPTION = (
    "Confusion matrices on the aggregated corpora: share of the answers to each true class."
)


def confusions(table: ScoreTable) -> Figure:
    """One matrix a system, rows as shares of the true class."""
    figure, panels = grid(len(table.systems), 4, 2.0, 2.15)
    for place, (panel, system) in enumerate(zip(panels, table.systems, strict=True)):
        _matrix(panel, shares(table.counts(system)), named=place % 4 == 0)
        panel.set_title(f"{system}  {decimal(table.mean(system))}", loc="left", fontweight="bold")
    return figure


def _matrix(panel: Axes, matrix: NDArray[np.float64], *, named: bool) -> None:
    n = len(matrix)
    panel.pcolormesh(matrix, cmap=SHADES, vmin=0, vmax=1, edgecolor=PAPER, linewidth=1.5)
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            at = (column + 0.5, row + 0.5)
            panel.text(*at, decimal(value), ha="center", va="center", color=tone(float(value)))
    ticks = np.arange(n) + 0.5
    panel.set_xticks(ticks, EMOTION.classes)
    panel.set_yticks(ticks, EMOTION.classes if named else [])
    panel.set(ylim=(n, 0), aspect="equal")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def tone(share: float) -> str:
    """The color in which a share is written on its shade."""
    return NEAR_WHITE if share > DARK else "black"


MOST = 4
"""Systems drawn: the first of the tables."""

GROUPS_CAPTION = (
    "Unweighted accuracy by group, of the first four systems of the tables at most. Lines hold "
    "95 % of the draws of speakers. Hollow marks are groups too small to compare, or not known. In "
    "the last panel every speaker with enough utterances is a dot."
)


def groups(scores: GroupScores) -> Figure:
    """One panel a kind of group, one of all speakers; color and mark tell the system.

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
        panel.scatter([], [], s=26, color=COLORS[place], marker=MARKERS[place], label=found.system)
    _dress_groups(panel, groupings[0].kind, names)


def _dot(panel: Axes, row: float, group: FairnessGroup, place: int) -> None:
    color = COLORS[place]
    if group.interval is not None:
        limits = [group.interval.low, group.interval.high]
        panel.plot(limits, [row, row], color=color, linewidth=1.1)
    panel.scatter(
        [group.ua],
        [row],
        s=26,
        marker=MARKERS[place],
        color=color if group.compared else PAPER,
        edgecolor=PAPER if group.compared else color,
        zorder=3,
    )


def _speakers(panel: Axes, spreads: Sequence[SpeakerSpread]) -> None:
    for row, spread in enumerate(spreads):
        values = [speaker.ua for speaker in spread.compared]
        offsets = np.linspace(-0.25, 0.25, len(values)) * (len(values) > 1)
        panel.scatter(values, row + offsets, s=9, color=COLORS[row], alpha=0.6, linewidth=0)
    _dress_groups(panel, "each speaker", [spread.system for spread in spreads])


def _dress_groups(panel: Axes, title: str, names: Sequence[str]) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5))
    panel.set_yticks(range(len(names)), names)
    panel.set_xticks(np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"])
    panel.grid(axis="x", color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


CLASS_MARKERS = dict(zip(EMOTION.classes, ("o", "^", "s", "D"), strict=True))
HIGH_LEVEL_CAPTION = (
    "Figure 2. The 16 high-level features of the aggregated test utterances in two dimensions "
    "(t-SNE, one model each; the paper shows the utterances trained on as well). Axes have no "
    "unit; nearness is what counts."
)


def high_level_samples(run: Run) -> list[FoldResult]:
    """The aggregated results to show, each system's lowest seed.

    The paper's four panels, as far as the run has them; of a run that has none of those systems
    the first four that have such features.
    """
    found = {
        r.system: r
        for r in reversed(run.results)
        if r.protocol == "aggregated" and r.high_level.shape[1] > 0
    }
    papers = [system for system in FOUR if system in found]
    return [found[system] for system in papers or display_order(found)[:4]]


def high_level(samples: Sequence[FoldResult]) -> Figure:
    """Figure 2: one panel a system, a point an utterance, colored by its true class."""
    figure, panels = grid(len(samples), 2, 3.4, 2.9)
    for panel, result in zip(panels, samples, strict=True):
        title = f"{result.system}, seed {result.seed}"
        panel.set_title(title, loc="left", fontweight="bold")
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
            color=CLASS_COLORS[name],
            marker=CLASS_MARKERS[name],
            label=name,
        )


RELIABILITY_CAPTION = (
    f"The first four systems of the tables at most. Left: share of right answers in {N_BINS} bins "
    "of equal mass, against their mean confidence; on the dashed line confidences hold, below it "
    "they promise too much. Middle and right: share of right answers, and unweighted accuracy, "
    "when only the surest are answered."
)


def reliability(found: Sequence[Reliability]) -> Figure:
    """Reliability diagram, accuracy and UA against coverage; one line a system."""
    figure, (diagram, accuracy, ua) = grid(3, 3, 2.6, 2.5)
    diagram.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for place, one in enumerate(found[:MOST]):
        _line(diagram, one.diagram.confidence, one.diagram.accuracy, place, one.system)
        _line(accuracy, COVERAGES, one.coverage.accuracy, place, one.system)
        _line(ua, COVERAGES, one.coverage.ua, place, one.system)
    _dress_reliability(diagram, "Reliability", "confidence")
    _dress_reliability(accuracy, "Right among the answered", "coverage")
    _dress_reliability(ua, "UA of the answered", "coverage")
    handles, labels = diagram.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=MOST, frameon=False)
    return figure


def _line(
    panel: Axes, x: NDArray[np.float64], y: NDArray[np.float64], place: int, name: str
) -> None:
    known = ~np.isnan(y)
    panel.plot(
        x[known],
        y[known],
        color=COLORS[place],
        linewidth=1.2,
        marker=MARKERS[place],
        markersize=4,
        markeredgecolor=PAPER,
        markeredgewidth=0.5,
        label=name,
    )


def _dress_reliability(panel: Axes, title: str, under: str) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set_xlabel(under)
    ticks = np.linspace(0, 1, 5), ["0", ".25", ".50", ".75", "1"]
    panel.set_xticks(*ticks)
    panel.set_yticks(*ticks)
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    panel.grid(color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def draw_all(run: Run, summary: Summary) -> tuple[Picture, ...]:
    """Every figure that the results of a run allow."""
    with mpl.rc_context(STYLE):
        return tuple(_figures(run, summary))


def _figures(run: Run, summary: Summary) -> Iterator[Picture]:
    for table in summary.tables:
        name, drawn = f"accuracy-{table.protocol}", accuracy(table)
        yield picture(name, table.protocol, ACCURACY_CAPTION, drawn, run.note)
        if found := summary.class_gains.get(table.protocol):
            name, drawn = f"{CLASS_GAINS_KEY}-{table.protocol}", gains(found)
            said = caption(table.protocol)
            yield picture(name, CLASS_GAINS_KEY, said, drawn, run.note)
    aggregated = summary.table("aggregated")
    if aggregated:
        drawn = confusions(aggregated)
        yield picture("confusion", "aggregated", CONFUSIONS_CAPTION, drawn, run.note)
    samples = high_level_samples(run)
    if samples:
        drawn = high_level(samples)
        yield picture("high-level", "aggregated", HIGH_LEVEL_CAPTION, drawn, run.note)
    for protocol in PROTOCOLS:
        learned = learning_curves([r for r in run.results if r.protocol == protocol])
        if learned:
            name, drawn = f"learning-{protocol}", curves.learning(learned)
            yield picture(name, protocol, curves.caption(learned), drawn, run.note)
    yield from _of_groups(run, summary)
    yield from _of_confidences(run, summary)
    if less := summary.amounts:
        for protocol in less.protocols:
            name, drawn = f"amounts-{protocol}", curves.amounts(less, protocol)
            said = curves.learning_curve_caption(less, protocol)
            yield picture(name, curves.LEARNING_CURVE_KEY, said, drawn, run.note)


def _of_groups(run: Run, summary: Summary) -> Iterator[Picture]:
    if summary.groups is None:
        return
    for protocol in PROTOCOLS:
        scores = summary.groups.of(protocol)
        if scores.speakers:
            name, drawn = f"groups-{protocol}", groups(scores)
            yield picture(name, "groups", GROUPS_CAPTION, drawn, run.note)


def _of_confidences(run: Run, summary: Summary) -> Iterator[Picture]:
    for protocol in PROTOCOLS:
        found = [r for r in summary.reliabilities if r.protocol == protocol]
        if found:
            name, drawn = f"reliability-{protocol}", reliability(found)
            yield picture(name, "reliability", RELIABILITY_CAPTION, drawn, run.note)
