"""UA by training set size (learning curve), and the effect of subtasks on the class recalls."""

from __future__ import annotations

from collections.abc import Sequence

from voxaffect.evaluation.class_gains import ClassGains
from voxaffect.evaluation.intervals import MIN_DEGREES_OF_FREEDOM
from voxaffect.evaluation.learning_curve import LearningCurves, LearningGain
from voxaffect.evaluation.results import names, pick
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures.curves import LEARNING_CURVE_KEY
from voxaffect.report.figures.draw import CLASS_GAINS_KEY
from voxaffect.report.table import PROTOCOL_TITLES, Cell, Section, Table, tabulate
from voxaffect.report.text import (
    ABSENT,
    count_range,
    decimal,
    p_value,
    percent,
    plural,
    signed,
    with_interval,
)
from voxaffect.taxonomy import EMOTION

SHARES = (
    "Every fold was also trained on a part of its training set; dev and test sets are unchanged. "
    "The subsets keep the proportions of corpora and classes as far as possible, and every smaller "
    "subset is part of the larger ones."
)
DEV = (
    "Early stopping and calibration use the full dev set. For the smallest subsets it can be as "
    "large as the training set, so results may be better than with so little data alone."
)
COUNTED = (
    "Mean over seeds, then folds, then test sets. Only folds with results at every training set "
    "size are used."
)
UTTERANCES = "Utterances: size of the training set, mean over folds."
LEARNING_CURVE_METHOD = (
    "Mean over folds, with a 95 % bootstrap confidence interval over speakers (if there are "
    "enough, of known names); seeds are averaged first. p: two-sided Wilcoxon signed-rank test "
    "over folds, Holm-corrected for all rows of the protocol."
)
FEW = f"p = {ABSENT}: too few folds differ to reach p ≤ .05."
INTRO = (
    "The paper leaves open how subtasks affect the recognition of each emotion. Here the recall of "
    "each class by a multi-task net is compared with that of its single-task baseline."
)
CLASS_GAINS_METHOD = (
    "Difference in recall on the same fold, seeds averaged first, mean over all folds with a 95 % "
    "bootstrap confidence interval over speakers. Bold: the interval excludes zero; without any "
    "effect, one interval in twenty does so by chance."
)
TOO_FEW = (
    "Without interval: speakers are unknown, or fewer than "
    f"{MIN_DEGREES_OF_FREEDOM} more than their corpora."
)


def learning_curve_section(found: LearningCurves | None) -> Section | None:
    """The section on learning curves; None if a run has no subsets of training sets."""
    if found is None or not found.protocols:
        return None
    tables = [_accuracy_by_share(found, name) for name in found.protocols]
    if found.gains:
        tables.append(_gains_by_share(found.gains))
    title = "Learning curve (training set size)"
    return Section(LEARNING_CURVE_KEY, title, (SHARES, DEV), tuple(tables))


def _accuracy_by_share(found: LearningCurves, protocol: str) -> Table:
    ua, points = found.ua(protocol), pick(found.points, protocol=protocol)
    rows = []
    for share, values in zip(ua.index.tolist(), ua.to_numpy(), strict=True):
        sizes = pick(points, train_share=share)[["n_train", "n_folds", "n_seeds"]]
        texts = [*map(decimal, values)]
        best = max(text for text in texts if text != ABSENT)
        row = (
            percent(share),
            *(count_range(size.round().astype(int).tolist()) for _, size in sizes.items()),
            *(Cell(text, best=text == best) for text in texts),
        )
        rows.append(row)
    columns = ("Share", "Utterances", "Folds", "Seeds", *names(ua))
    title = f"{PROTOCOL_TITLES[protocol]}: UA by share of the training set"
    return tabulate(title, columns, rows, COUNTED, UTTERANCES)


def _gains_by_share(gains: Sequence[LearningGain]) -> Table:
    rows = (
        (
            *(gain.protocol, f"{gain.system} over {gain.reference}", percent(gain.share)),
            *(gain.paired.n_pairs, gain.paired.n_better, gain.paired.n_worse),
            with_interval(gain.difference, signed),
            p_value(gain.p_holm) if gain.paired.reachable else None,
        )
        for gain in gains
    )
    title = "UA gain of multi-task nets over their single-task baselines"
    columns = ("Protocol", "Systems", "Share", "Folds", "Wins", "Losses", "UA gain", "p (Holm)")
    few = "" if all(gain.paired.reachable for gain in gains) else FEW
    return tabulate(title, columns, rows, LEARNING_CURVE_METHOD, few, text_columns=(0, 1))


def class_gains_section(summary: Summary) -> Section | None:
    """The section on subtasks; None without a multi-task net and its single-task baseline."""
    if not summary.class_gains:
        return None
    tables = tuple(map(_class_gains_table, summary.class_gains.values()))
    return Section(CLASS_GAINS_KEY, "Effect of subtasks by class", (INTRO,), tables)


def _class_gains_table(found: Sequence[ClassGains]) -> Table:
    rows = (
        (
            *(gains.system, gains.reference, gains.subtasks, gains.n_folds),
            *(_gain_cell(gains, name) for name in EMOTION.classes),
        )
        for gains in found
    )
    is_short = any(not gain.has_interval for gains in found for gain in gains.gains.values())
    title = f"{PROTOCOL_TITLES[found[0].protocol]}: recall gain by class"
    columns = ("System", "Baseline", "Subtasks", "Folds", *EMOTION.classes)
    notes = (CLASS_GAINS_METHOD, TOO_FEW if is_short else "")
    return tabulate(title, columns, rows, *notes, text_columns=(0, 1, 2))


def _gain_cell(gains: ClassGains, name: str) -> Cell:
    """`+.031 [−.010, +.072]`, with the number of folds if some folds lack the class."""
    gain, n_tested = gains.gains[name], gains.n_tested[name]
    partial = "" if n_tested in {0, gains.n_folds} else f" ({plural(n_tested, 'fold')})"
    return Cell(with_interval(gain, signed) + partial, best=gain.excludes_zero)
