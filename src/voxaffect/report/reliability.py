"""How far stated confidences can be trusted, and what withholding unsure answers gains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.calibration import COVERAGES, N_BINS, Reliability
from voxaffect.evaluation.experiment.run import PROTOCOLS
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures.style import Picture
from voxaffect.report.findings import WHERE
from voxaffect.report.table import Cell, Section, Table, decimal, signed

KEY = "reliability"
ASKED = (
    "When a system says it is 80 % sure, is it right in 80 % of such cases? And does it do better "
    "when it may withhold the answers it is least sure of? Probabilities were calibrated on dev "
    "sets, which hold speech like that of training; nothing was fitted on test sets."
)
MEASURES = (
    f"ECE: expected calibration error, the distance of confidence and accuracy in {N_BINS} bins, "
    f"mean over answers; bins of equal mass hold a tenth of the answers each, bins of equal width "
    "a tenth of the range of confidence. MCE: the greatest distance of a bin of equal mass; of few "
    "answers it is large by luck. Brier: mean squared distance of the probabilities from the "
    "truth, 0 to 2. Risk area: share of wrong answers, mean over all coverages, 0 where all are "
    "right. All join the answers of all folds and are means over seeds; a test set that is "
    "promised too much and one that is promised too little may hide each other."
)
WITHHELD = (
    "Coverage is the share of utterances that are answered, those of the highest confidence; where "
    "confidences are equal, chance decides. UA: over the classes of which anything is answered."
)
SHOWN = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Coverages that have a column."""
NOTABLE = 0.02
"""Confidence and accuracy closer than this are called alike."""


def section(summary: Summary, pictures: Sequence[Picture]) -> Section | None:
    """The section, None where a run has no results."""
    found = summary.reliabilities
    if not found:
        return None
    tested = [[r for r in found if r.protocol == name] for name in PROTOCOLS]
    tested = [some for some in tested if some]
    return Section(
        key=KEY,
        title="How far to trust its confidence",
        lead=(ASKED, *(said for some in tested for said in findings(some)), MEASURES, WITHHELD),
        tables=tuple(measures(some) for some in tested),
        pictures=tuple(p for p in pictures if p.protocol == KEY),
        more=tuple(coverage(some, of) for some in tested for of in ("accuracy", "ua")),
        more_title="Accuracy when the least sure answers are withheld",
    )


def findings(found: Sequence[Reliability]) -> Iterator[str]:
    """Who promises most too much in a protocol, and what withholding gains at best."""
    where = WHERE[found[0].protocol]
    worst = max(found, key=lambda r: r.measures.equal_mass)
    m = worst.measures
    yield (
        f"{where}, the confidence of {worst.system} is furthest from the truth: it is "
        f"{_percent(m.confidence)} sure on average and right in {_percent(m.accuracy)} of its "
        f"answers, {_judged(m.confidence - m.accuracy)} (ECE {decimal(m.equal_mass)})."
    )
    best = max(found, key=lambda r: _half(r) - r.measures.accuracy)
    yield (
        f"{where}, {best.system} gains most by withholding the less sure half of its answers: of "
        f"the others {_percent(_half(best))} are right, of all {_percent(best.measures.accuracy)}."
    )


def _judged(excess: float) -> str:
    if abs(excess) < NOTABLE:
        return "alike on the whole"
    return "so it promises too much" if excess > 0 else "so it promises too little"


def _half(found: Reliability) -> float:
    return float(np.interp(0.5, COVERAGES, found.coverage.accuracy))


def measures(found: Sequence[Reliability]) -> Table:
    """Every measure of every system of a protocol."""
    rows = tuple(
        (
            Cell(r.system),
            *map(Cell, (decimal(r.measures.accuracy), decimal(r.measures.confidence))),
            Cell(signed(r.measures.confidence - r.measures.accuracy)),
            *map(Cell, map(decimal, (r.measures.equal_mass, r.measures.equal_width))),
            *map(Cell, map(decimal, (r.measures.maximum, r.measures.brier))),
            Cell(decimal(r.measures.risk_area)),
        )
        for r in found
    )
    return Table(
        title=f"{WHERE[found[0].protocol]}: confidence and what became of it",
        columns=(
            *("System", "Accuracy", "Confidence", "Too sure by"),
            *("ECE, equal mass", "ECE, equal width", "MCE", "Brier", "Risk area"),
        ),
        rows=rows,
    )


def coverage(found: Sequence[Reliability], of: str) -> Table:
    """Accuracy or UA at some coverages.

    Args:
        found: the systems of a protocol.
        of: `accuracy` or `ua`.
    """
    rows = tuple(
        (Cell(r.system), *(Cell(decimal(float(x))) for x in _at(getattr(r.coverage, of))))
        for r in found
    )
    name = {"accuracy": "accuracy", "ua": "UA"}[of]
    return Table(
        title=f"{WHERE[found[0].protocol]}: {name} at a coverage",
        columns=("System", *(_percent(share) for share in SHOWN)),
        rows=rows,
    )


def _at(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.interp(SHOWN, COVERAGES, values)
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
