"""All figures of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, isnan

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from voxaffect.evaluation.calibration import COVERAGES, N_BINS, Reliability
from voxaffect.evaluation.class_gains import ClassGains
from voxaffect.evaluation.curves import embed, training_curves
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.fairness import SPEAKER, GroupScores
from voxaffect.evaluation.metrics import Counts, unweighted_accuracy
from voxaffect.evaluation.reference_results import FOUR
from voxaffect.evaluation.results import by_system, chance, fold_scores, metrics_by, pick, shares
from voxaffect.evaluation.results import confusions as confusion_matrices
from voxaffect.evaluation.summary import Summary
from voxaffect.report.colors import CLASS_COLORS
from voxaffect.report.figures import curves
from voxaffect.report.figures.style import (
    PAPER,
    REFERENCE,
    RULE,
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
from voxaffect.report.table import PROTOCOL_TITLES
from voxaffect.report.text import count, decimal, signed
from voxaffect.taxonomy import EMOTION

MEAN_COLOR = "#2a7fb8"
ACCURACY_CAPTION = (
    "UA by test set and system. Diamond: mean; dots: folds (seeds if there is one fold); dashed "
    "line: chance."
)
CLASS_GAINS_KEY = "class-gains"
"""Key of the section of these figures."""

CLASS_GAINS_CAPTION = (
    "{}: recall gain of each multi-task net over its single-task baseline, mean over folds with "
    "95 % confidence interval over speakers (if there are enough). Filled: the interval excludes "
    "zero."
)
SHADES = LinearSegmentedColormap.from_list("shades", ["#f4f8fb", "#08519c"])
DARK = 0.76
"""Share above which white text has more contrast than black; both have 4.5 here."""

NEAR_WHITE = "#fefefe"
"""Not `PAPER`, which the page replaces in its dark scheme."""

INCHES_PER_CELL = 0.52
PER_ROW = 3
CONFUSIONS_CAPTION = (
    "Confusion matrices by system, with UA: {}. Rows: true class; columns: predicted class. Cells: "
    "percent of the true class, and number of predictions below it."
)
MAX_SYSTEMS = 4
"""Most systems drawn: the first of the tables."""

GROUPS_CAPTION = (
    "UA by group, at most the first four systems of the tables. Lines: 95 % confidence intervals "
    "over speakers. Hollow marks: groups that are too small to compare, or unknown. Last panel: "
    "one dot per speaker with enough utterances."
)
HIGH_LEVEL_CAPTION = (
    "Figure 2. The 16 high-level features of the test utterances of the pooled corpora in two "
    "dimensions (t-SNE, one model each; the paper also shows training utterances). Axes have no "
    "unit: only distances between close points are meaningful."
)
RELIABILITY_CAPTION = (
    f"At most the first four systems of the tables. Left: accuracy in {N_BINS} bins of equal mass "
    "by mean confidence; the dashed line is perfect calibration, points below it are "
    "overconfident. Middle and right: accuracy and UA by coverage, if only the most confident "
    "predictions are kept."
)


def accuracy(scores: pd.DataFrame, results: pd.DataFrame) -> Figure:
    """Mean UA and UA of the folds: one panel per test set, one row per system."""
    ua = by_system(scores)
    tests, systems = [*ua.index], [*ua]
    figure, panels = grid(len(tests), 3, 2.6, 0.62 + 0.24 * len(systems))
    by_fold, by_seed = fold_scores(results), metrics_by(results, ["test_set", "system", "seed"])
    for place, (panel, test) in enumerate(zip(panels, tests, strict=True)):
        panel.axvline(chance(scores, [test]), **REFERENCE)
        for row, system in enumerate(systems):
            if np.isnan(ua.loc[test, system]):
                continue
            folds, seeds = (pick(t, test_set=test, system=system) for t in (by_fold, by_seed))
            dots = folds["ua"] if len(folds) > 1 else seeds["ua"]
            offsets = np.linspace(-0.22, 0.22, len(dots)) * (len(folds) > 1)
            panel.scatter(dots, row + offsets, s=7, color=MEAN_COLOR, alpha=0.45, linewidth=0)
            mean: Style = {"s": 34, "marker": "D", "edgecolor": PAPER, "zorder": 3}
            panel.scatter([ua.loc[test, system]], [row], color=MEAN_COLOR, **mean)
        _unit_axis(panel, test, systems)
        if place % 3:
            panel.set_yticks([])
    return figure


def _unit_axis(panel: Axes, title: str, rows: Sequence[str]) -> None:
    """Named rows over an axis from 0 to 1."""
    panel.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))
    panel.set_yticks(range(len(rows)), rows)
    panel.set_xticks(*UNIT_TICKS)
    style_axes(panel, title, "x")


def class_gains(found: Sequence[ClassGains]) -> Figure:
    """Recall gains: one panel per class, one row per system."""
    figure, panels = grid(EMOTION.n_classes, 4, 1.9, 0.75 + 0.24 * len(found))
    all_gains = [gain for gains in found for gain in gains.gains.values()]
    ends = [end for gain in all_gains for end in (gain.value, gain.low, gain.high)]
    reach = 1.08 * max([0.01, *(abs(end) for end in ends if not isnan(end))])
    for place, (panel, name) in enumerate(zip(panels, EMOTION.classes, strict=True)):
        panel.axvline(0, **REFERENCE)
        for row, gains in enumerate(found):
            if isnan((gain := gains.gains[name]).value):
                continue
            if gain.has_interval:
                panel.plot([gain.low, gain.high], [row, row], color=MEAN_COLOR, linewidth=1.4)
            face = MEAN_COLOR if gain.excludes_zero else PAPER
            panel.scatter([gain.value], [row], s=26, color=face, edgecolor=MEAN_COLOR, zorder=3)
        systems = [gains.system for gains in found] if place == 0 else []
        panel.set_yticks(range(len(systems)), systems)
        panel.set_ylim(len(found) - 0.5, -0.5)
        style_axes(panel, name, "x")
        panel.set_xlim(-reach, reach)
        panel.locator_params(axis="x", nbins=3)
        panel.xaxis.set_major_formatter(lambda x, _: signed(x) if abs(x) > 1e-9 else "0")
    return figure


def confusions(matrices: Mapping[str, Counts]) -> Figure:
    """Confusion matrices (C, C) by system, some in a row; one unit of the axes is one cell."""
    size = EMOTION.n_classes
    n_rows, n_columns = ceil(len(matrices) / PER_ROW), min(max(len(matrices), 2), PER_ROW)
    width, height = n_columns * (size + 1.5), n_rows * (size + 1.6)
    inches = (width * INCHES_PER_CELL, height * INCHES_PER_CELL + 0.3)
    figure = Figure(figsize=inches, layout="constrained")
    panel = figure.subplots()
    panel.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    panel.set_axis_off()
    small: Style = {"fontsize": 7.5, "in_layout": False, "linespacing": 1.1}
    for place, (system, counts) in enumerate(matrices.items()):
        row, column = divmod(place, PER_ROW)
        top, left = row * (size + 1.6) + 0.8, column * (size + 1.5) + 1.2
        title = f"{system}  {decimal(float(unweighted_accuracy(counts)))}"
        panel.text(left - 1.1, top - 0.25, title, fontweight="bold", in_layout=False)
        for n, name in enumerate(EMOTION.classes):
            panel.text(left - 0.1, top + n + 0.5, name, ha="right", va="center", **small)
            panel.text(left + n + 0.5, top + size + 0.35, name, ha="center", **small)
        matrix, edges = shares(counts), np.arange(size + 1)
        mesh: Style = {"cmap": SHADES, "vmin": 0, "vmax": 1, "edgecolor": PAPER, "linewidth": 1.5}
        panel.pcolormesh(left + edges, top + edges, matrix, **mesh)
        for (row, column), value in np.ndenumerate(matrix):
            if not np.isnan(value):
                text = f"{100 * value:.0f} %\n{count(int(counts[row, column]))}"
                style: Style = {"ha": "center", "color": text_color(float(value))}
                panel.text(left + column + 0.5, top + row + 0.8, text, **style, **small)
    return figure


def text_color(share: float) -> str:
    """Color of the text on the shade of a share."""
    return NEAR_WHITE if share > DARK else "black"


def groups(scores: GroupScores, protocol: str) -> Figure:
    """UA by group in one protocol: one panel per property, and one of all speakers."""
    systems = [*pick(scores.spreads, protocol=protocol).index][:MAX_SYSTEMS]
    own = pick(scores.groups, protocol=protocol)
    own = own[own.index.get_level_values("system").isin(systems)]
    by_kind = {kind: some.droplevel("kind") for kind, some in own.groupby("kind", sort=False)}
    speakers = by_kind.pop(SPEAKER, own[:0].droplevel("kind"))
    n_rows = max([len(systems), *(len(g.index.unique("group")) for g in by_kind.values())])
    figure, panels = grid(len(by_kind) + 1, 2, 3.6, 0.7 + 0.12 * n_rows * (len(systems) + 1))
    for panel, (kind, some) in zip(panels, by_kind.items(), strict=False):
        _group_panel(panel, str(kind), some, systems)
    compared = speakers[speakers["compared"].astype(bool)]["ua"]
    for row, system in enumerate(systems):
        values = compared[compared.index.get_level_values("system") == system]
        offsets = np.linspace(-0.25, 0.25, len(values)) * (len(values) > 1)
        color = color_and_marker(row)["color"]
        panels[-1].scatter(values, row + offsets, s=9, color=color, alpha=0.6, linewidth=0)
    _unit_axis(panels[-1], "each speaker", systems)
    legend_above(figure, MAX_SYSTEMS)
    return figure


def _group_panel(panel: Axes, kind: str, found: pd.DataFrame, systems: Sequence[str]) -> None:
    names = [*found.index.unique("group")]
    for (system, name), group in zip(found.index, found.to_dict("records"), strict=True):
        place = systems.index(system)
        row = names.index(name) + (place - (len(systems) - 1) / 2) * 0.8 / len(systems)
        style = color_and_marker(place)
        color = style["color"]
        if not np.isnan(group["low"]):
            panel.plot([group["low"], group["high"]], [row, row], color=color, linewidth=1.1)
        face, edge = (color, PAPER) if group["compared"] else (PAPER, color)
        style |= {"color": face, "edgecolor": edge, "s": 26, "zorder": 3}
        panel.scatter([group["ua"]], [row], **style)
    for place, system in enumerate(systems):
        panel.scatter([], [], s=26, label=system, **color_and_marker(place))
    _unit_axis(panel, kind, names)


def high_level_samples(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of the lowest seed by system, of the paper's four systems, else of the first four."""
    own = results[(results["protocol"] == "aggregated") & results["functionals"].notna()]
    own = own[own["seed"] == own.groupby("system", observed=True)["seed"].transform("min")]
    found = {str(system): rows for system, rows in own.groupby("system", observed=True)}
    of_paper = [system for system in FOUR if system in found]
    return {system: found[system] for system in of_paper or [*found][:4]}


def high_level(samples: Mapping[str, pd.DataFrame]) -> Figure:
    """Figure 2: one panel per system, one point per utterance, colored by its true class."""
    figure, panels = grid(len(samples), 2, 3.4, 2.9)
    for panel, (system, rows) in zip(panels, samples.items(), strict=True):
        title = f"{system}, seed {rows['seed'].iloc[0]}"
        panel.set_title(title, loc="left", fontweight="bold")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_color(RULE)
        embedded = embed(np.stack([*rows["functionals"]]))
        if embedded is None:
            where: Style = {"ha": "center", "transform": panel.transAxes}
            panel.text(0.5, 0.5, "too few different utterances", **where)
            continue
        kept, positions = embedded
        for (name, color), marker in zip(CLASS_COLORS.items(), ("o", "^", "s", "D"), strict=True):
            x, y = positions[rows["y_true"].to_numpy()[kept] == name].T
            style: Style = {"color": color, "marker": marker, "label": name}
            panel.scatter(x, y, s=16, alpha=0.8, linewidth=0, **style)
    legend_above(figure, 4)
    return figure


def reliability(found: Sequence[Reliability]) -> Figure:
    """Reliability diagram, and accuracy and UA by coverage; one line per system."""
    figure, (diagram, accuracy, ua) = grid(3, 3, 2.6, 2.5)
    diagram.plot([0, 1], [0, 1], **REFERENCE)
    for place, one in enumerate(found[:MAX_SYSTEMS]):
        for panel, x, y in (
            (diagram, one.diagram.confidence, one.diagram.accuracy),
            (accuracy, COVERAGES, one.coverage.accuracy),
            (ua, COVERAGES, one.coverage.ua),
        ):
            known = ~np.isnan(y)
            edge: Style = {"markersize": 4, "markeredgecolor": PAPER, "markeredgewidth": 0.5}
            style = color_and_marker(place) | edge | {"linewidth": 1.2, "label": one.system}
            panel.plot(x[known], y[known], **style)
    labels = {"Reliability": "confidence", "Accuracy": "coverage", "UA": "coverage"}
    for panel, (title, label) in zip((diagram, accuracy, ua), labels.items(), strict=True):
        panel.set_xlabel(label)
        panel.set_xticks(*UNIT_TICKS)
        panel.set_yticks(*UNIT_TICKS)
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        style_axes(panel, title, "both")
    legend_above(figure, MAX_SYSTEMS)
    return figure


def draw_all(run: Run, summary: Summary) -> tuple[Picture, ...]:
    """All figures that the results of a run allow."""
    with mpl.rc_context(STYLE):
        return tuple(picture(*drawn, run.note) for drawn in _figures(run, summary))


def _figures(run: Run, summary: Summary) -> Iterator[tuple[str, str, str, Figure]]:
    """Name, section key, caption and figure."""
    by_protocol = {str(p): own for p, own in run.results.groupby("protocol", observed=True)}
    for protocol, results in by_protocol.items():
        drawn = accuracy(summary.scores[protocol], results)
        yield f"accuracy-{protocol}", protocol, ACCURACY_CAPTION, drawn
        if found := summary.class_gains.get(protocol):
            caption = CLASS_GAINS_CAPTION.format(PROTOCOL_TITLES[protocol])
            yield f"{CLASS_GAINS_KEY}-{protocol}", CLASS_GAINS_KEY, caption, class_gains(found)
    if samples := high_level_samples(run.results):
        yield "high-level", "aggregated", HIGH_LEVEL_CAPTION, high_level(samples)
    for protocol in by_protocol:
        own = run.trainings[run.trainings["protocol"] == protocol]
        if trained := training_curves(own[own["train_share"] == 1]):
            caption, drawn = curves.training_caption(trained), curves.training_figure(trained)
            yield f"learning-{protocol}", protocol, caption, drawn
    for protocol, results in by_protocol.items():
        for key, own in results.groupby("test_set", observed=True):
            test = str(key)
            systems, matrices = confusion_matrices(own, ["system"])
            name = "confusion" if protocol == test else f"confusion-{protocol}-{test}"
            title = PROTOCOL_TITLES[protocol] if protocol == test else f"{test}, {protocol}"
            name = re.sub(r"[^\w.-]+", "-", name)  # test sets may be called `iemocap:natural`
            drawn = confusions(dict(zip(systems, matrices, strict=True)))
            yield name, protocol, CONFUSIONS_CAPTION.format(title), drawn
    if summary.groups:
        for protocol in by_protocol:
            yield f"groups-{protocol}", "groups", GROUPS_CAPTION, groups(summary.groups, protocol)
    for protocol in by_protocol:
        drawn = reliability([r for r in summary.reliabilities if r.protocol == protocol])
        yield f"reliability-{protocol}", "reliability", RELIABILITY_CAPTION, drawn
    if by_share := summary.learning_curves:
        for protocol in by_share.protocols:
            caption = curves.learning_curve_caption(by_share, protocol)
            drawn = curves.learning_curve(by_share, protocol)
            yield f"amounts-{protocol}", curves.LEARNING_CURVE_KEY, caption, drawn
