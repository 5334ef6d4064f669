"""Which classes gain from which subtask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from voxaffect.evaluation.class_gains import FEWEST_FOLDS, ClassGain, ClassGains
from voxaffect.evaluation.learning_curve import (
    LearningCurve,
    LearningCurves,
    LearningGain,
    TrainingShare,
)
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures.curves import LEARNING_CURVE_KEY
from voxaffect.report.figures.draw import CLASS_GAINS_KEY
from voxaffect.report.figures.style import Picture
from voxaffect.report.table import (
    ABSENT,
    Cell,
    Section,
    Table,
    count,
    decimal,
    p_value,
    percent,
    plural,
    signed,
)
from voxaffect.taxonomy import EMOTION

SHARES = (
    "Every fold was trained again on a share of its training set; its dev and test sets stayed. "
    "Shares keep the proportions of corpora and classes, as far as whole utterances allow, and a "
    "smaller share is part of a larger one."
)
DEV = (
    "A dev set that stays stops and calibrates with as much as before: the smallest shares may "
    "have a dev set as large as what they train on, and fare better than so little data would "
    "alone."
)
TITLES = {
    "within": "Within each corpus: UA by share of the training set",
    "cross": "Across corpora: UA by share of the training set",
    "aggregated": "All corpora together: UA by share of the training set",
}
COUNTED = (
    "Mean over seeds, then over folds, then over test sets. A system's folds are those that it "
    "answered at every share."
)
GAINS = "What subtasks add: UA of each multi-task net less that of its single-task twin"
LEARNING_CURVE_METHOD = (
    "Mean over folds, seeds averaged first. p: Wilcoxon signed-rank test, two-sided, over folds; "
    "Holm's correction counts all rows of the experiment."
)
FEW = f"p = {ABSENT}: too few folds differ for p ≤ .05, whatever the gain."


def learning_curve_section(
    found: LearningCurves | None, pictures: Iterable[Picture]
) -> Section | None:
    """The section, None where a run has thinned no training set."""
    if found is None or not found.protocols:
        return None
    return Section(
        key=LEARNING_CURVE_KEY,
        title="With less training data",
        lead=(SHARES, DEV),
        tables=tuple(_tables(found)),
        pictures=tuple(picture for picture in pictures if picture.protocol == LEARNING_CURVE_KEY),
    )


def _tables(found: LearningCurves) -> Iterator[Table]:
    for protocol in found.protocols:
        yield _accuracy(protocol, found.lines_of(protocol))
    if found.gains:
        yield _gains(found.gains)


def _accuracy(protocol: str, lines: Sequence[LearningCurve]) -> Table:
    shares = sorted({amount.share for line in lines for amount in line.amounts})
    return Table(
        title=TITLES[protocol],
        columns=("Share", "Utterances", "Folds", "Seeds", *(line.system for line in lines)),
        rows=tuple(_row(share, lines) for share in shares),
        notes=(COUNTED, "Utterances: in a training set, mean over folds."),
    )


def _row(share: float, lines: Sequence[LearningCurve]) -> tuple[Cell, ...]:
    amounts = [next((a for a in line.amounts if a.share == share), None) for line in lines]
    known = [a for a in amounts if a is not None]
    best = max(decimal(a.ua) for a in known)
    return (
        Cell(percent(share)),
        Cell(_span([round(a.n_train) for a in known])),
        Cell(_span([a.n_folds for a in known])),
        Cell(_span([a.n_seeds for a in known])),
        *(_score(a, best) for a in amounts),
    )


def _score(amount: TrainingShare | None, best: str) -> Cell:
    text = ABSENT if amount is None else decimal(amount.ua)
    return Cell(text, best=text == best)


def _gains(gains: Sequence[LearningGain]) -> Table:
    columns = ("Experiment", "Comparison", "Share", "Folds", "Better", "Worse", "Gain", "p")
    return Table(
        title=GAINS,
        columns=columns,
        rows=tuple(_gain(gain) for gain in gains),
        notes=(LEARNING_CURVE_METHOD, *([] if all(gain.reachable for gain in gains) else [FEW])),
        words=frozenset({0, 1}),
    )


def _gain(gain: LearningGain) -> tuple[Cell, ...]:
    return (
        Cell(gain.protocol),
        Cell(f"{gain.system} over {gain.reference}"),
        Cell(percent(gain.share)),
        Cell(count(gain.n_folds)),
        Cell(count(gain.n_better)),
        Cell(count(gain.n_worse)),
        Cell(signed(gain.difference)),
        Cell(p_value(gain.p_holm) if gain.reachable else ABSENT),
    )


def _span(numbers: Sequence[int]) -> str:
    """`69`, or `12 to 69` where systems differ."""
    low, high = min(numbers), max(numbers)
    return count(low) if low == high else f"{count(low)} to {count(high)}"


ASKED = (
    "The paper asks how the subtasks change the recognition of single emotions, and leaves it "
    "open. Here every multi-task net stands beside the single-task net of its trunk: what it adds "
    "to the recall of each class."
)
CLASS_GAINS_METHOD = (
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


def class_gains_section(summary: Summary, pictures: Sequence[Picture]) -> Section | None:
    """Gains by class in every experiment; None where no multi-task net meets its twin."""
    found = summary.class_gains
    if not found:
        return None
    return Section(
        key=CLASS_GAINS_KEY,
        title="What the subtasks do to each emotion",
        lead=(ASKED,),
        tables=tuple(_table(gains) for gains in found.values()),
        pictures=tuple(p for p in pictures if p.protocol == CLASS_GAINS_KEY),
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
        (CLASS_GAINS_METHOD, TOO_FEW) if is_short else (CLASS_GAINS_METHOD,),
        words=frozenset({0, 1, 2}),
    )


def _cell(gain: ClassGain, n_folds: int) -> Cell:
    """`+.031 [−.010, +.072]`, with the number of folds where not all of them test the class."""
    if gain.mean is None:
        return Cell(ABSENT)
    partial = "" if gain.n_folds == n_folds else f" ({plural(gain.n_folds, 'fold')})"
    if gain.low is None or gain.high is None:
        return Cell(f"{signed(gain.mean)}{partial}")
    interval = f"[{signed(gain.low)}, {signed(gain.high)}]"
    return Cell(f"{signed(gain.mean)} {interval}{partial}", best=gain.clear)
