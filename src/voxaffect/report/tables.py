"""The paper's tables, for whatever corpora and systems a run had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np

from voxaffect.evaluation.measures import metrics
from voxaffect.evaluation.measures.metrics import Counts
from voxaffect.evaluation.scores.bootstrap import N_RESAMPLES, Interval
from voxaffect.evaluation.scores.comparisons import Comparison
from voxaffect.evaluation.scores.tables import Score, ScoreTable, shares
from voxaffect.evaluation.summary import Summary
from voxaffect.report import leakage
from voxaffect.report.paired import NO_INTERVAL, bracketed, lost_classes
from voxaffect.report.table import (
    ABSENT,
    Cell,
    Table,
    count,
    decimal,
    whole,
)
from voxaffect.taxonomy import EMOTION, NATURALNESS

TWIN = (
    "* differs from its single-task twin on the same folds (Wilcoxon signed-rank, Holm, p ≤ .05)."
)
INTERVAL = (
    f"95 % bootstrap intervals: {count(N_RESAMPLES)} resamples of whole speakers, drawn within "
    "each corpus; seeds averaged first. They say how far other speakers of the same corpora could "
    "move a UA; corpora, training data and seeds stay as they are."
)
TEST_SET = {"within": "Corpus", "cross": "Corpus left out", "aggregated": "Test set"}


def unweighted_accuracy(summary: Summary, table: ScoreTable) -> Table:
    """Tables 2 and 3: UA by test set and system; deviation over folds where there are several."""
    rows = [_accuracy_row(summary, table, test) for test in table.tests]
    means = list(_means(summary, table))
    return Table(
        title=TITLES[table.protocol],
        columns=(TEST_SET[table.protocol], "Chance", *table.systems),
        rows=(*rows, *means),
        notes=tuple(_accuracy_notes(summary, table)),
        n_last=len(means),
    )


TITLES = {
    "within": "Table 2. Within each corpus: UA, mean ± standard deviation over held-out speakers",
    "cross": "Table 3. Across corpora: UA on the corpus left out of training",
    "aggregated": "All corpora shuffled together: UA on the tenth held out",
}


CONFUSION = {"within": "", "cross": "", "aggregated": "Table 4. "}


def pooled_accuracy(summary: Summary, table: ScoreTable) -> Table:
    """UA of the answers of all folds together, with its interval over speakers."""
    known = summary.intervals_of(table.protocol)
    rows = [_pooled_row(table, test, [test], known) for test in table.tests]
    if several := len(table.tests) > 1:
        rows.append(_pooled_row(table, None, table.tests, known))
    return Table(
        title="UA of the pooled answers of all folds, with 95 % intervals over speakers",
        columns=(TEST_SET[table.protocol], *table.systems),
        rows=tuple(rows),
        notes=tuple(_interval_notes(known, len(rows) * len(table.systems))),
        n_last=int(several),
    )


def secondary(table: ScoreTable) -> tuple[Table, ...]:
    """The same test sets by other measures, over the pooled answers of all folds."""
    measures = {
        "Weighted accuracy: share of right answers": metrics.weighted_accuracy,
        "Macro F1": metrics.macro_f1,
    }
    return tuple(_pooled_table(table, title, measure) for title, measure in measures.items())


def class_recalls(table: ScoreTable) -> Table:
    """Recall of each class by each system, over all test sets of a protocol."""
    rows = []
    for system in table.systems:
        recalls = metrics.recalls(table.counts(system))
        rows.append((Cell(system), *(Cell(_share(value)) for value in recalls)))
    title = "Recall of each class, all test sets together"
    return Table(title, ("System", *EMOTION.classes), tuple(rows))


def confusion(table: ScoreTable, system: str) -> Table:
    """Table 4: shares of the answers to each true class."""
    counts = table.counts(system)
    rows = tuple(
        (
            Cell(name),
            *(Cell(_share(x), shade=0.0 if np.isnan(x) else float(x)) for x in row),
            whole(int(n)),
        )
        for name, row, n in zip(EMOTION.classes, shares(counts), counts.sum(axis=1), strict=True)
    )
    return Table(
        title=f"{CONFUSION[table.protocol]}{system}: UA {decimal(table.mean(system))}",
        columns=("True class", *EMOTION.classes, "Answers"),
        rows=rows,
    )


def _pooled_row(
    table: ScoreTable,
    test: str | None,
    tests: Sequence[str],
    known: Mapping[tuple[str | None, str], Interval],
) -> tuple[Cell, ...]:
    """Pooled UA of each system, mean over some test sets, with the interval where there is one."""
    values, texts = [], []
    for system in table.systems:
        scores = [table.get(name, system) for name in tests]
        pooled = [score.pooled(metrics.unweighted_accuracy) for score in scores if score]
        value = fmean(pooled) if len(pooled) == len(tests) else None
        interval = known.get((test, system))
        values.append(value)
        texts.append(bracketed(interval) if interval else decimal(value))
    return (Cell(test or "mean"), *_with_best(texts, _rivals(table, tests, values)))


def _interval_notes(
    known: Mapping[tuple[str | None, str], Interval], n_cells: int
) -> Iterable[str]:
    yield INTERVAL
    if len(known) < n_cells:
        yield NO_INTERVAL
    yield from lost_classes(known.values())


def _means(summary: Summary, table: ScoreTable) -> Iterable[tuple[Cell, ...]]:
    """Rows that sum up: for `cross` by style as well, and over all if there is more than one."""
    if table.protocol == "cross":
        for style in NATURALNESS.classes:
            tests = [test for test in table.tests if summary.styles.get(test) == style]
            if tests:
                yield _mean_row(table, f"mean of {style}", tests)
    if len(table.tests) > 1:
        yield _mean_row(table, "mean", table.tests, _marks(summary.compared(table.protocol)))


def _mean_row(
    table: ScoreTable, name: str, tests: Sequence[str], marks: Mapping[str, str] | None = None
) -> tuple[Cell, ...]:
    means = [table.mean(system, tests) for system in table.systems]
    texts = [
        decimal(mean) + (marks or {}).get(system, "")
        for system, mean in zip(table.systems, means, strict=True)
    ]
    return (
        Cell(name),
        Cell(decimal(table.chance(tests))),
        *_with_best(texts, _rivals(table, tests, means)),
    )


def _accuracy_row(summary: Summary, table: ScoreTable, test: str) -> tuple[Cell, ...]:
    alone = len(table.tests) == 1
    marks = _marks(summary.compared(table.protocol, None if alone else test))
    scores = [table.get(test, system) for system in table.systems]
    texts = [
        _accuracy(score, table.n_folds(test)) + marks.get(system, "")
        for system, score in zip(table.systems, scores, strict=True)
    ]
    values = [None if score is None else score.ua for score in scores]
    rivals = _rivals(table, [test], values)
    return (Cell(test), Cell(decimal(table.chance([test]))), *_with_best(texts, rivals))


def _accuracy(score: Score | None, n_expected: int) -> str:
    if score is None:
        return ABSENT
    spread = "" if score.ua_sd is None else f" ± {decimal(score.ua_sd)}"
    n_folds = len(score.matrices)
    partial = "" if n_folds == n_expected else f" ({n_folds} of {n_expected} folds)"
    return decimal(score.ua) + spread + partial


def _pooled_table(table: ScoreTable, title: str, measure: Callable[[Counts], float]) -> Table:
    rows = []
    for test in table.tests:
        scores = [table.get(test, system) for system in table.systems]
        values = [None if score is None else score.pooled(measure) for score in scores]
        rivals = _rivals(table, [test], values)
        rows.append((Cell(test), *_with_best([decimal(value) for value in values], rivals)))
    return Table(title, (TEST_SET[table.protocol], *table.systems), tuple(rows))


def _rivals(
    table: ScoreTable, tests: Sequence[str], values: Sequence[float | None]
) -> list[float | None]:
    """Values of the systems that have every fold of some test sets; None for the others."""
    return [
        value if table.is_whole(system, tests) else None
        for system, value in zip(table.systems, values, strict=True)
    ]


def _with_best(texts: Sequence[str], values: Sequence[float | None]) -> list[Cell]:
    """Cells of a row, the highest value marked where it has rivals."""
    known = [value for value in values if value is not None]
    top = max(known) if len(known) > 1 else None
    return [
        Cell(text, best=value is not None and value == top)
        for text, value in zip(texts, values, strict=True)
    ]


def _marks(found: Iterable[Comparison]) -> dict[str, str]:
    """System -> an asterisk where it differs from its single-task twin."""
    return {c.system: "*" for c in found if c.with_twin and c.significant}


def _accuracy_notes(summary: Summary, table: ScoreTable) -> Iterable[str]:
    if shared := leakage.note(summary, table.protocol):
        yield shared
    found = [c for c in summary.comparisons if c.protocol == table.protocol]
    if any(c.with_twin and c.significant for c in found):
        yield TWIN
    if any(c.n_pairs == 1 for c in found):
        yield "One pair cannot reach p ≤ .05, whatever the difference: no system is tested on it."
    if not all(table.is_whole(system) for system in table.systems):
        yield "Systems that lack folds are in no ranking: folds differ in how hard they are."
    n_seeds = max(score.n_seeds for score in table.scores.values())
    if n_seeds > 1:
        yield f"Averaged over {n_seeds} seeds within each fold."
    yield "Chance is the UA of guessing among the classes that the test set has."


def _share(value: float) -> str:
    return ABSENT if np.isnan(value) else decimal(value)
