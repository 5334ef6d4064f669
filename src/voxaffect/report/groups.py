"""Fairness: differences in UA between groups of utterances and between speakers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from voxaffect.evaluation.experiment.run import PROTOCOLS
from voxaffect.evaluation.fairness import (
    MIN_CLASSES,
    MIN_UTTERANCES,
    N_DRAWS,
    FairnessGroup,
    Gap,
    Grouping,
    GroupInterval,
    GroupScores,
    SpeakerSpread,
)
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import (
    ABSENT,
    PROTOCOL_TITLES,
    Section,
    Table,
    cells,
    count,
    csv_text,
    decimal,
    plural,
    with_interval,
)
from voxaffect.taxonomy import EMOTION

INTRO = (
    "UA by group of speakers and utterances. Groups also differ in other ways: for example, a "
    "corpus with calmer speech or better microphones may contain more women. A gap shows for which "
    "group a system performs worse, not why."
)
NOT_COMPARED = "†"
METHOD = (
    "UA: over the pooled predictions of all folds and the classes of the group, mean over seeds. "
    f"In brackets: 95 % bootstrap confidence interval over speakers ({count(N_DRAWS)} "
    "resamples). It is too narrow for fewer than ten speakers, and not given for one. Speakers "
    "without names in a corpus count as one."
)
SMALL = (
    f"{NOT_COMPARED} not compared: fewer than {MIN_UTTERANCES} utterances or {MIN_CLASSES} "
    "classes, or unknown."
)
SELECTION = (
    "Best and worst group are selected on the same predictions, so some gap is expected by chance. "
    "Length and SNR divide the utterances of all corpora into thirds. Length: time covered by the "
    "frames. SNR (estimate): 95th minus 10th percentile of the frame levels."
)
TOO_FEW = f"{ABSENT}: fewer than two groups can be compared."
CHANCE = (
    f"Compared: speakers with at least {MIN_UTTERANCES} utterances and {MIN_CLASSES} classes. "
    "Gini coefficient of their UA: 0 if all are equal, near 1 if one speaker has everything. By "
    "chance: expected worst UA and Gini of a system with the same recall for all speakers."
)


def section(summary: Summary) -> Section | None:
    """The section on fairness; None without results or without facts on utterances."""
    if summary.groups is None:
        return None
    parts = [summary.groups.of(protocol) for protocol in PROTOCOLS]
    parts = [part for part in parts if part.speakers]
    return Section(
        key="groups",
        title="Fairness",
        lead=(INTRO, *(text for part in parts for text in findings(part)), METHOD, SELECTION),
        tables=tuple(table for part in parts for table in _gap_tables(part)),
        more=tuple(
            groups([g for g in part.groupings if g.kind == kind])
            for part in parts
            for kind in _distinct(g.kind for g in part.groupings)
        ),
        more_title="UA of every group",
    )


def _gap_tables(scores: GroupScores) -> Iterator[Table]:
    if scores.groupings:
        yield gaps(scores.groupings)
    yield speakers(scores.speakers)


def findings(scores: GroupScores) -> Iterator[str]:
    """The largest gap by gender and by another property, and the largest spread over speakers."""
    where = PROTOCOL_TITLES[scores.speakers[0].protocol]
    gaps = [(g, g.gap) for g in scores.groupings if g.gap is not None]
    if not gaps:
        yield f"{where}: no two groups are large enough to compare."
    for by_gender in (True, False):
        some = [pair for pair in gaps if (pair[0].kind == "gender") == by_gender]
        if some:
            yield f"{where}: {_largest_gap(*max(some, key=lambda pair: pair[1].ua))}"
    spreads = [s for s in scores.speakers if s.variation is not None]
    if spreads:
        widest = max(spreads, key=lambda s: s.compared[0].ua - s.compared[-1].ua)
        yield f"{where}: {_spread(widest)}"


def _largest_gap(found: Grouping, gap: Gap) -> str:
    ua = {group.name: decimal(group.ua) for group in found.groups}
    interval = "no confidence interval, because one group is a single speaker"
    if gap.interval is not None:
        zero = ", includes zero" if gap.interval.low <= 0 else ""
        interval = f"95 % CI {decimal(gap.interval.low)} to {decimal(gap.interval.high)}{zero}"
    return (
        f"{found.system} has the largest gap by {found.kind}: UA {ua[gap.best]} ({gap.best}) "
        f"and {ua[gap.worst]} ({gap.worst}), difference {decimal(gap.ua)} ({interval})."
    )


def _spread(found: SpeakerSpread) -> str:
    best, worst = found.compared[0], found.compared[-1]
    chance = "" if found.variation is None else decimal(found.variation.expected_by_chance.worst)
    return (
        f"{found.system} has the largest spread over {plural(len(found.compared), 'speaker')}: UA "
        f"{decimal(best.ua)} for {best.name} and {decimal(worst.ua)} for {worst.name}. With equal "
        f"performance for all speakers, the worst is expected at about {chance}."
    )


def gaps(groupings: Sequence[Grouping]) -> Table:
    """UA gap between best and worst group: one row per system, one column per property."""
    kinds = _distinct(g.kind for g in groupings)
    gap_of = {
        (g.system, g.kind): _with_interval(g.gap.ua, g.gap.interval) for g in groupings if g.gap
    }
    rows = tuple(
        cells(system, *(gap_of.get((system, kind)) for kind in kinds))
        for system in _distinct(g.system for g in groupings)
    )
    is_lacking = any(cell.text == ABSENT for row in rows for cell in row)
    title = f"{PROTOCOL_TITLES[groupings[0].protocol]}: UA gap between best and worst group"
    return Table(title, ("System", *kinds), rows, (TOO_FEW,) if is_lacking else ())


def speakers(spreads: Sequence[SpeakerSpread]) -> Table:
    """Best and worst speaker and inequality of each system."""
    title = f"{PROTOCOL_TITLES[spreads[0].protocol]}: UA by speaker"
    columns = ("System", "Compared", "Best", "UA", "Worst", "UA", "by chance", "Gini", "by chance")
    rows = []
    for spread in spreads:
        head = (spread.system, f"{count(len(spread.compared))} of {count(len(spread.speakers))}")
        if (found := spread.variation) is None:
            rows.append(cells(*head, *[None] * 7))
            continue
        best, worst, chance = spread.compared[0], spread.compared[-1], found.expected_by_chance
        each = (best.name, best.ua, worst.name, worst.ua, chance.worst)
        rows.append(cells(*head, *each, _with_interval(found.gini, found.interval), chance.gini))
    return Table(title, columns, tuple(rows), (CHANCE,), text_columns=(0, 2, 4))


def groups(groupings: Sequence[Grouping]) -> Table:
    """UA of every group by one property: one row per group, one column per system.

    The largest sizes are shown, since some results may be missing.
    """
    by_name = [{group.name: group for group in g.groups} for g in groupings]
    rows, is_small = [], False
    for name in _distinct(group.name for g in groupings for group in g.groups):
        found = [of.get(name) for of in by_name]
        known = [group for group in found if group is not None]
        few = not all(group.compared for group in known)
        is_small |= few
        row = cells(
            f"{name} {NOT_COMPARED}" if few else name,
            *(max(getattr(group, size) for group in known) for size in SIZES),
            *(None if g is None else _with_interval(g.ua, g.interval) for g in found),
        )
        rows.append(row)
    return Table(
        title=f"{PROTOCOL_TITLES[groupings[0].protocol]}: UA by {groupings[0].kind}",
        columns=("Group", "Utterances", "Speakers", "Classes", *(g.system for g in groupings)),
        rows=tuple(rows),
        notes=(SMALL,) if is_small else (),
    )


def _with_interval(value: float, found: GroupInterval | None) -> str:
    low, high = (None, None) if found is None else (found.low, found.high)
    return with_interval(value, low, high)


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


SIZES = ("n_utterances", "n_speakers", "n_classes")
COLUMNS = (
    *("protocol", "system", "kind", "group", *SIZES, "ua", "ua_low", "ua_high"),
    *(f"recall_{name}" for name in EMOTION.classes),
    *("compared", "note"),
)


def groups_csv(scores: GroupScores, note: str = "") -> str:
    """One row per system and group or speaker, with the recall of each class."""
    found = [
        *(((g.protocol, g.system, g.kind), g.groups) for g in scores.groupings),
        *(((s.protocol, s.system, "speaker"), s.speakers) for s in scores.speakers),
    ]
    rows = ((*head, *_values(group), note) for head, groups in found for group in groups)
    return csv_text(COLUMNS, rows)


def _values(group: FairnessGroup) -> list[str]:
    found = group.interval
    limits = (np.nan, np.nan) if found is None else (found.low, found.high)
    sizes = (str(getattr(group, name)) for name in SIZES)
    numbers = ("" if np.isnan(x) else f"{x:.6f}" for x in (group.ua, *limits, *group.recalls))
    return [group.name, *sizes, *numbers, str(int(group.compared))]
