"""Tables of scores, paired tests and results by fold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from voxaffect.evaluation import metrics
from voxaffect.evaluation.comparisons import Comparison
from voxaffect.evaluation.curves import FoldScore, fold_scores
from voxaffect.evaluation.experiment.run import PROTOCOLS, Run
from voxaffect.evaluation.intervals import MIN_DEGREES_OF_FREEDOM, N_RESAMPLES, Interval
from voxaffect.evaluation.metrics import Counts
from voxaffect.evaluation.results import Score, ScoreTable, shares
from voxaffect.evaluation.summary import Summary
from voxaffect.report import leakage
from voxaffect.report.findings import number_of_pairs, significance
from voxaffect.report.table import (
    ABSENT,
    PROTOCOL_TITLES,
    Cell,
    Row,
    Section,
    Table,
    best_marked,
    cells,
    count,
    count_cell,
    decimal,
    p_value,
    plural,
    signed,
    with_interval,
)
from voxaffect.taxonomy import EMOTION, NATURALNESS

Intervals = Mapping[tuple[str | None, str], Interval]
"""(Test set, or None for their mean; system) -> interval of the pooled UA."""

METHOD = (
    "Paired test: two-sided Wilcoxon signed-rank test over the pairs; seeds are averaged first. "
    "Pairs of speakers generalize to other speakers of the same corpora, pairs of corpora to other "
    "corpora. Folds share most of their training data, so pairs are not fully independent."
)
EFFECT = (
    "Effect size: matched-pairs rank-biserial correlation, +1 if every pair that differs gains, 0 "
    "if gains and losses balance."
)
POOLED = (
    "Pooled gain: difference in UA of the pooled predictions, averaged over test sets, with a 95 % "
    "bootstrap confidence interval over speakers (same resamples for both systems). It differs "
    "from the mean over pairs if speakers have different numbers of utterances per class."
)
NO_INTERVAL = (
    "No confidence interval is given if speakers are unknown or too few for 95 %: it needs "
    f"{MIN_DEGREES_OF_FREEDOM} more speakers than corpora."
)
COMPARED = (
    *("Pairs", "UA gain", "Wins/losses", "Effect size"),
    *("p", "p (Holm)", "Pooled gain [95 % CI]", "Result"),
)


def comparisons(found: Sequence[Comparison]) -> Table:
    """Paired tests of systems on the same folds."""
    columns = ("System", "Baseline", "Test set", *COMPARED)
    rows = tuple(cells(c.system, c.reference, c.test or "all", *compared(c)) for c in found)
    texts = (0, 1, 2, 3, len(columns) - 1)
    return Table("Paired tests on the same folds", columns, rows, notes(found), text_columns=texts)


def compared(c: Comparison) -> Row:
    """Cells of a comparison in the columns `COMPARED`."""
    return cells(
        *(number_of_pairs(c), signed(c.difference), f"{c.n_better} : {c.n_worse}"),
        *(signed(c.effect), p_value(c.p), p_value(c.p_holm), pooled_gain(c), significance(c)),
    )


def pooled_gain(c: Comparison) -> str:
    """`+.017 [−.010, +.044]`: gain of the pooled predictions and its confidence interval."""
    return _with_interval(c.pooled, signed) if c.pooled else ABSENT


def notes(found: Sequence[Comparison]) -> tuple[str, ...]:
    """Test, Holm correction, effect size and intervals of a table of comparisons."""
    intervals = [c.pooled for c in found if c.pooled]
    sizes = sorted({c.n_family for c in found})
    family = f"{sizes[0]} to " if len(sizes) > 1 else ""
    family += plural(sizes[-1], "comparison")
    return (
        METHOD,
        f"Holm correction: {family} with the same test set and kind of pairs at a time.",
        EFFECT,
        *((POOLED,) if intervals else ()),
        *((NO_INTERVAL,) if len(intervals) < len(found) else ()),
        *_lost_classes(intervals),
    )


def _with_interval(interval: Interval, shown: Callable[[float], str] = decimal) -> str:
    return with_interval(interval.value, interval.low, interval.high, shown)


def _lost_classes(intervals: Iterable[Interval]) -> Iterator[str]:
    most = max((interval.lost for interval in intervals), default=0.0)
    if most > 0:
        yield (
            f"Up to {100 * most:.1f} % of the resamples lack a class that few speakers have; their "
            "UA is the mean recall of the other classes."
        )


FOLDS = "UA of every system on every fold, by seed. Means and tests use the mean over seeds."
EPOCHS = (
    "Dev: utterances of the dev set. The epoch with the best dev UA (then dev loss) is kept; the "
    "test set selects nothing. Epochs: epoch kept / epochs trained, for each seed; "
    f"{ABSENT} for systems without epochs."
)


def per_fold(run: Run) -> Section | None:
    """UA by fold, system and seed, one table per protocol; None without results."""
    scores = fold_scores(run.results)
    if not scores:
        return None
    by_protocol = {name: [s for s in scores if s.protocol == name] for name in PROTOCOLS}
    return Section(
        key="folds",
        title="Results by fold",
        lead=(FOLDS,),
        more=tuple(_fold_table(name, found) for name, found in by_protocol.items() if found),
        more_title=f"All folds and systems ({plural(len(scores), 'row')})",
    )


def _fold_table(protocol: str, scores: Sequence[FoldScore]) -> Table:
    seeds = sorted({seed for score in scores for seed in score.ua})
    mean = ("Mean",) if len(seeds) > 1 else ()
    ua = (f"Seed {seed}" for seed in seeds)
    rows = tuple(
        cells(
            *(score.fold.removeprefix(f"{protocol}/"), score.system, score.n),
            *(score.ua.get(seed) for seed in seeds),
            *([score.mean_ua] if mean else []),
            score.n_dev,
            ", ".join(f"{t.kept}/{t.n_epochs}" for t in score.trainings.values()) or None,
        )
        for score in scores
    )
    columns = ("Fold", "System", "n", *ua, *mean, "Dev", "Epochs")
    title = f"{PROTOCOL_TITLES[protocol]}: UA by fold"
    return Table(title, columns, rows, (EPOCHS,), text_columns=(0, 1))


SIGNIFICANT = (
    "* differs significantly from its single-task baseline on the same folds (Wilcoxon "
    "signed-rank test, Holm-corrected p ≤ .05)."
)
INTERVAL = (
    f"95 % bootstrap confidence intervals: {count(N_RESAMPLES)} resamples of speakers within each "
    "corpus; seeds are averaged first. They cover the choice of speakers in these corpora, not "
    "the choice of corpora, training data or seeds."
)
TEST_SET = {"within": "Corpus", "cross": "Corpus left out", "aggregated": "Test set"}
RESULT_TITLES = {
    "within": "Table 2. Within each corpus: UA, mean ± standard deviation over held-out speakers",
    "cross": "Table 3. Across corpora: UA on the corpus left out of training",
    "aggregated": "All corpora pooled: UA on the held-out 10 %",
}


def unweighted_accuracy(summary: Summary, table: ScoreTable) -> Table:
    """Tables 2 and 3: UA by test set and system, with standard deviation over several folds."""
    rows = []
    for test in table.tests:
        marks = _marks(summary.compared(table.protocol, test if len(table.tests) > 1 else None))
        scores = {system: table.get(test, system) for system in table.systems}
        n_folds = table.n_folds(test)
        texts = [_accuracy(score, n_folds) + marks.get(s, "") for s, score in scores.items()]
        values = [None if score is None else score.ua for score in scores.values()]
        rows.append(cells(test, table.chance([test]), *_best_marked(table, [test], texts, values)))
    means = list(_mean_rows(summary, table))
    return Table(
        title=RESULT_TITLES[table.protocol],
        columns=(TEST_SET[table.protocol], "Chance", *table.systems),
        rows=(*rows, *means),
        notes=tuple(_accuracy_notes(summary, table)),
        n_last=len(means),
    )


def _accuracy(score: Score | None, n_expected: int) -> str:
    if score is None:
        return ABSENT
    spread = "" if score.ua_sd is None else f" ± {decimal(score.ua_sd)}"
    n_folds = len(score.matrices)
    partial = "" if n_folds == n_expected else f" ({n_folds} of {n_expected} folds)"
    return decimal(score.ua) + spread + partial


def _mean_rows(summary: Summary, table: ScoreTable) -> Iterator[Row]:
    if table.protocol == "cross":
        for style in NATURALNESS.classes:
            tests = [test for test in table.tests if summary.styles.get(test) == style]
            if tests:
                yield _mean_row(table, f"mean of {style}", tests, {})
    if len(table.tests) > 1:
        yield _mean_row(table, "mean", table.tests, _marks(summary.compared(table.protocol)))


def _mean_row(table: ScoreTable, name: str, tests: Sequence[str], marks: Mapping[str, str]) -> Row:
    means = [table.mean(system, tests) for system in table.systems]
    texts = [decimal(m) + marks.get(s, "") for s, m in zip(table.systems, means, strict=True)]
    return cells(name, table.chance(tests), *_best_marked(table, tests, texts, means))


def _marks(found: Iterable[Comparison]) -> dict[str, str]:
    return {c.system: "*" for c in found if c.with_single_task and c.significant}


def _best_marked(
    table: ScoreTable, tests: Sequence[str], texts: Sequence[str], values: Sequence[float | None]
) -> list[Cell]:
    """Cells with the highest value marked, among the systems with all folds."""
    pairs = zip(table.systems, values, strict=True)
    return best_marked(texts, [v if table.is_complete(s, tests) else None for s, v in pairs])


def _accuracy_notes(summary: Summary, table: ScoreTable) -> Iterator[str]:
    if shared := leakage.note(summary.run, table.protocol):
        yield shared
    found = [c for c in summary.comparisons if c.protocol == table.protocol]
    if any(c.with_single_task and c.significant for c in found):
        yield SIGNIFICANT
    if any(c.n_pairs == 1 for c in found):
        yield "Test sets with a single pair are not tested: one pair cannot reach p ≤ .05."
    if not all(table.is_complete(system) for system in table.systems):
        yield "Systems with missing folds are not ranked, because folds differ in difficulty."
    n_seeds = max(score.n_seeds for score in table.scores.values())
    if n_seeds > 1:
        yield f"Mean over {n_seeds} seeds within each fold."
    yield "Chance: UA of guessing among the classes of the test set."


def pooled_accuracy(summary: Summary, table: ScoreTable) -> Table:
    """UA of the pooled predictions of all folds, with confidence intervals over speakers."""
    known = summary.intervals_of(table.protocol)
    rows = [_pooled_row(table, test, [test], known) for test in table.tests]
    if several := len(table.tests) > 1:
        rows.append(_pooled_row(table, None, table.tests, known))
    missing = len(known) < len(rows) * len(table.systems)
    return Table(
        title="UA of the pooled predictions of all folds, with 95 % CI over speakers",
        columns=(TEST_SET[table.protocol], *table.systems),
        rows=tuple(rows),
        notes=(INTERVAL, *((NO_INTERVAL,) if missing else ()), *_lost_classes(known.values())),
        n_last=int(several),
    )


def _pooled_row(table: ScoreTable, test: str | None, tests: Sequence[str], known: Intervals) -> Row:
    values, texts = [], []
    for system in table.systems:
        scores = [table.get(name, system) for name in tests]
        pooled = [score.pooled(metrics.unweighted_accuracy) for score in scores if score]
        values.append(fmean(pooled) if len(pooled) == len(tests) else None)
        interval = known.get((test, system))
        texts.append(_with_interval(interval) if interval else decimal(values[-1]))
    return cells(test or "mean", *_best_marked(table, tests, texts, values))


def secondary(table: ScoreTable) -> Iterator[Table]:
    """Weighted accuracy and macro F1 of the pooled predictions of all folds."""
    measures: dict[str, Callable[[Counts], float]] = {
        "Weighted accuracy: share of correct predictions": metrics.weighted_accuracy,
        "Macro F1": metrics.macro_f1,
    }
    for title, measure in measures.items():
        rows = []
        for test in table.tests:
            scores = [table.get(test, system) for system in table.systems]
            values = [None if score is None else score.pooled(measure) for score in scores]
            texts = [decimal(value) for value in values]
            rows.append(cells(test, *_best_marked(table, [test], texts, values)))
        yield Table(title, (TEST_SET[table.protocol], *table.systems), tuple(rows))


def class_recalls(table: ScoreTable) -> Table:
    """Recall of each class by system, over all test sets of a protocol."""
    rows = tuple(cells(s, *metrics.recalls(table.counts(s))) for s in table.systems)
    return Table("Recall by class, all test sets", ("System", *EMOTION.classes), rows)


def confusion(table: ScoreTable, system: str) -> Table:
    """Table 4: confusion matrix, as shares of each true class."""
    counts = table.counts(system)
    rows = tuple(
        (
            Cell(name),
            *(Cell(decimal(x), shade=0.0 if math.isnan(x) else float(x)) for x in row),
            count_cell(int(n)),
        )
        for name, row, n in zip(EMOTION.classes, shares(counts), counts.sum(axis=1), strict=True)
    )
    number = "Table 4. " if table.protocol == "aggregated" else ""
    title = f"{number}Confusion matrix of {system}: UA {decimal(table.mean(system))}"
    return Table(title, ("True class", *EMOTION.classes, "n"), rows)
