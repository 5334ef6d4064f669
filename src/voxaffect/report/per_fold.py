"""Every fold and system, for those who want to follow a mean down to its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from voxaffect.evaluation.experiment.run import PROTOCOLS, Run
from voxaffect.evaluation.scores.per_fold import FoldScore, fold_scores
from voxaffect.report.section import Section
from voxaffect.report.table import ABSENT, Cell, Table, count, decimal, plural

LEAD = (
    "UA of every system on every fold, by seed. Means and tests take a fold once, by the mean of "
    "its seeds."
)
CHOSEN = (
    "Dev: utterances of the dev set, whose UA, then loss, chose the epoch; the test set decides "
    "nothing. Epochs: the one whose weights were kept, of those trained, a training for each seed; "
    f"{ABSENT} for a system that has none."
)
TITLES = {
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
        title=TITLES[protocol],
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
