"""Which classes gain from which subtask."""

from __future__ import annotations

from collections.abc import Sequence

from voxaffect.evaluation.scores.class_gains import FEWEST_FOLDS, ClassGains, Gain
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures.class_gains import KEY
from voxaffect.report.figures.style import Picture
from voxaffect.report.section import Section
from voxaffect.report.table import ABSENT, Cell, Table, count, plural, signed
from voxaffect.taxonomy import EMOTION

ASKED = (
    "The paper asks how the subtasks change the recognition of single emotions, and leaves it "
    "open. Here every multi-task net stands beside the single-task net of its trunk: what it adds "
    "to the recall of each class."
)
METHOD = (
    "Difference of recalls on the same fold, seeds averaged first, mean over all folds of the "
    "experiment with a 95 % interval (bootstrap over folds, percentiles). Bold: the interval "
    "leaves out zero; of so many intervals one in twenty does so by chance."
)
TOO_FEW = f"Fewer than {FEWEST_FOLDS} folds are too few for an interval: the mean stands alone."
WHERE = {
    "within": "Within each corpus: recall gained, by class",
    "cross": "Across corpora: recall gained, by class",
    "aggregated": "All corpora together: recall gained, by class",
}


def section(summary: Summary, pictures: Sequence[Picture]) -> Section | None:
    """Gains by class in every experiment; None where no multi-task net meets its twin."""
    found = summary.class_gains
    if not found:
        return None
    return Section(
        key=KEY,
        title="What the subtasks do to each emotion",
        lead=(ASKED,),
        tables=tuple(_table(gains) for gains in found.values()),
        pictures=tuple(p for p in pictures if p.protocol == KEY),
    )


def _table(found: Sequence[ClassGains]) -> Table:
    rows = tuple(
        (
            Cell(gains.system),
            Cell(gains.reference),
            Cell(gains.subtasks),
            Cell(count(gains.n_folds)),
            *(_cell(gain, gains.n_folds) for gain in gains.gains.values()),
        )
        for gains in found
    )
    is_short = any(g.n_folds < FEWEST_FOLDS for gains in found for g in gains.gains.values())
    return Table(
        WHERE[found[0].protocol],
        ("System", "Against", "Subtasks", "Folds", *EMOTION.classes),
        rows,
        (METHOD, TOO_FEW) if is_short else (METHOD,),
        words=frozenset({0, 1, 2}),
    )


def _cell(gain: Gain, n_folds: int) -> Cell:
    """`+.031 [−.010, +.072]`, with the number of folds where not all of them test the class."""
    if gain.mean is None:
        return Cell(ABSENT)
    partial = "" if gain.n_folds == n_folds else f" ({plural(gain.n_folds, 'fold')})"
    if gain.low is None or gain.high is None:
        return Cell(f"{signed(gain.mean)}{partial}")
    interval = f"[{signed(gain.low)}, {signed(gain.high)}]"
    return Cell(f"{signed(gain.mean)} {interval}{partial}", best=gain.clear)
