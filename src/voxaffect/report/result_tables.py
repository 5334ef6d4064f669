"""Tables of scores, paired tests and results by fold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from voxaffect.evaluation import metrics
from voxaffect.evaluation.comparisons import Comparison
from voxaffect.evaluation.curves import histories
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.intervals import MIN_DEGREES_OF_FREEDOM, N_RESAMPLES, Estimate
from voxaffect.evaluation.results import (
    by_system,
    chance,
    complete,
    confusions,
    metrics_by,
    names,
    row,
    shares,
)
from voxaffect.evaluation.summary import Summary
from voxaffect.report import leakage
from voxaffect.report.findings import number_of_pairs, significance
from voxaffect.report.table import PROTOCOL_TITLES, Cell, Section, Table, best_marked, tabulate
from voxaffect.report.text import ABSENT, count, decimal, p_value, plural, signed, with_interval
from voxaffect.taxonomy import EMOTION, NATURALNESS

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
FOLDS = "UA of every system on every fold, by seed. Means and tests use the mean over seeds."
EPOCHS = (
    "Dev: utterances of the dev set. The epoch with the best dev UA (then dev loss) is kept; the "
    "test set selects nothing. Epochs: epoch kept / epochs trained, for each seed; "
    f"{ABSENT} for systems without epochs."
)
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


def comparisons(found: Sequence[Comparison]) -> Table:
    """Paired tests of systems on the same folds."""
    columns = ("System", "Baseline", "Test set", *COMPARED)
    rows = ((c.system, c.reference, c.test or "all", *compared(c)) for c in found)
    texts = (0, 1, 2, 3, len(columns) - 1)
    title = "Paired tests on the same folds"
    return tabulate(title, columns, rows, *notes(found), text_columns=texts)


def compared(c: Comparison) -> tuple[str, ...]:
    """Cells of a comparison in the columns `COMPARED`."""
    return (
        *(number_of_pairs(c), signed(c.difference), f"{c.n_better} : {c.n_worse}"),
        *(signed(c.effect), p_value(c.p), p_value(c.p_holm)),
        *(with_interval(c.pooled, signed), significance(c)),
    )


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
        POOLED if intervals else "",
        NO_INTERVAL if len(intervals) < len(found) else "",
        _lost_classes(max((interval.lost for interval in intervals), default=0.0)),
    )


def _lost_classes(most: float) -> str:
    if most == 0:
        return ""
    return (
        f"Up to {100 * most:.1f} % of the resamples lack a class that few speakers have; their UA "
        "is the mean recall of the other classes."
    )


def per_fold(run: Run) -> Section | None:
    """UA by fold, system and seed, one table per protocol; None without results."""
    protocols = folds_by_seed(run).groupby("protocol", observed=True)
    tables = tuple(_fold_table(str(protocol), own) for protocol, own in protocols)
    if not tables:
        return None
    n_rows = sum(len(table.rows) for table in tables)
    more_title = f"All folds and systems ({plural(n_rows, 'row')})"
    return Section("folds", "Results by fold", (FOLDS,), more=tables, more_title=more_title)


def folds_by_seed(run: Run) -> pd.DataFrame:
    """Rows of the scores by fold, of every system and seed: n, ua, n_dev, kept and n_epochs."""
    keys = ["protocol", "fold", "system", "seed"]
    scores = metrics_by(run.results, keys)[["n", "ua"]].reset_index()
    epochs = histories(run.trainings)
    trained = run.trainings[[*keys, "n_dev"]].assign(
        kept=epochs.map(lambda h: h.best), n_epochs=epochs.map(lambda h: len(h.epochs))
    )
    return scores.merge(trained, "left", keys)


def _fold_table(protocol: str, scores: pd.DataFrame) -> Table:
    seeds = sorted(scores["seed"].unique().tolist())
    mean = ("Mean",) if len(seeds) > 1 else ()
    rows = []
    for (fold, system), own in scores.groupby(["fold", "system"], observed=True):
        ua = own.set_index("seed")["ua"]
        epochs = own.dropna(subset=["kept"])[["kept", "n_epochs"]].astype(int)
        n, n_dev = own[["n", "n_dev"]].iloc[0]
        shown = (
            *(str(fold).removeprefix(f"{protocol}/"), system, int(n), *ua.reindex(seeds)),
            *([ua.mean()] if mean else []),
            None if pd.isna(n_dev) else int(n_dev),
            ", ".join(f"{kept}/{n}" for kept, n in epochs.to_numpy()) or None,
        )
        rows.append(shown)
    columns = ("Fold", "System", "n", *(f"Seed {s}" for s in seeds), *mean, "Dev", "Epochs")
    title = f"{PROTOCOL_TITLES[protocol]}: UA by fold"
    return tabulate(title, columns, rows, EPOCHS, text_columns=(0, 1))


def unweighted_accuracy(summary: Summary, protocol: str) -> Table:
    """Tables 2 and 3: UA by test set and system, with standard deviation over several folds."""
    scores = summary.scores[protocol]
    ua = by_system(scores)
    rows = []
    for test in names(ua.index):
        marks = _marks(summary.compared(protocol, test if len(ua) > 1 else None))
        texts = [_accuracy(scores, test, s) + marks.get(s, "") for s in names(ua)]
        rows.append((test, chance(scores, [test]), *_best_marked(scores, [test], texts, ua)))
    means = []
    for name, tests, marks in _means(summary, protocol):
        texts = [decimal(mean) + marks.get(s, "") for s, mean in _mean(ua, tests).items()]
        means.append((name, chance(scores, tests), *_best_marked(scores, tests, texts, ua)))
    return tabulate(
        RESULT_TITLES[protocol],
        (TEST_SET[protocol], "Chance", *names(ua)),
        [*rows, *means],
        *_accuracy_notes(summary, protocol),
        n_last=len(means),
    )


def _accuracy(scores: pd.DataFrame, test: str, system: str) -> str:
    if (test, system) not in scores.index:
        return ABSENT
    score = row(scores, test, system)
    spread = "" if math.isnan(score["sd"]) else f" ± {decimal(score['sd'])}"
    n_folds, n_expected = int(score["n_folds"]), int(score["n_expected"])
    partial = "" if n_folds == n_expected else f" ({n_folds} of {n_expected} folds)"
    return decimal(score["ua"]) + spread + partial


def _means(summary: Summary, protocol: str) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Summary rows: name, test sets that the mean is over, and marks of systems."""
    tests = names(by_system(summary.scores[protocol]).index)
    for style in NATURALNESS.classes if protocol == "cross" else ():
        if own := [test for test in tests if summary.styles.get(test) == style]:
            yield f"mean of {style}", own, {}
    if len(tests) > 1:
        yield "mean", tests, _marks(summary.compared(protocol))


def _marks(found: Iterable[Comparison]) -> dict[str, str]:
    return {c.system: "*" for c in found if c.with_single_task and c.significant}


def _mean(values: pd.DataFrame, tests: Sequence[str]) -> dict[str, float]:
    """Mean over test sets by system, NaN where one lacks."""
    means = values.loc[list(tests)].mean(skipna=False)
    return dict(zip(names(values), means, strict=True))


def _best_marked(
    scores: pd.DataFrame, tests: Sequence[str], texts: Iterable[str], values: pd.DataFrame
) -> list[Cell]:
    """Cells with the highest mean marked, among the systems with all folds."""
    ranked = complete(scores, tests)
    pairs = _mean(values, tests).items()
    return best_marked(texts, [value if system in ranked else None for system, value in pairs])


def _accuracy_notes(summary: Summary, protocol: str) -> Iterator[str]:
    if shared := leakage.note(summary.run, protocol):
        yield shared
    found = [c for c in summary.comparisons if c.protocol == protocol]
    if any(c.with_single_task and c.significant for c in found):
        yield SIGNIFICANT
    if any(c.n_pairs == 1 for c in found):
        yield "Test sets with a single pair are not tested: one pair cannot reach p ≤ .05."
    scores = summary.scores[protocol]
    if len(complete(scores)) < len([*by_system(scores)]):
        yield "Systems with missing folds are not ranked, because folds differ in difficulty."
    n_seeds = int(scores["n_seeds"].max())
    if n_seeds > 1:
        yield f"Mean over {n_seeds} seeds within each fold."
    yield "Chance: UA of guessing among the classes of the test set."


def pooled_accuracy(summary: Summary, protocol: str) -> Table:
    """UA of the pooled predictions of all folds, with confidence intervals over speakers."""
    scores, known = summary.scores[protocol], summary.pooled[protocol]
    ua = by_system(scores, "pooled_ua")
    every = names(ua.index)
    rows = []
    tested = {test: [test] for test in every} | ({"": every} if len(every) > 1 else {})
    for name, tests in tested.items():
        texts = [estimate(known, (name, system)) for system in names(ua)]
        rows.append((name or "mean", *_best_marked(scores, tests, texts, ua)))
    is_complete = known["low"].notna().sum() >= len(rows) * ua.shape[1]
    return tabulate(
        "UA of the pooled predictions of all folds, with 95 % CI over speakers",
        (TEST_SET[protocol], *names(ua)),
        rows,
        *(INTERVAL, "" if is_complete else NO_INTERVAL, _lost_classes(known["lost"].max())),
        n_last=int("" in tested),
    )


def estimate(frame: pd.DataFrame, key: tuple[str, ...], column: str = "value") -> str:
    """`.444 [.398, .491]` of the row of a key, absent where there is none."""
    if key not in frame.index:
        return ABSENT
    found = row(frame, *key)
    return with_interval(Estimate(found[column], found["low"], found["high"]))


def secondary(scores: pd.DataFrame, protocol: str) -> Iterator[Table]:
    """Weighted accuracy and macro F1 of the pooled predictions of all folds."""
    titles = {"wa": "Weighted accuracy: share of correct predictions", "macro_f1": "Macro F1"}
    for column, title in titles.items():
        values = by_system(scores, column)
        rows = (
            (test, *_best_marked(scores, [test], map(decimal, values.loc[test]), values))
            for test in names(values.index)
        )
        yield tabulate(title, (TEST_SET[protocol], *names(values)), rows)


def class_recalls(results: pd.DataFrame) -> Table:
    """Recall of each class by system, over all test sets of a protocol."""
    found = metrics_by(results, ["system"])[[f"recall_{name}" for name in EMOTION.classes]]
    title, columns = "Recall by class, all test sets", ("System", *EMOTION.classes)
    return tabulate(title, columns, found.itertuples())


def confusion_tables(results: pd.DataFrame, protocol: str) -> Iterator[Table]:
    """Confusion matrix of each system on each test set: count, and share of the true class."""
    tests, number = results["test_set"].unique(), "Table 4. " if protocol == "aggregated" else ""
    by = [*(["test_set"] if len(tests) > 1 else []), "system"]
    index, matrices = confusions(results, by)
    for key, matrix, ua in zip(index, matrices, metrics.unweighted_accuracy(matrices), strict=True):
        name = " on ".join(reversed(key)) if isinstance(key, tuple) else key
        rows = (
            (emotion, *map(_share, row.tolist(), share.tolist()), int(row.sum()) or None)
            for emotion, row, share in zip(EMOTION.classes, matrix, shares(matrix), strict=True)
        )
        title = f"{number}Confusion matrix of {name}: UA {decimal(float(ua))}"
        yield tabulate(title, ("True class", *EMOTION.classes, "n"), rows)


def _share(n: int, share: float) -> Cell:
    """`.800 (8)`: share of the true class, and number of predictions."""
    if math.isnan(share):
        return Cell(ABSENT)
    return Cell(f"{decimal(share)} ({count(n)})", shade=share)
