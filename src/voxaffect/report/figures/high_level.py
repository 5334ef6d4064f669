"""The paper's Figure 2: high-level features of the aggregated test utterances."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.paper.published import FOUR
from voxaffect.evaluation.scores.embedding import embed
from voxaffect.evaluation.scores.tables import display_order
from voxaffect.report.colours import CLASS_COLOURS
from voxaffect.report.figures.style import RULE, grid
from voxaffect.taxonomy import EMOTION

CLASS_MARKERS = dict(zip(EMOTION.classes, ("o", "^", "s", "D"), strict=True))
CAPTION = (
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
    """Figure 2: one panel a system, a point an utterance, coloured by its true class."""
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
            color=CLASS_COLOURS[name],
            marker=CLASS_MARKERS[name],
            label=name,
        )
