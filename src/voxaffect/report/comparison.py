"""Two runs beside each other: for the terminal in short, as Markdown in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voxaffect.evaluation.compare_runs import Answered, RunsCompared
from voxaffect.evaluation.comparisons import Comparison
from voxaffect.report.findings import WHERE, gained
from voxaffect.report.result_tables import (
    COMPARED,
    NO_INTERVAL,
    compared,
    interval_of,
    notes,
    verdict,
)
from voxaffect.report.table import (
    Cell,
    Table,
    count,
    decimal,
    escape,
    listing,
    markdown,
    p_value,
    plural,
    signed,
)

SHOWN = 6
"""Names that a sentence lists before it counts the rest."""


def comparison_markdown(
    found: RunsCompared, names: tuple[str, str], cautions: Sequence[str]
) -> str:
    """Everything: what matches, what differs, who gained.

    Args:
        found: what came of comparing.
        names: of the runs A and B.
        cautions: sentences that stand wherever numbers of the runs do.
    """
    said = "\n".join(f"- {escape(text)}" for text in sentences(found, names))
    quoted = [f"> {escape(text)}" for text in dict.fromkeys(cautions) if text]
    shown = (differing(found), *full(found))
    return "\n\n".join(["# Two runs compared", *quoted, said, *map(markdown, shown)]) + "\n"


def sentences(found: RunsCompared, names: tuple[str, str]) -> tuple[str, ...]:
    """What was compared, what could not be, and what came of it: a sentence each."""
    return (
        f"A is {names[0]}, B is {names[1]}; every gain is that of B on A.",
        *_matched(found),
        *_left_out(found),
        *_gains(found.comparisons),
    )


def differing(found: RunsCompared) -> Table:
    """What differs in how the runs were made."""
    rows = tuple((Cell(d.kind), Cell(d.name), Cell(d.a), Cell(d.b)) for d in found.differences)
    none = "Settings, corpora, seeds, sizes of training sets and versions are the same."
    return Table(
        "What differs between the runs",
        ("Kind", "What", "A", "B"),
        rows,
        () if rows else (none,),
        words=frozenset(range(4)),
    )


def brief(found: RunsCompared) -> Table:
    """Who gained, narrow enough for a terminal."""
    return Table(
        title="Systems of B against those of A, on the folds and utterances of both",
        columns=("System", "Tested on", "A", "B", "Gain", "Pooled gain [95 %]", "p (Holm)", ""),
        rows=tuple(
            (
                Cell(_systems(c)),
                Cell(_tested_on(c)),
                Cell(decimal(c.below)),
                Cell(decimal(c.above)),
                Cell(signed(c.difference)),
                Cell(interval_of(c)),
                Cell(p_value(c.p_holm)),
                Cell(verdict(c)),
            )
            for c in found.comparisons
        ),
        notes=(NO_INTERVAL,) if any(c.pooled is None for c in found.comparisons) else (),
        words=frozenset({0, 1, 7}),
    )


def full(found: RunsCompared) -> Iterator[Table]:
    """Who gained, a table a protocol, and how that was tested."""
    for protocol in dict.fromkeys(c.protocol for c in found.comparisons):
        those = [c for c in found.comparisons if c.protocol == protocol]
        columns = ("System", "Tested on", "UA of A", "UA of B", *COMPARED)
        yield Table(
            title=WHERE[protocol],
            columns=columns,
            rows=tuple(_row(c) for c in those),
            notes=notes(those),
            words=frozenset({0, 1, 4, len(columns) - 1}),
        )


def _row(c: Comparison) -> tuple[Cell, ...]:
    name = (Cell(_systems(c)), Cell(c.test or "all"))
    return (*name, Cell(decimal(c.below)), Cell(decimal(c.above)), *compared(c))


def _tested_on(c: Comparison) -> str:
    return f"{c.protocol}, {c.test}" if c.test else f"{c.protocol}, all {c.unit}"


def _systems(c: Comparison) -> str:
    """`svm`, or `dnn-mtl (A: dnn-stl)` where the two differ."""
    return _name(c.reference.removeprefix("A "), c.system.removeprefix("B "))


def _name(of_a: str, of_b: str) -> str:
    return of_b if of_a == of_b else f"{of_b} (A: {of_a})"


def _gains(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """A sentence a protocol, on its own question: over the unit that it compares by first."""
    overall = [c for c in comparisons if c.test is None]
    for protocol in dict.fromkeys(c.protocol for c in overall):
        first = next(c.unit for c in overall if c.protocol == protocol)
        those = [c for c in overall if (c.protocol, c.unit) == (protocol, first)]
        yield f"{WHERE[protocol]}, in B {listing([f'{_systems(c)} {gained(c)}' for c in those])}."


def _matched(found: RunsCompared) -> Iterator[str]:
    matching = found.matching
    n_folds, n_utterances = len(matching.shared), matching.n_utterances
    answers = plural(n_utterances, "test utterance")
    yield f"The runs share {plural(n_folds, 'fold')} with {answers} of the same class in both."
    for run, folds in (("A", matching.only_a), ("B", matching.only_b)):
        if folds:
            yield f"Only {run} has {_named(folds, 'fold')}, not compared."
    if partial := matching.partial:
        only_a, only_b, relabeled = (
            count(sum(fold.n_only_a for fold in partial)),
            count(sum(fold.n_only_b for fold in partial)),
            count(sum(fold.n_relabeled for fold in partial)),
        )
        names = _named([fold.name for fold in partial], "fold")
        yield (
            f"Of {names} only what both runs test is compared; test utterances only in A: "
            f"{only_a}, only in B: {only_b}, of another class in each: {relabeled}."
        )


def _left_out(found: RunsCompared) -> Iterator[str]:
    for run, systems in found.alone.items():
        if systems:
            yield f"Only {run} has {listing(systems)}."
    for answered in found.answered:
        if answered.n_both < len(found.matching.shared):
            yield _incomplete(answered, len(found.matching.shared))


def _incomplete(answered: Answered, n_folds: int) -> str:
    of_a, of_b = answered.systems
    return (
        f"{_name(of_a, of_b)} is compared on {count(answered.n_both)} of "
        f"{plural(n_folds, 'shared fold')}: A has results of {count(answered.n_a)}, B of "
        f"{count(answered.n_b)}."
    )


def _named(names: Sequence[str], kind: str) -> str:
    """`2 folds (a, b)`, and how many more where they are many."""
    more = f" and {count(len(names) - SHOWN)} more" if len(names) > SHOWN else ""
    return f"{plural(len(names), kind)} ({', '.join(names[:SHOWN])}{more})"
