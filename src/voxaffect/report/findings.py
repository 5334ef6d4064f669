"""What a run came to, in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from voxaffect.evaluation.compare_runs import flatten
from voxaffect.evaluation.comparisons import Comparison, Unit
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.results import ScoreTable, display_order
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import decimal, listing, p_value, plural, signed

NO_BREAK = "\N{NO-BREAK SPACE}"
WHERE = {
    "within": "Within each corpus, on speakers held out",
    "cross": "Across corpora, on a corpus held out",
    "aggregated": "On a tenth held out of all corpora together",
}

MANY = 3
"""Differences that are not certain, from which on they are told together."""

UNIT: dict[Unit, tuple[str, str]] = {
    "folds": ("fold", "folds"),
    "speakers": ("speaker", "speakers"),
    "corpora": ("corpus", "corpora"),
}


def findings(run: Run, summary: Summary) -> tuple[str, ...]:
    """What was compared, what came first and how sure that is: a sentence each."""
    return tuple(_findings(run, summary))


def _findings(run: Run, summary: Summary) -> Iterator[str]:
    yield compared(run)
    if not summary.tables:
        yield "There are no results yet."
    for table in summary.tables:
        found = summary.compared(table.protocol)
        said = (winner(table, found), certainty(found), for_other_speakers(summary, found))
        yield " ".join(sentence for sentence in said if sentence)
    if run.failures:
        n = len(run.failures)
        yield f"{plural(n, 'result')} could not be computed; the reasons stand at the end."
    if n := sum(bool(r.restarted) for r in run.results):
        yield f"{plural(n, 'result')} came at a second attempt: the first net diverged."


def compared(run: Run) -> str:
    """Which systems on which corpora, and how much speech that is."""
    systems = display_order({r.system for r in run.results})
    n_utterances = sum(c.n_utterances for c in run.corpora)
    n_speakers = sum(c.n_speakers for c in run.corpora)
    names = listing([c.name for c in run.corpora])
    return (
        f"{plural(len(systems), 'system')} ({listing(systems) or 'none'}) on "
        f"{plural(len(run.corpora), 'corpus', 'corpora')} ({names or 'none'}): "
        f"{plural(n_utterances, 'utterance')} of {plural(n_speakers, 'speaker')}."
    )


def winner(table: ScoreTable, found: Sequence[Comparison]) -> str:
    """Which system came first in a protocol, by how much, and whether that was tested."""
    means = {s: table.mean(s) or 0.0 for s in table.systems if table.is_whole(s)}
    if not means:
        return f"{WHERE[table.protocol]}, no system has all folds, so that none is ranked."
    guess = decimal(table.chance())
    ranked = sorted(means, key=lambda s: -means[s])
    shown = decimal(means[ranked[0]])
    first = [s for s in ranked if decimal(means[s]) == shown]
    verb = "reached" if len(ranked) == 1 else "came first with"
    said = f"{WHERE[table.protocol]}, {listing(first)} {verb} a UA of {shown} (chance {guess})"
    lacking = [s for s in table.systems if s not in means]
    unranked = f" Not ranked, since they lack folds: {listing(lacking)}." if lacking else ""
    if len(first) == len(ranked):
        return f"{said}.{unranked}"
    second = ranked[len(first)]
    gap = [_sure(c) for c in found if {c.reference, c.system} == {ranked[0], second}]
    tested = gap[0] if gap else "the gap was not tested"
    return f"{said}, ahead of {second} with {decimal(means[second])} ({tested}).{unranked}"


def certainty(found: Sequence[Comparison]) -> str:
    """What the subtasks changed, and whether chance could have done it.

    Differences that are certain are told one by one, and so are the others where they are few.
    """
    twins = [c for c in found if c.with_twin]
    unsure = [c for c in twins if not c.significant]
    many = unsure if len(unsure) >= MANY else []
    singly = [c for c in twins if c not in many]
    said = (
        [f"Against its single-task twin {listing([_twin(c) for c in singly])}."] if singly else []
    )
    if many:
        said.append(_many(many, "other multi-task nets" if singly else "multi-task nets"))
    return " ".join(said)


def _many(unsure: Sequence[Comparison], nets: str) -> str:
    """How far they moved, from the least to the most, and why none of it is certain."""
    low, high = (signed(end(c.difference for c in unsure)) for end in (min, max))
    doubts = {too_few(c) for c in unsure}
    if len(doubts) == 1 and (few := doubts.pop()):
        doubt = f"{few} cannot tell"
    else:
        pairs, least = number_of_pairs(unsure[0]), min(c.p_holm for c in unsure)
        doubt = f"none significantly over {pairs}, p{NO_BREAK}{at_least(least)}"
    names = listing([c.system for c in unsure])
    which = f"the {len(unsure)} {nets} ({names})"
    return f"Beside their single-task twins {which} moved by {low} to {high} ({doubt})."


def for_other_speakers(summary: Summary, found: Sequence[Comparison]) -> str:
    """What speakers tell of the subtasks where corpora are too few to tell anything."""
    untold = {(c.protocol, c.system) for c in found if c.with_twin and not c.reachable}
    told = [
        c
        for c in summary.by_other_units
        if c.unit == "speakers" and c.with_twin and (c.protocol, c.system) in untold
    ]
    if not told:
        return ""
    clear = listing([_twin(c) for c in told if c.significant]) or "no such difference is certain"
    pairs = number_of_pairs(told[0])
    return f"Over the {pairs}, which tells of other speakers and not of other corpora, {clear}."


def number_of_pairs(c: Comparison) -> str:
    """`69 speakers`, `4 corpora`."""
    return plural(c.n_pairs, *UNIT[c.unit])


def too_few(c: Comparison) -> str:
    """The pairs that could not have shown any difference, `4 corpora`; empty where they could."""
    n_differ = c.n_better + c.n_worse
    if c.reachable or n_differ == 0:
        return ""
    return number_of_pairs(c) if n_differ == c.n_pairs else f"{n_differ} of {number_of_pairs(c)}"


def gained(c: Comparison) -> str:
    """`gained .014 (not significant over 69 speakers, p = .310; …)`."""
    moved = "gained" if c.difference >= 0 else "lost"
    return f"{moved} {decimal(abs(c.difference))} ({_sure(c)}{_interval(c)})"


def _twin(c: Comparison) -> str:
    return f"{c.system} {gained(c)}"


def _sure(c: Comparison) -> str:
    if c.n_better + c.n_worse == 0:
        return f"equal on {number_of_pairs(c)}"
    if few := too_few(c):
        return f"{few} cannot tell"
    significant = f"{'' if c.significant else 'not '}significant"
    return f"{significant} over {number_of_pairs(c)}, p{NO_BREAK}{_p(c.p_holm)}"


def _interval(c: Comparison) -> str:
    """The gain of all answers together, and where it could lie with other speakers."""
    if c.pooled is None:
        return ""
    value, low, high = (signed(x) for x in (c.pooled.value, c.pooled.low, c.pooled.high))
    return f"; pooled {value}, 95{NO_BREAK}% interval {low} to {high}"


def _p(value: float) -> str:
    text = p_value(value)
    return (text if text.startswith("<") else f"= {text}").replace(" ", NO_BREAK)


def at_least(p: float) -> str:
    """From which on some p are; a p is no more than 1."""
    sign = "=" if p_value(p) == p_value(1.0) else "≥"
    return f"{sign}{NO_BREAK}{p_value(p)}"


def leakage(results: Iterable[FoldResult]) -> dict[tuple[str, str, str], int]:
    """Protocol, test set and what its folds share with their training data -> number of folds."""
    said = {(r.fold, (r.protocol, r.corpus, _shared(r))) for r in results}
    return dict(sorted(Counter(statement for _, statement in said).items()))


def _shared(result: FoldResult) -> str:
    text = str(result.details.get("leakage", "no statement was recorded"))
    return text.removeprefix(f"{result.fold}: ")


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings under dotted names, `evaluate.seeds`, in words."""
    return {name: _plain(value) for name, value in flatten(values).items()}


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items()) or "none"
    return "none" if value is None else str(value)
