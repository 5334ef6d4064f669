"""Comparison of two runs: short for the terminal, in full as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voxaffect.evaluation.compare_runs import RunsCompared
from voxaffect.evaluation.comparisons import Comparison
from voxaffect.report.findings import describe_gain, significance
from voxaffect.report.result_tables import COMPARED, NO_INTERVAL, compared, notes
from voxaffect.report.table import PROTOCOL_TITLES, Table, escape, markdown, tabulate
from voxaffect.report.text import count, listing, p_value, plural, signed, with_interval

MAX_NAMES = 6
"""Most names listed in a sentence."""


def comparison_markdown(found: RunsCompared, names: tuple[str, str], notes: Sequence[str]) -> str:
    """The comparison of runs A and B with these names in full, below the notes of the runs."""
    text = "\n".join(f"- {escape(sentence)}" for sentence in describe_comparison(found, names))
    quoted = [f"> {escape(note)}" for note in dict.fromkeys(notes) if note]
    shown = (differences_table(found), *gains_tables(found))
    return "\n\n".join(["# Comparison of two runs", *quoted, text, *map(markdown, shown)]) + "\n"


def describe_comparison(found: RunsCompared, names: tuple[str, str]) -> tuple[str, ...]:
    """Shared folds, what was left out, and gains; one sentence each."""
    return (
        f"A is {names[0]}, B is {names[1]}. Gain: B minus A.",
        *_shared_folds(found),
        *_left_out(found),
        *_gains(found.comparisons),
    )


def differences_table(found: RunsCompared) -> Table:
    """Differences in settings, corpora and versions of the runs."""
    none = "Settings, corpora, seeds, training set sizes and versions are the same."
    rows = [(d.kind, d.name, d.a, d.b) for d in found.differences]
    columns = ("Kind", "Name", "A", "B")
    title = "Differences between the runs"
    return tabulate(title, columns, rows, "" if rows else none, text_columns=range(4))


def brief_table(found: RunsCompared) -> Table:
    """Gains of B over A, narrow enough for a terminal."""
    rows = (
        (
            *(_systems(c), f"{c.protocol}, {c.test or f'all {c.unit}'}", c.below, c.above),
            *(signed(c.difference), with_interval(c.pooled, signed)),
            *(p_value(c.p_holm), significance(c)),
        )
        for c in found.comparisons
    )
    gains = ("Gain", "Pooled gain [95 % CI]", "p (Holm)", "Result")
    columns = ("System", "Test set", "A", "B", *gains)
    below = NO_INTERVAL if any(c.pooled is None for c in found.comparisons) else ""
    title = "UA of B and A on shared folds and utterances"
    return tabulate(title, columns, rows, below, text_columns=(0, 1, 7))


def gains_tables(found: RunsCompared) -> Iterator[Table]:
    """Gains of B over A with the paired tests, one table per protocol."""
    for protocol in dict.fromkeys(c.protocol for c in found.comparisons):
        own = [c for c in found.comparisons if c.protocol == protocol]
        columns = ("System", "Test set", "UA of A", "UA of B", *COMPARED)
        rows = ((_systems(c), c.test or "all", c.below, c.above, *compared(c)) for c in own)
        texts = (0, 1, 4, len(columns) - 1)
        title = PROTOCOL_TITLES[protocol]
        yield tabulate(title, columns, rows, *notes(own), text_columns=texts)


def _systems(c: Comparison) -> str:
    return _name(c.reference.removeprefix("A "), c.system.removeprefix("B "))


def _name(of_a: str, of_b: str) -> str:
    """`svm`, or `dnn-mtl (A: dnn-stl)` if the names differ."""
    return of_b if of_a == of_b else f"{of_b} (A: {of_a})"


def _gains(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """One sentence per protocol, over its main unit (speakers or corpora)."""
    overall = [c for c in comparisons if c.test is None]
    for protocol in dict.fromkeys(c.protocol for c in overall):
        first = next(c.unit for c in overall if c.protocol == protocol)
        own = [c for c in overall if (c.protocol, c.unit) == (protocol, first)]
        gains = listing([f"{_systems(c)} {describe_gain(c)}" for c in own])
        yield f"{PROTOCOL_TITLES[protocol]}: {gains}."


def _shared_folds(found: RunsCompared) -> Iterator[str]:
    matching = found.matching
    yield (
        f"The runs share {plural(len(matching.shared), 'fold')} and "
        f"{plural(len(matching.utterances), 'test utterance')} (with the same label)."
    )
    for run, names in (("A", matching.only_a), ("B", matching.only_b)):
        if names:
            yield f"Only in {run}, not compared: {_named(names)}."
    partial = matching.partial
    if len(partial):
        only_a, only_b, relabeled = (
            count(int(partial[name].sum())) for name in ("n_only_a", "n_only_b", "n_relabeled")
        )
        yield (
            f"Only utterances in both runs are compared in {_named([*map(str, partial.index)])}. "
            f"Left out: {only_a} only in A, {only_b} only in B, {relabeled} with different labels."
        )


def _left_out(found: RunsCompared) -> Iterator[str]:
    for run, systems in found.alone.items():
        if systems:
            yield f"Only in {run}: {listing(systems)}."
    n_folds = len(found.matching.shared)
    for answered in found.answered:
        if answered.n_both < n_folds:
            yield (
                f"{_name(*answered.systems)} is compared on {count(answered.n_both)} of "
                f"{plural(n_folds, 'shared fold')}: A has results for {count(answered.n_a)}, B for "
                f"{count(answered.n_b)}."
            )


def _named(names: Sequence[str]) -> str:
    """`2 folds (a, b)`, with at most `MAX_NAMES` names."""
    more = f" and {count(len(names) - MAX_NAMES)} more" if len(names) > MAX_NAMES else ""
    return f"{plural(len(names), 'fold')} ({', '.join(names[:MAX_NAMES])}{more})"
