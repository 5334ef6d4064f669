"""Robustness: accuracy of the systems on degraded speech."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from math import isnan

import pandas as pd

from voxaffect.evaluation.intervals import Estimate
from voxaffect.evaluation.robustness.robustness import Compared, Robustness
from voxaffect.report.export import finite
from voxaffect.report.figures.curves import robustness_picture
from voxaffect.report.figures.style import Picture
from voxaffect.report.table import Cell, Section, Table, best_marked, escape, markdown, tabulate
from voxaffect.report.text import ABSENT, decimal, listing, p_value, plural, signed, with_interval

TITLE = "Robustness to degraded speech"
TRAINED = {
    "within": "trained on the other speakers of the corpus",
    "cross": "trained on the other corpora",
    "aggregated": "trained on 90 % of all corpora; speakers and recording conditions overlap",
}
DEFINITION = (
    "Robustness: share of the clean UA above chance that remains on degraded speech, that is "
    "(degraded UA \N{MINUS SIGN} chance) / (clean UA \N{MINUS SIGN} chance). 1: no loss; 0: chance "
    "level. Degraded UA: mean over groups of conditions with equal weights. A system that is weak "
    "on clean speech has little to lose, so compare the degraded UA as well."
)
DEGRADATIONS = (
    "Degradations are simulated on recordings of the corpora, normalized to one level. Noise is "
    "added relative to the active speech level (ITU-T P.56), without pauses. Babble: six other "
    "speakers of the corpora. Rooms: exponentially decaying noise. Cuts: counted from speech onset."
)
METHOD = (
    "p: two-sided Wilcoxon signed-rank test of the degraded UA over folds, seeds averaged first, "
    "Holm-corrected for all pairs. Confidence intervals use the same resamples of speakers for "
    "both systems and are not corrected."
)


def robustness_section(found: Robustness | None) -> Section | None:
    """The section on robustness; None if it was not measured."""
    if found is None:
        return None
    *tables, by_conditions, remaining = _tables(found)
    return Section(
        key="robustness",
        title=TITLE,
        lead=tuple(_lead(found)),
        tables=tuple(tables),
        more=(by_conditions, remaining),
        more_title="Results by condition",
    )


def robustness_markdown(found: Robustness) -> tuple[str, Picture]:
    """The section as a Markdown page, and its figure."""
    drawn = robustness_picture(found)
    blocks = [f"# {TITLE}", *([f"> {escape(found.note)}"] if found.note else [])]
    blocks += [*map(escape, _lead(found)), *(markdown(t).rstrip() for t in _tables(found))]
    blocks.append(f"![{escape(drawn.caption)}](figures/{drawn.name}.svg)")
    return "\n\n".join(blocks) + "\n", drawn


def _tables(found: Robustness) -> list[Table]:
    tests = [comparisons(found)] if found.comparisons else []
    return [summary_table(found), *tests, by_condition(found), retained(found)]


def _lead(found: Robustness) -> Iterator[str]:
    yield (
        f"Each system was trained on clean speech ({TRAINED[found.protocol]}) and tested on the "
        f"same {plural(found.n_utterances, 'utterance')} clean and under "
        f"{plural(len(found.conditions) - 1, 'degraded condition')}."
    )
    if found.scored_groups:
        yield f"{DEFINITION} Groups: {listing(found.scored_groups)}."
    yield DEGRADATIONS


def summary_table(found: Robustness) -> Table:
    """Clean UA, degraded UA and robustness of every system."""
    degraded = _marked([s.degraded for s in found.systems], with_interval)
    robustness = _marked([s.robustness for s in found.systems], with_interval)
    rows = (
        (s.system, s.clean, *marked)
        for s, *marked in zip(found.systems, degraded, robustness, strict=True)
    )
    columns = ("System", "Clean UA", "Degraded UA", "Robustness")
    return tabulate("Accuracy on clean and degraded speech", columns, rows, *_notes(found))


def _notes(found: Robustness) -> Iterator[str]:
    speakers = plural(sum(found.n_speakers.values()), "speaker")
    intervals = (
        f"In brackets: 95 % bootstrap confidence intervals over {speakers}, resampled within each "
        "corpus; none if clean UA falls to chance in more than 1 % of the resamples."
    )
    if not any(s.degraded.has_interval for s in found.systems):
        corpora = plural(len(found.n_speakers), "corpus", "corpora")
        intervals = (
            f"No confidence intervals: too few speakers ({speakers} of {corpora}), or speakers are "
            "unknown."
        )
    yield f"Chance is {decimal(found.chance)}. {intervals}"
    if found.n_seeds > 1:
        yield f"Mean over {found.n_seeds} seeds within each fold."
    if found.n_left_out:
        yield f"Left out: {plural(found.n_left_out, 'fold')} without results of every system."
    if any(isnan(s.robustness.value) for s in found.systems):
        yield f"{ABSENT}: clean UA is not above chance, or no condition is scored."
    for c in found.conditions:
        if c.n_refused:
            failed = plural(c.n_refused, "utterance")
            yield f"{c.name}: {failed} could not be processed, counted as errors."


def comparisons(found: Robustness) -> Table:
    """Paired tests of systems under the same conditions."""
    rows = (
        (
            *(c.system, c.reference),
            *(with_interval(e, signed) for e in (c.degraded, c.robustness)),
            *(c.n_pairs, p_value(c.p), p_value(c.p_holm), _significance(c)),
        )
        for c in found.comparisons
    )
    gains = ("Degraded UA gain", "Robustness gain")
    columns = ("System", "Baseline", *gains, "Folds", "p", "p (Holm)", "Result")
    title = "Paired tests under the same conditions"
    return tabulate(title, columns, rows, METHOD, text_columns=(0, 1, 7))


def _significance(c: Compared) -> str:
    if not c.reachable:
        return f"too few folds ({c.n_pairs}) for a test"
    return "significant" if c.significant else "not significant"


def by_condition(found: Robustness) -> Table:
    """UA by condition and system, with the mean of each group."""
    rows = [
        (c.name, c.severity, *_marked([s.ua[c.name] for s in found.systems]))
        for c in found.conditions
    ]
    foot = [
        (f"mean of {g}", "", *_marked([s.groups[g] for s in found.systems]))
        for g in found.scored_groups
    ]
    controls = [c.name for c in found.conditions[1:] if not c.scored]
    note = (
        f"{listing(controls)}: controls, not scored. All recordings are normalized to one level "
        "first, so a gain changes predictions by rounding only."
    )
    columns = ("Condition", "Severity", *(s.system for s in found.systems))
    notes = (note,) if controls else ()
    title, n_last = "UA by condition", len(foot)
    return tabulate(title, columns, [*rows, *foot], *notes, n_last=n_last, text_columns=(0, 1))


def retained(found: Robustness) -> Table:
    """Share of the clean UA above chance that remains, by condition."""
    rows = (
        (c.name, c.group, *_marked([s.retained[c.name] for s in found.systems]))
        for c in found.conditions[1:]
    )
    columns = ("Condition", "Group", *(s.system for s in found.systems))
    title = "Share of the clean UA above chance that remains"
    return tabulate(title, columns, rows, text_columns=(0, 1))


def _marked(
    estimates: Sequence[Estimate],
    shown: Callable[[Estimate], str] = lambda estimate: decimal(estimate.value),
) -> list[Cell]:
    return best_marked(map(shown, estimates), [e.value for e in estimates])


def robustness_csv(found: Robustness) -> str:
    """One row per system and condition; the last row of a system has its means over groups."""
    rows: list[dict[str, object]] = []
    for s in found.systems:
        shown: list[tuple[str, str, str, Estimate, Estimate, int | str]] = [
            (c.name, c.group, c.severity, s.ua[c.name], s.retained[c.name], c.n_refused)
            for c in found.conditions
        ]
        shown.append(("all", "all", "mean of groups", s.degraded, s.robustness, ""))
        for name, group, severity, ua, retained, n_refused in shown:
            place = {"condition": name, "group": group, "severity": severity}
            numbers = {**_numbers("ua", ua), **_numbers("retained", retained)}
            row = {"protocol": found.protocol, "system": s.system, **place, **numbers}
            rows.append({**row, "n_refused": n_refused, "note": found.note})
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.6f", lineterminator="\n")


def robustness_json(found: Robustness) -> str:
    """Every number, as JSON; undefined ones (NaN) are null."""
    return json.dumps(finite(asdict(found)), indent=1, ensure_ascii=False) + "\n"


def _numbers(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
