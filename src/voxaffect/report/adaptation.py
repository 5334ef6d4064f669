"""What adapting a recogniser changes, as tables."""

from __future__ import annotations

from voxaffect.evaluation.scores.before_after import BeforeAfter
from voxaffect.report.table import Cell, Table, count, decimal, p_value, plural, signed

METHOD = (
    "Speakers are dealt into parts. Each part is answered by the recogniser as it was, and by one "
    "adapted to the other speakers: nobody is heard by what was adapted to them."
)


def adaptation_tables(found: BeforeAfter) -> tuple[Table, Table]:
    """Scores before and after: over all answers, and speaker by speaker."""
    rows = [
        _row("UA, all answers", found.before, found.after),
        *(_row(f"recall of {name}", *pair) for name, pair in found.recalls.items()),
    ]
    whole = Table(
        title=f"Held-out speakers: {plural(found.n, 'utterance')}",
        columns=("Measure", "Before", "After", "Gain"),
        rows=tuple(rows),
        notes=(METHOD, _sure(found)),
    )
    speakers = Table(
        title="UA by speaker",
        columns=("Speaker", "Before", "After", "Gain"),
        rows=tuple(_row(name, *pair) for name, pair in found.speakers.items()),
    )
    return whole, speakers


def _row(name: str, before: float, after: float) -> tuple[Cell, ...]:
    return (
        Cell(name),
        Cell(decimal(before)),
        Cell(decimal(after), best=after > before),
        Cell(signed(after - before)),
    )


def _sure(found: BeforeAfter) -> str:
    """How many speakers gain, and whether chance could have done it."""
    paired = found.paired
    speakers = plural(paired.n_pairs, "speaker")
    said = f"Of {speakers} {count(paired.n_better)} gain and {count(paired.n_worse)} lose"
    if not paired.reachable:
        return f"{said}; so few cannot show that this was not chance."
    return f"{said} (Wilcoxon signed-rank, p {_equals(p_value(paired.p_value))})."


def _equals(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"
