"""Robustness: accuracy of the systems on degraded speech."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from math import isnan

from voxaffect.evaluation.intervals import Estimate
from voxaffect.evaluation.robustness.robustness import Compared, Robustness
from voxaffect.report.export import finite
from voxaffect.report.figures.curves import robustness_picture
from voxaffect.report.figures.style import Picture
from voxaffect.report.table import (
    ABSENT,
    Cell,
    Section,
    Table,
    best_marked,
    cells,
    csv_text,
    decimal,
    escape,
    listing,
    markdown,
    p_value,
    plural,
    signed,
    with_interval,
)

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
    tables = tuple(_tables(found))
    return Section(
        key="robustness",
        title=TITLE,
        lead=tuple(_lead(found)),
        tables=tables[:-2],
        more=tables[-2:],
        more_title="Results by condition",
    )


def robustness_markdown(found: Robustness) -> tuple[str, Picture]:
    """The section as a Markdown page, and its figure."""
    drawn = robustness_picture(found)
    blocks = [f"# {TITLE}", *([f"> {escape(found.note)}"] if found.note else [])]
    blocks += [escape(sentence) for sentence in _lead(found)]
    blocks += [markdown(table).rstrip() for table in _tables(found)]
    blocks.append(f"![{escape(drawn.caption)}](figures/{drawn.name}.svg)")
    return "\n\n".join(blocks) + "\n", drawn


def _tables(found: Robustness) -> Iterator[Table]:
    yield summary_table(found)
    if found.comparisons:
        yield comparisons(found)
    yield by_condition(found)
    yield retained(found)


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
    degraded = _with_intervals([s.degraded for s in found.systems])
    robustness = _with_intervals([s.robustness for s in found.systems])
    rows = tuple(
        cells(s.system, with_interval(s.clean), *marked)
        for s, *marked in zip(found.systems, degraded, robustness, strict=True)
    )
    columns = ("System", "Clean UA", "Degraded UA", "Robustness")
    return Table("Accuracy on clean and degraded speech", columns, rows, tuple(_notes(found)))


def _notes(found: Robustness) -> Iterator[str]:
    yield f"Chance is {decimal(found.chance)}. {_intervals(found)}"
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


def _intervals(found: Robustness) -> str:
    speakers = plural(sum(found.n_speakers.values()), "speaker")
    if not any(s.degraded.has_interval for s in found.systems):
        corpora = plural(len(found.n_speakers), "corpus", "corpora")
        return (
            f"No confidence intervals: too few speakers ({speakers} of {corpora}), or speakers are "
            "unknown."
        )
    return (
        f"In brackets: 95 % bootstrap confidence intervals over {speakers}, resampled within each "
        "corpus; none if clean UA falls to chance in more than 1 % of the resamples."
    )


def comparisons(found: Robustness) -> Table:
    """Paired tests of systems under the same conditions."""
    rows = tuple(
        cells(
            *(c.system, c.reference),
            *(with_interval(e, signed) for e in (c.degraded, c.robustness)),
            *(c.n_pairs, p_value(c.p), p_value(c.p_holm), _significance(c)),
        )
        for c in found.comparisons
    )
    gains = ("Degraded UA gain", "Robustness gain")
    columns = ("System", "Baseline", *gains, "Folds", "p", "p (Holm)", "Result")
    title = "Paired tests under the same conditions"
    return Table(title, columns, rows, (METHOD,), text_columns=(0, 1, 7))


def _significance(c: Compared) -> str:
    if not c.reachable:
        return f"too few folds ({c.n_pairs}) for a test"
    return "significant" if c.significant else "not significant"


def by_condition(found: Robustness) -> Table:
    """UA by condition and system, with the mean of each group."""
    rows = [
        cells(c.name, c.severity, *_values([s.ua[c.name] for s in found.systems]))
        for c in found.conditions
    ]
    foot = [
        cells(f"mean of {g}", "", *_values([s.groups[g] for s in found.systems]))
        for g in found.scored_groups
    ]
    controls = [c.name for c in found.conditions[1:] if not c.scored]
    note = (
        f"{listing(controls)}: controls, not scored. All recordings are normalized to one level "
        "first, so a gain changes predictions by rounding only."
    )
    columns = ("Condition", "Severity", *(s.system for s in found.systems))
    notes = (note,) if controls else ()
    return Table("UA by condition", columns, (*rows, *foot), notes, len(foot), text_columns=(0, 1))


def retained(found: Robustness) -> Table:
    """Share of the clean UA above chance that remains, by condition."""
    rows = tuple(
        cells(c.name, c.group, *_values([s.retained[c.name] for s in found.systems]))
        for c in found.conditions[1:]
    )
    columns = ("Condition", "Group", *(s.system for s in found.systems))
    title = "Share of the clean UA above chance that remains"
    return Table(title, columns, rows, text_columns=(0, 1))


def _values(estimates: list[Estimate]) -> list[Cell]:
    values = [e.value for e in estimates]
    return best_marked([decimal(value) for value in values], values)


def _with_intervals(estimates: list[Estimate]) -> list[Cell]:
    return best_marked([*map(with_interval, estimates)], [e.value for e in estimates])


HEADER = (
    *("protocol", "system", "condition", "group", "severity", "ua", "ua_low", "ua_high"),
    *("retained", "retained_low", "retained_high", "n_refused", "note"),
)


def robustness_csv(found: Robustness) -> str:
    """One row per system and condition; the last row of a system has its means over groups."""
    rows: list[tuple[object, ...]] = []
    for s in found.systems:
        head = (found.protocol, s.system)
        for c in found.conditions:
            numbers = (*_numbers(s.ua[c.name]), *_numbers(s.retained[c.name]))
            rows.append((*head, c.name, c.group, c.severity, *numbers, c.n_refused, found.note))
        numbers = (*_numbers(s.degraded), *_numbers(s.robustness))
        rows.append((*head, "all", "all", "mean of groups", *numbers, "", found.note))
    return csv_text(HEADER, rows)


def robustness_json(found: Robustness) -> str:
    """Every number, as JSON; undefined ones (NaN) are null."""
    return json.dumps(finite(asdict(found)), indent=1, ensure_ascii=False) + "\n"


def _numbers(estimate: Estimate) -> list[str]:
    values = (estimate.value, estimate.low, estimate.high)
    return ["" if isnan(value) else f"{value:.6f}" for value in values]
