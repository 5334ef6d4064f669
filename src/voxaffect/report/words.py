"""What a run came to, in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from voxaffect.evaluation.comparisons import Comparison
from voxaffect.evaluation.run import Run
from voxaffect.evaluation.scores import ScoreTable, display_order
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import decimal, listing, p_value, plural

WHERE = {
    "within": "Within each corpus, on speakers held out",
    "cross": "Across corpora, on a corpus held out",
    "aggregated": "On a tenth held out of all corpora together",
}


def findings(run: Run, summary: Summary) -> tuple[str, ...]:
    """What was compared, what came first and how sure that is: a sentence each."""
    return tuple(_findings(run, summary))


def _findings(run: Run, summary: Summary) -> Iterator[str]:
    yield compared(run)
    if not summary.tables:
        yield "There are no results yet."
    for table in summary.tables:
        yield f"{winner(table)} {certainty(summary.compared(table.protocol))}".strip()
    if run.failures:
        n = len(run.failures)
        yield f"{plural(n, 'result')} could not be computed; the reasons stand at the end."


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


def winner(table: ScoreTable) -> str:
    """Which system came first in a protocol, and by how much."""
    means = {s: mean for s in table.systems if (mean := table.mean(s)) is not None}
    if not means:
        return f"{WHERE[table.protocol]}, no system has a result on every test set."
    first, *others = sorted(means, key=lambda s: -means[s])
    guess = f"(chance {decimal(table.chance())})"
    if not others:
        return f"{WHERE[table.protocol]}, {first} reached a UA of {decimal(means[first])} {guess}."
    tied = [s for s in others if decimal(means[s]) == decimal(means[first])]
    leaders = listing([first, *tied])
    behind = [s for s in others if s not in tied]
    after = f", ahead of {behind[0]} with {decimal(means[behind[0]])}" if behind else ""
    return (
        f"{WHERE[table.protocol]}, {leaders} came first with a UA of "
        f"{decimal(means[first])} {guess}{after}."
    )


def certainty(found: tuple[Comparison, ...]) -> str:
    """What the subtasks changed, and whether chance could have done it."""
    twins = [c for c in found if c.with_twin]
    return f"Against its single-task twin {listing([_gain(c) for c in twins])}." if twins else ""


def _gain(c: Comparison) -> str:
    moved = "gained" if c.difference >= 0 else "lost"
    folds = plural(c.n_pairs, "fold")
    if not c.reachable:
        sure = f"too few differ on {folds} to say more"
    else:
        sure = f"{'' if c.significant else 'not '}significant over {folds}, p {_p(c.p_holm)}"
    return f"{c.system} {moved} {decimal(abs(c.difference))} ({sure})"


def _p(value: float) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def leakage(run: Run) -> dict[str, int]:
    """Each statement on leakage, and how many results it stands for."""
    return dict(Counter(text for r in run.results for text in _lines(r.details.get("leakage"))))


def _lines(value: Any) -> list[str]:
    """Statements as sentences, whether they come as one, as several or by topic."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{topic}: {line}" for topic, part in value.items() for line in _lines(part)]
    if isinstance(value, list | tuple):
        return [line for part in value for line in _lines(part)]
    return [str(value)]


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Nested settings under dotted names, `evaluate.seeds`."""
    lines: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            lines |= flat(value, f"{above}{name}.")
        else:
            lines[f"{above}{name}"] = _plain(value)
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items()) or "none"
    return "none" if value is None else str(value)
