"""Main results of a run in sentences, and how a paired test is described."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from voxaffect.evaluation.comparisons import Comparison, Unit
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import by_system, chance, complete, display_order, names
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import PROTOCOL_TITLES
from voxaffect.report.text import decimal, listing, p_value, plural, signed

NO_BREAK = "\N{NO-BREAK SPACE}"

MAX_LISTED = 2
"""Most non-significant differences that are listed one by one; more are summarized."""

SINGULAR: dict[Unit, str] = {"folds": "fold", "speakers": "speaker", "corpora": "corpus"}


def findings(run: Run, summary: Summary) -> list[str]:
    """What was compared, the best system of each protocol and the tests; one item each."""
    texts = [describe_run(run)]
    if not summary.scores:
        texts.append("No results yet.")
    for protocol, scores in summary.scores.items():
        found = summary.compared(protocol)
        gains = (subtask_gains(found), over_speakers(summary, found))
        sentences = (best_system(scores, found), *gains)
        texts.append(f"{PROTOCOL_TITLES[protocol]}: {' '.join(filter(None, sentences))}")
    if run.failures:
        failed = plural(len(run.failures), "result")
        texts.append(f"{failed} could not be computed; the reasons are at the end of the report.")
    if n := int((run.trainings["restarted"].fillna("") != "").sum()):
        restarted = plural(n, "result")
        texts.append(f"Training diverged and was restarted with another seed for {restarted}.")
    return texts


def describe_run(run: Run) -> str:
    """Systems, corpora, and number of utterances and speakers."""
    systems = display_order(run.results["system"].unique())
    n_utterances = sum(c.n_utterances for c in run.corpora)
    n_speakers = sum(c.n_speakers for c in run.corpora)
    names = listing([c.name for c in run.corpora])
    return (
        f"{plural(len(systems), 'system')} ({listing(systems) or 'none'}) on "
        f"{plural(len(run.corpora), 'corpus', 'corpora')} ({names or 'none'}): "
        f"{plural(n_utterances, 'utterance')} of {plural(n_speakers, 'speaker')}."
    )


def best_system(scores: pd.DataFrame, found: Sequence[Comparison]) -> str:
    """The system with the highest UA, its lead, and whether the lead was tested."""
    ua = by_system(scores)
    means = {system: float(ua[system].mean()) for system in complete(scores)}
    if not means:
        return "no ranking, because no system has results for all folds."
    ranked = sorted(means, key=lambda s: -means[s])
    shown = decimal(means[ranked[0]])
    first = [s for s in ranked if decimal(means[s]) == shown]
    verb = "share" if len(first) > 1 else "has"
    verb = "reaches a UA of" if len(ranked) == 1 else f"{verb} the highest UA,"
    text = f"{listing(first)} {verb} {shown} (chance {decimal(chance(scores))})"
    lacking = [s for s in names(ua) if s not in means]
    unranked = f" Not ranked because of missing folds: {listing(lacking)}." if lacking else ""
    if len(first) == len(ranked):
        return f"{text}.{unranked}"
    second = ranked[len(first)]
    tests = [_test(c) for c in found if {c.reference, c.system} == {ranked[0], second}]
    tested = tests[0] if tests else "difference not tested"
    return f"{text}, followed by {second} with {decimal(means[second])} ({tested}).{unranked}"


def subtask_gains(found: Sequence[Comparison]) -> str:
    """Gain of each multi-task net over its single-task baseline; many others are summarized."""
    pairs = [c for c in found if c.with_single_task]
    many = [c for c in pairs if not c.significant]
    if len(many) <= MAX_LISTED:
        many = []
    single = [f"{c.system} {describe_gain(c)}" for c in pairs if c not in many]
    text = [f"Compared with its single-task baseline, {listing(single)}."] if single else []
    if many:
        text.append(_range_of_gains(many, "other multi-task nets" if single else "multi-task nets"))
    return " ".join(text)


def _range_of_gains(many: Sequence[Comparison], nets: str) -> str:
    low, high = (signed(end(c.difference for c in many)) for end in (min, max))
    reasons = {untestable(c) for c in many}
    if len(reasons) > 1 or not (reason := reasons.pop()):
        pairs, least = number_of_pairs(many[0]), min(c.p_holm for c in many)
        reason = f"none significant over {pairs}, p{NO_BREAK}{at_least(least)}"
    return (
        f"The {len(many)} {nets} ({listing([c.system for c in many])}) differ from their "
        f"single-task baselines by {low} to {high} ({reason})."
    )


def over_speakers(summary: Summary, found: Sequence[Comparison]) -> str:
    """Tests over speakers for nets with too few corpora for a test."""
    untested = {(c.protocol, c.system) for c in found if c.with_single_task and not c.reachable}
    tested = [
        c
        for c in summary.by_other_units
        if c.unit == "speakers" and c.with_single_task and (c.protocol, c.system) in untested
    ]
    if not tested:
        return ""
    gains = [f"{c.system} {describe_gain(c)}" for c in tested if c.significant]
    return (
        f"Tested over the {number_of_pairs(tested[0])} (valid for other speakers, not for other "
        f"corpora), {listing(gains) or 'no difference is significant'}."
    )


def number_of_pairs(c: Comparison) -> str:
    """`69 speakers`, `4 corpora`."""
    return plural(c.n_pairs, SINGULAR[c.unit], c.unit)


def untestable(c: Comparison) -> str:
    """`too few corpora (4) for a test`; empty if significance was reachable or all pairs tie."""
    n_differ = c.n_better + c.n_worse
    if c.reachable or n_differ == 0:
        return ""
    if n_differ == c.n_pairs:
        return f"too few {c.unit} ({n_differ}) for a test"
    return f"too few {c.unit} differ ({n_differ} of {c.n_pairs})"


def describe_gain(c: Comparison) -> str:
    """`gained .014 (not significant over 69 speakers, p = .310; …)`."""
    interval = ""
    if c.pooled is not None:
        value, low, high = (signed(x) for x in (c.pooled.value, c.pooled.low, c.pooled.high))
        interval = f"; pooled {value}, 95{NO_BREAK}% CI {low} to {high}"
    verb = "gained" if c.difference >= 0 else "lost"
    return f"{verb} {decimal(abs(c.difference))} ({_test(c)}{interval})"


def significance(c: Comparison) -> str:
    """Result of the paired test in words."""
    if c.n_better + c.n_worse == 0:
        return f"equal on {number_of_pairs(c)}"
    return untestable(c) or ("significant" if c.significant else "not significant")


def _test(c: Comparison) -> str:
    if not c.reachable:
        return significance(c)
    p = equals(p_value(c.p_holm)).replace(" ", NO_BREAK)
    return f"{significance(c)} over {number_of_pairs(c)}, p{NO_BREAK}{p}"


def equals(p: str) -> str:
    """`= .031`, `< .001`."""
    return p if p.startswith("<") else f"= {p}"


def at_least(p: float) -> str:
    """`≥ .310`; `= 1.000` for the largest p."""
    sign = "=" if p_value(p) == p_value(1.0) else "≥"
    return f"{sign}{NO_BREAK}{p_value(p)}"
