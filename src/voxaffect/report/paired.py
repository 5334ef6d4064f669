"""Systems against each other, pair by pair: what was gained, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from voxaffect.evaluation.measures.resampling import MIN_FREEDOM
from voxaffect.evaluation.scores.bootstrap import Interval
from voxaffect.evaluation.scores.comparisons import Comparison
from voxaffect.report.table import ABSENT, Cell, Table, decimal, p_value, plural, signed
from voxaffect.report.words import number_of_pairs, too_few

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
