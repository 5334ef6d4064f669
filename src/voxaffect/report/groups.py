"""Fairness: differences in UA between groups of utterances and between speakers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from voxaffect.evaluation.fairness import MIN_CLASSES, MIN_UTTERANCES, SPEAKER, GroupScores
from voxaffect.evaluation.intervals import MIN_DEGREES_OF_FREEDOM
from voxaffect.evaluation.results import pick, row
from voxaffect.evaluation.summary import Summary
from voxaffect.report.result_tables import estimate
from voxaffect.report.table import PROTOCOL_TITLES, Section, Table, tabulate
from voxaffect.report.text import ABSENT, count, decimal, plural

INTRO = (
    "UA by group of speakers and utterances. Groups also differ in other ways: for example, a "
    "corpus with calmer speech or better microphones may contain more women. A gap shows for which "
    "group a system performs worse, not why."
)
NOT_COMPARED = "†"
METHOD = (
    "UA: over the pooled predictions of all folds and the classes of the group, mean over seeds. "
    "In brackets: 95 % bootstrap confidence interval over speakers, given where all speakers are "
    f"known and {MIN_DEGREES_OF_FREEDOM} more than their corpora; of a gap, where this holds for "
    "both groups."
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
    """The section on fairness; None without results."""
    scores = summary.groups
    if scores is None:
        return None
    found: list[str] = []
    tables: list[Table] = []
    more: list[Table] = []
    for protocol in scores.groups.index.unique("protocol"):
        kinds = _kinds(scores, protocol)
        found += findings(scores, protocol)
        tables += [gaps(scores, protocol)] if kinds else []
        tables.append(speakers(scores, protocol))
        more += [groups(scores, protocol, kind) for kind in kinds]
    return Section(
        key="groups",
        title="Fairness",
        lead=(INTRO, *found, METHOD, SELECTION),
        tables=tuple(tables),
        more=tuple(more),
        more_title="UA of every group",
    )


def _kinds(scores: GroupScores, protocol: str) -> list[str]:
    """Attributes by which there are groups."""
    kinds = pick(scores.groups, protocol=protocol).index.unique("kind")
    return [kind for kind in kinds if kind != SPEAKER]


def findings(scores: GroupScores, protocol: str) -> Iterator[str]:
    """The largest gap by gender and by another property, and the largest spread over speakers."""
    where, found = PROTOCOL_TITLES[protocol], pick(scores.gaps, protocol=protocol)
    if found.empty:
        yield f"{where}: no two groups are large enough to compare."
    else:
        by_gender = found.index.get_level_values("kind") == "gender"
        for some in (found[by_gender], found[~by_gender]):
            if len(some):
                yield f"{where}: {_largest_gap(pick(scores.groups, protocol=protocol), some)}"
    spreads = [found for found in _compared_speakers(scores, protocol) if len(found[1]) > 1]
    if spreads:
        system, own = max(spreads, key=lambda s: s[1]["ua"].iloc[0] - s[1]["ua"].iloc[-1])
        best, worst = own.iloc[0], own.iloc[-1]
        chance = decimal(row(scores.spreads, protocol, system)["expected_worst"])
        yield (
            f"{where}: {system} has the largest spread over {plural(len(own), 'speaker')}: UA "
            f"{decimal(best['ua'])} for {best.name} and {decimal(worst['ua'])} for {worst.name}. "
            f"With equal performance for all speakers, the worst is expected at about {chance}."
        )


def _largest_gap(groups: pd.DataFrame, gaps: pd.DataFrame) -> str:
    system, kind = gaps.index[int(gaps["value"].argmax())]
    gap, ua = row(gaps, system, kind), pick(groups, system=system, kind=kind)["ua"]
    interval = "no confidence interval, because a group has too few known speakers"
    if not np.isnan(gap["low"]):
        zero = ", includes zero" if gap["low"] <= 0 else ""
        interval = f"95 % CI {decimal(gap['low'])} to {decimal(gap['high'])}{zero}"
    return (
        f"{system} has the largest gap by {kind}: UA {decimal(ua[gap['best']])} ({gap['best']}) "
        f"and {decimal(ua[gap['worst']])} ({gap['worst']}), difference {decimal(gap['value'])} "
        f"({interval})."
    )


def _compared_speakers(scores: GroupScores, protocol: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """System, and the speakers with enough utterances, the highest UA first."""
    for system in pick(scores.spreads, protocol=protocol).index:
        speakers = pick(scores.groups, protocol=protocol, kind=SPEAKER, system=system)
        yield system, speakers[speakers["compared"].astype(bool)]


def gaps(scores: GroupScores, protocol: str) -> Table:
    """UA gap between best and worst group of every system, by property."""
    found = pick(scores.gaps, protocol=protocol)
    kinds = _kinds(scores, protocol)
    rows = [
        (system, *(estimate(found, (system, kind)) for kind in kinds))
        for system in pick(scores.spreads, protocol=protocol).index
    ]
    is_lacking = any(ABSENT in row for row in rows)
    title = f"{PROTOCOL_TITLES[protocol]}: UA gap between best and worst group"
    return tabulate(title, ("System", *kinds), rows, TOO_FEW if is_lacking else "")


def speakers(scores: GroupScores, protocol: str) -> Table:
    """Best and worst speaker and inequality of each system."""
    title = f"{PROTOCOL_TITLES[protocol]}: UA by speaker"
    columns = ("System", "Compared", "Best", "UA", "Worst", "UA", "by chance", "Gini", "by chance")
    rows: list[tuple[object, ...]] = []
    for system, compared in _compared_speakers(scores, protocol):
        found = row(scores.spreads, protocol, system)
        shown: list[object] = [None] * 7
        if len(compared) > 1:
            best, worst = ((str(compared.index[n]), float(compared["ua"].iloc[n])) for n in (0, -1))
            inequality = estimate(scores.spreads, (protocol, system))
            shown = [*best, *worst, found["expected_worst"], inequality, found["expected_gini"]]
        of = f"{count(len(compared))} of {count(int(found['n_speakers']))}"
        rows.append((system, of, *shown))
    return tabulate(title, columns, rows, CHANCE, text_columns=(0, 2, 4))


def groups(scores: GroupScores, protocol: str, kind: str) -> Table:
    """UA of every group by one property, with its sizes where no results are missing."""
    own = pick(scores.groups, protocol=protocol, kind=kind)
    systems, rows, is_small = own.index.unique("system"), [], False
    for name in own.index.unique("group"):
        known = pick(own, group=name)
        few = not known["compared"].all()
        is_small |= few
        shown = (
            f"{name} {NOT_COMPARED}" if few else name,
            *(int(known[size].max()) for size in ("n_utterances", "n_speakers", "n_classes")),
            *(estimate(own, (system, name), "ua") for system in systems),
        )
        rows.append(shown)
    title = f"{PROTOCOL_TITLES[protocol]}: UA by {kind}"
    columns = ("Group", "Utterances", "Speakers", "Classes", *systems)
    return tabulate(title, columns, rows, SMALL if is_small else "")


def groups_csv(scores: GroupScores, note: str = "") -> str:
    """One row per system and group or speaker, with the recall of each class."""
    names = {"low": "ua_low", "high": "ua_high"}
    rows = scores.groups.rename(columns=names).astype({"compared": int}).assign(note=note)
    return rows.to_csv(float_format="%.6f", lineterminator="\n")
