"""Calibration of the confidences, and selective prediction (accuracy at a coverage)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from voxaffect.evaluation.calibration import COVERAGES, N_BINS, Reliability
from voxaffect.evaluation.results import PROTOCOLS
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import PROTOCOL_TITLES, Section, Table, tabulate
from voxaffect.report.text import decimal, signed

INTRO = (
    "Calibration: of predictions with a confidence of 80 %, 80 % should be correct. Selective "
    "prediction: accuracy if the least confident predictions are rejected. Probabilities were "
    "calibrated on dev sets, which resemble the training data; nothing was fitted on test sets."
)
MEASURES = (
    "ECE: expected calibration error, the mean absolute difference of confidence and accuracy in "
    f"{N_BINS} bins. Equal mass: every bin has a tenth of the predictions; equal width: a tenth of "
    "the confidence range. MCE: maximum calibration error over the equal-mass bins; unreliable for "
    "few predictions. Brier: mean squared error of the probabilities, 0 to 2. AURC: area under the "
    "risk-coverage curve, the mean error rate over all coverages. All measures pool the "
    "predictions of all folds and are means over seeds; overconfidence on one test set and "
    "underconfidence on another may cancel out."
)
COVERAGE = (
    "Coverage: share of utterances with the highest confidence that are predicted; ties are broken "
    "at random. UA: over the classes of the predicted utterances."
)
SHOWN = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Coverages with a column."""
TOLERANCE = 0.02
"""Largest difference of confidence and accuracy that counts as well calibrated."""


def section(summary: Summary) -> Section | None:
    """The section on calibration; None without results."""
    if not summary.reliabilities:
        return None
    order = sorted(summary.reliabilities, key=lambda r: PROTOCOLS.index(r.protocol))
    tested = [[*some] for _, some in groupby(order, key=lambda r: r.protocol)]
    return Section(
        key="reliability",
        title="Calibration",
        lead=(INTRO, *(text for some in tested for text in findings(some)), MEASURES, COVERAGE),
        tables=tuple(measures(some) for some in tested),
        more=tuple(t for s in tested for t in (coverage(s, "accuracy"), coverage(s, "ua"))),
        more_title="Accuracy by coverage",
    )


def findings(found: Sequence[Reliability]) -> Iterator[str]:
    """The worst calibrated system of a protocol, and the largest gain by rejecting half."""
    where = PROTOCOL_TITLES[found[0].protocol]
    worst = max(found, key=lambda r: r.measures.equal_mass)
    m = worst.measures
    judged = "overconfident" if m.confidence > m.accuracy else "underconfident"
    if abs(m.confidence - m.accuracy) < TOLERANCE:
        judged = "well calibrated on average"
    yield (
        f"{where}: {worst.system} is calibrated worst (ECE {decimal(m.equal_mass)}), with a mean "
        f"confidence of {_percent(m.confidence)} and {_percent(m.accuracy)} correct predictions: "
        f"{judged}."
    )
    best = max(found, key=lambda r: _half(r) - r.measures.accuracy)
    yield (
        f"{where}: {best.system} gains most if the less confident half is rejected: "
        f"{_percent(_half(best))} of the remaining predictions are correct, instead of "
        f"{_percent(best.measures.accuracy)}."
    )


def _half(found: Reliability) -> float:
    return float(np.interp(0.5, COVERAGES, found.coverage.accuracy))


def measures(found: Sequence[Reliability]) -> Table:
    """Calibration measures of the systems of a protocol."""
    rows = (
        (
            *(r.system, m.accuracy, m.confidence, signed(m.confidence - m.accuracy)),
            *(m.equal_mass, m.equal_width, m.maximum, m.brier, m.risk_area),
        )
        for r, m in ((r, r.measures) for r in found)
    )
    columns = (
        *("System", "Accuracy", "Confidence", "Overconfidence"),
        *("ECE, equal mass", "ECE, equal width", "MCE", "Brier", "AURC"),
    )
    return tabulate(f"{PROTOCOL_TITLES[found[0].protocol]}: calibration", columns, rows)


def coverage(found: Sequence[Reliability], of: Literal["accuracy", "ua"]) -> Table:
    """Accuracy or UA of the systems of a protocol by coverage."""
    rows = ((r.system, *np.interp(SHOWN, COVERAGES, getattr(r.coverage, of))) for r in found)
    name = "UA" if of == "ua" else "accuracy"
    title = f"{PROTOCOL_TITLES[found[0].protocol]}: {name} by coverage"
    return tabulate(title, ("System", *map(_percent, SHOWN)), rows)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
