"""The paper's tables, for whatever corpora and systems a run had."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np

from voxaffect.evaluation import metrics
from voxaffect.evaluation.comparisons import Comparison
from voxaffect.evaluation.curves import FoldScore, fold_scores
from voxaffect.evaluation.experiment.run import PROTOCOLS, Run
from voxaffect.evaluation.intervals import MIN_FREEDOM, N_RESAMPLES, Interval
from voxaffect.evaluation.metrics import Counts
from voxaffect.evaluation.results import Score, ScoreTable, shares
from voxaffect.evaluation.summary import Summary
from voxaffect.report import leakage
from voxaffect.report.findings import number_of_pairs, too_few
from voxaffect.report.table import (
    ABSENT,
    Cell,
    Section,
    Table,
    count,
    decimal,
    p_value,
    plural,
    signed,
    whole,
)
from voxaffect.taxonomy import EMOTION, NATURALNESS

METHOD = (
    "Wilcoxon signed-rank test, two-sided, over the pairs named; seeds averaged first. Pairs of "
    "speakers tell of other speakers of the same corpora, pairs of corpora of other corpora. "
    "Folds share most of their training data, so that pairs are not wholly independent."
)
EFFECT = (
    "Effect: matched-pairs rank-biserial correlation, the rank sum of pairs gained less that of "
    "pairs lost, as a share of both: +1 where every pair that differs gains, 0 where none differs."
)
POOLED = (
    "Pooled gain: difference of UA of the pooled answers, mean over test sets, and its 95 % "
    "bootstrap interval over speakers, drawn alike for both systems. Where speakers say more or "
    "less of each class it differs from the mean over pairs."
)
NO_INTERVAL = (
    "No interval stands where speakers are not known, or are too few to span 95 %: it takes "
    f"{MIN_FREEDOM} more than there are corpora."
)
COMPARED = (
    "Pairs",
    "UA gained",
    "Better : worse",
    "Effect",
    "p",
    "p (Holm)",
    "Pooled gain [95 %]",
    "",
)


def comparisons(found: Sequence[Comparison]) -> Table:
    """Systems paired on the same folds."""
    return Table(
        title="Compared on the same folds",
        columns=("System", "Against", "Tested on", *COMPARED),
        rows=tuple(
            (Cell(c.system), Cell(c.reference), Cell(c.test or "all"), *compared(c)) for c in found
        ),
        notes=notes(found),
        words=frozenset({0, 1, 2, 3, 2 + len(COMPARED)}),
    )


def compared(c: Comparison) -> tuple[Cell, ...]:
    """The cells of a comparison under `COMPARED`."""
    return (
        Cell(number_of_pairs(c)),
        Cell(signed(c.difference)),
        Cell(f"{c.n_better} : {c.n_worse}"),
        Cell(signed(c.effect)),
        Cell(p_value(c.p)),
        Cell(p_value(c.p_holm)),
        Cell(interval_of(c)),
        Cell(verdict(c)),
    )


def interval_of(c: Comparison) -> str:
    """`+.017 [−.010, +.044]`: the pooled gain and its interval."""
    return bracketed(c.pooled, signed) if c.pooled else ABSENT


def verdict(c: Comparison) -> str:
    """What a comparison allows to be said."""
    if c.n_better + c.n_worse == 0:
        return f"equal on {number_of_pairs(c)}"
    if few := too_few(c):
        return f"{few} cannot reach .05"
    return "significant" if c.significant else "not significant"


def notes(found: Sequence[Comparison]) -> tuple[str, ...]:
    """How pairs were tested, what was corrected for, and what intervals mean."""
    intervals = [c.pooled for c in found if c.pooled]
    return (
        METHOD,
        f"Holm's correction is for {_families(found)}: same test set, same kind of pairs.",
        EFFECT,
        *((POOLED,) if intervals else ()),
        *((NO_INTERVAL,) if len(intervals) < len(found) else ()),
        *lost_classes(intervals),
    )


def bracketed(interval: Interval, shown: Callable[[float], str] = decimal) -> str:
    """`.444 [.398, .491]`."""
    return f"{shown(interval.value)} [{shown(interval.low)}, {shown(interval.high)}]"


def lost_classes(intervals: Iterable[Interval]) -> tuple[str, ...]:
    """That resamples lost a class, where some did."""
    most = max((interval.lost for interval in intervals), default=0.0)
    if most == 0:
        return ()
    share = f"Up to {100 * most:.1f} % of the resamples lost a class that few speakers have"
    return (f"{share}; they average the recalls of the others.",)


def _families(found: Sequence[Comparison]) -> str:
    """`12 comparisons at a time`, `6 to 12 comparisons at a time`."""
    sizes = sorted({c.n_family for c in found})
    smaller = f"{sizes[0]} to " if len(sizes) > 1 else ""
    return f"{smaller}{plural(sizes[-1], 'comparison')} at a time"


LEAD = (
    "UA of every system on every fold, by seed. Means and tests take a fold once, by the mean of "
    "its seeds."
)
CHOSEN = (
    "Dev: utterances of the dev set, whose UA, then loss, chose the epoch; the test set decides "
    "nothing. Epochs: the one whose weights were kept, of those trained, a training for each seed; "
    f"{ABSENT} for a system that has none."
)
PER_FOLD_TITLES = {
    "within": "Within each corpus: every held-out speaker",
    "cross": "Across corpora: every corpus left out",
    "aggregated": "All corpora together: the tenth held out",
}


def per_fold(run: Run) -> Section | None:
    """A row for every fold and system, a table for every protocol; None without results."""
    scores = fold_scores(run.results)
    if not scores:
        return None
    by_protocol = {name: [s for s in scores if s.protocol == name] for name in PROTOCOLS}
    return Section(
        key="folds",
        title="Every fold",
        lead=(LEAD,),
        more=tuple(_table(name, found) for name, found in by_protocol.items() if found),
        more_title=f"{plural(len(scores), 'row')}: a fold and a system each",
    )


def _table(protocol: str, scores: Sequence[FoldScore]) -> Table:
    seeds = sorted({seed for score in scores for seed in score.ua})
    means = ("Mean",) if len(seeds) > 1 else ()
    ua = (f"Seed {seed}" for seed in seeds)
    return Table(
        title=PER_FOLD_TITLES[protocol],
        columns=("Fold", "System", "n", *ua, *means, "Dev", "Epochs"),
        rows=tuple(_row(score, seeds) for score in scores),
        notes=(CHOSEN,),
        words=frozenset({0, 1}),
    )


def _row(score: FoldScore, seeds: Sequence[int]) -> tuple[Cell, ...]:
    means = (_ua(score.mean_ua),) if len(seeds) > 1 else ()
    return (
        Cell(score.fold.removeprefix(f"{score.protocol}/")),
        Cell(score.system),
        Cell(count(score.n)),
        *(_ua(score.ua.get(seed)) for seed in seeds),
        *means,
        Cell(ABSENT if score.n_dev is None else count(score.n_dev)),
        Cell(_epochs(score)),
    )


def _ua(value: float | None) -> Cell:
    """A fold without an utterance has no UA; nor has a seed without a result."""
    return Cell(decimal(None if value is None or math.isnan(value) else value))


def _epochs(score: FoldScore) -> str:
    """`2/5, 1/4`: kept and trained, a pair for each seed."""
    pairs = (f"{training.kept}/{training.n_epochs}" for training in score.trainings.values())
    return ", ".join(pairs) or ABSENT


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
        title=RESULT_TITLES[table.protocol],
        columns=(TEST_SET[table.protocol], "Chance", *table.systems),
        rows=(*rows, *means),
        notes=tuple(_accuracy_notes(summary, table)),
        n_last=len(means),
    )


RESULT_TITLES = {
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
