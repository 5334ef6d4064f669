"""How much training data a system needs, and where subtasks help, as a section of the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from voxaffect.evaluation.scores.amounts import Amount, Amounts, Gain, Line
from voxaffect.report.figures.amounts import KEY
from voxaffect.report.figures.style import Picture
from voxaffect.report.section import Section
from voxaffect.report.table import ABSENT, Cell, Table, count, decimal, p_value, percent, signed

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
METHOD = (
    "Mean over folds, seeds averaged first. p: Wilcoxon signed-rank test, two-sided, over folds; "
    "Holm's correction counts all rows of the experiment."
)
FEW = f"p = {ABSENT}: too few folds differ for p ≤ .05, whatever the gain."


def section(found: Amounts | None, pictures: Iterable[Picture]) -> Section | None:
    """The section, None where a run has thinned no training set."""
    if found is None or not found.protocols:
        return None
    return Section(
        key=KEY,
        title="With less training data",
        lead=(SHARES, DEV),
        tables=tuple(_tables(found)),
        pictures=tuple(picture for picture in pictures if picture.protocol == KEY),
    )


def _tables(found: Amounts) -> Iterator[Table]:
    for protocol in found.protocols:
        yield _accuracy(protocol, found.lines_of(protocol))
    if found.gains:
        yield _gains(found.gains)


def _accuracy(protocol: str, lines: Sequence[Line]) -> Table:
    shares = sorted({amount.share for line in lines for amount in line.amounts})
    return Table(
        title=TITLES[protocol],
        columns=("Share", "Utterances", "Folds", "Seeds", *(line.system for line in lines)),
        rows=tuple(_row(share, lines) for share in shares),
        notes=(COUNTED, "Utterances: in a training set, mean over folds."),
    )


def _row(share: float, lines: Sequence[Line]) -> tuple[Cell, ...]:
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


def _score(amount: Amount | None, best: str) -> Cell:
    text = ABSENT if amount is None else decimal(amount.ua)
    return Cell(text, best=text == best)


def _gains(gains: Sequence[Gain]) -> Table:
    columns = ("Experiment", "Comparison", "Share", "Folds", "Better", "Worse", "Gain", "p")
    return Table(
        title=GAINS,
        columns=columns,
        rows=tuple(_gain(gain) for gain in gains),
        notes=(METHOD, *([] if all(gain.reachable for gain in gains) else [FEW])),
        words=frozenset({0, 1}),
    )


def _gain(gain: Gain) -> tuple[Cell, ...]:
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
