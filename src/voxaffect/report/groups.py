"""For whom the systems work: gaps between groups of utterances, and between speakers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from voxaffect.evaluation.experiment.run import PROTOCOLS
from voxaffect.evaluation.fairness.groups import (
    MIN_CLASSES,
    MIN_UTTERANCES,
    N_DRAWS,
    FairnessGroup,
    Gap,
    Grouping,
    GroupInterval,
)
from voxaffect.evaluation.fairness.speakers import GroupScores, SpeakerSpread
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures.style import Picture
from voxaffect.report.findings import WHERE
from voxaffect.report.table import ABSENT, Cell, Section, Table, count, decimal, plural, signed
from voxaffect.taxonomy import EMOTION

KEY = "groups"
VOICE = "gender"
ASKED = (
    "A mean over everyone can hide those for whom a system fails. Here its answers are sorted by "
    "who spoke, how, and how clearly. Groups differ in more than their name: in a corpus with "
    "calmer speech, or better microphones, more women may have been recorded. So a gap says for "
    "whom a system fails, not why."
)
NOT_COMPARED = "†"
METHOD = (
    "Every UA joins the answers of all folds, over the classes that a group has, and is a mean "
    f"over seeds. In brackets stands the middle 95 % of {count(N_DRAWS)} draws of speakers, with "
    "replacement. With fewer than ten speakers that is too narrow; with one there is none, and "
    "speakers whom a corpus does not tell apart count as one."
)
SMALL = (
    f"{NOT_COMPARED} shown but not compared: fewer than {MIN_UTTERANCES} utterances or "
    f"{MIN_CLASSES} classes, or not known what they are."
)
CHOSEN = (
    "Best and worst are chosen by the same answers: where many groups are compared, some gap is to "
    "be expected. Length and SNR part the utterances of all corpora into thirds. Length is the "
    "time that the frames cover; SNR is an estimate, the level that 95 % of an utterance's frames "
    "stay below over the one that 10 % do."
)
TOO_FEW = f"{ABSENT} stands where fewer than two groups can be compared."
LUCK = (
    f"Speakers with {MIN_UTTERANCES} utterances and {MIN_CLASSES} classes are compared. The Gini "
    "coefficient of their UA is 0 where all are served alike, and near 1 where one has everything. "
    "By luck: what worst and Gini come to, on average, if every answer is right with the recall of "
    "its class, whoever speaks; a system that serves all alike still reaches them."
)


def section(summary: Summary, pictures: Sequence[Picture]) -> Section | None:
    """The section, None where a run has no results or does not know its utterances."""
    if summary.groups is None:
        return None
    parts = [summary.groups.of(protocol) for protocol in PROTOCOLS]
    tested = [part for part in parts if part.speakers]
    return Section(
        key=KEY,
        title="For whom it works",
        lead=(ASKED, *(said for part in tested for said in findings(part)), METHOD, CHOSEN),
        tables=tuple(table for part in tested for table in _first(part)),
        pictures=tuple(p for p in pictures if p.protocol == KEY),
        more=tuple(table for part in tested for table in _by_kind(part)),
        more_title="Every group",
    )


def findings(scores: GroupScores) -> Iterator[str]:
    """The largest gaps of one protocol, and the widest spread over speakers, in plain words."""
    where = WHERE[scores.speakers[0].protocol]
    gaps = [(g, g.gap) for g in scores.groupings if g.gap is not None]
    if not gaps:
        yield f"{where}, no two groups are large enough to compare."
    voices, others = ([p for p in gaps if (p[0].kind == VOICE) == said] for said in (True, False))
    for some in (voices, others):
        if some:
            yield _largest(where, *max(some, key=lambda pair: pair[1].ua))
    spreads = [s for s in scores.speakers if s.evenness is not None]
    if spreads:
        yield _widest(where, max(spreads, key=lambda s: s.compared[0].ua - s.compared[-1].ua))


def _largest(where: str, found: Grouping, gap: Gap) -> str:
    ua = {group.name: decimal(group.ua) for group in found.groups}
    return (
        f"{where}, the largest gap by {found.kind} is {found.system}'s: a UA of {ua[gap.best]} "
        f"({gap.best}) falls to {ua[gap.worst]} ({gap.worst}), by {decimal(gap.ua)}; "
        f"{_sure(gap.interval)}."
    )


def _sure(found: GroupInterval | None) -> str:
    if found is None:
        return "one of the two is a single speaker, so how sure that is cannot be told"
    doubt = ", so other speakers might have shown none" if found.low <= 0 else ""
    return f"95 % interval {_range(found)}{doubt}"


def _widest(where: str, found: SpeakerSpread) -> str:
    best, worst = found.compared[0], found.compared[-1]
    luck = "" if found.evenness is None else decimal(found.evenness.luck.worst)
    return (
        f"{where}, the widest spread over {plural(len(found.compared), 'speaker')} is "
        f"{found.system}'s: a UA of {decimal(best.ua)} for {best.name} and {decimal(worst.ua)} for "
        f"{worst.name}. If it served them all alike, luck would leave the worst at about {luck}."
    )


def _first(scores: GroupScores) -> Iterator[Table]:
    """Gaps by kind, then the speakers."""
    if scores.groupings:
        yield gaps(scores.groupings)
    yield speakers(scores.speakers)


def gaps(groupings: Sequence[Grouping]) -> Table:
    """How far the worst group falls behind the best: a row a system, a column a kind."""
    kinds = _distinct(g.kind for g in groupings)
    found = {(g.system, g.kind): g.gap for g in groupings}
    rows = tuple(
        (Cell(system), *(_gap(found.get((system, kind))) for kind in kinds))
        for system in _distinct(g.system for g in groupings)
    )
    title = f"{WHERE[groupings[0].protocol]}: UA lost from the best group to the worst"
    return Table(title, ("System", *kinds), rows, (TOO_FEW,) if _lacks(rows) else ())


def _lacks(rows: Iterable[Sequence[Cell]]) -> bool:
    return any(cell.text == ABSENT for row in rows for cell in row)


def speakers(spreads: Sequence[SpeakerSpread]) -> Table:
    """Worst speaker and inequality of each system."""
    return Table(
        title=f"{WHERE[spreads[0].protocol]}: speakers",
        columns=("System", "Compared", "Best", "UA", "Worst", "UA", "by luck", "Gini", "by luck"),
        rows=tuple(_speaker_row(spread) for spread in spreads),
        notes=(LUCK,),
        words=frozenset({0, 2, 4}),
    )


def _speaker_row(spread: SpeakerSpread) -> tuple[Cell, ...]:
    head = (spread.system, f"{count(len(spread.compared))} of {count(len(spread.speakers))}")
    if spread.evenness is None:
        return tuple(map(Cell, (*head, *[ABSENT] * 7)))
    best, worst = spread.compared[0], spread.compared[-1]
    luck = spread.evenness.luck
    return (
        *map(Cell, head),
        *(Cell(best.name), Cell(decimal(best.ua))),
        *(Cell(worst.name), Cell(decimal(worst.ua)), Cell(decimal(luck.worst))),
        *(_with(spread.evenness.gini, spread.evenness.interval), Cell(decimal(luck.gini))),
    )


def _by_kind(scores: GroupScores) -> Iterator[Table]:
    for kind in _distinct(g.kind for g in scores.groupings):
        yield groups([g for g in scores.groupings if g.kind == kind])


def groups(groupings: Sequence[Grouping]) -> Table:
    """UA of every group of one kind: a row a group, a column a system."""
    by_name = [{group.name: group for group in g.groups} for g in groupings]
    names = _distinct(group.name for g in groupings for group in g.groups)
    rows = tuple(_group_row(name, [groups.get(name) for groups in by_name]) for name in names)
    is_small = any(not group.compared for g in groupings for group in g.groups)
    return Table(
        title=f"{WHERE[groupings[0].protocol]}: UA by {groupings[0].kind}",
        columns=(
            *("Group", "Utterances", "Speakers", "Classes"),
            *(g.system for g in groupings),
        ),
        rows=rows,
        notes=(SMALL,) if is_small else (),
    )


def _group_row(name: str, found: Sequence[FairnessGroup | None]) -> tuple[Cell, ...]:
    """A group by each system; of its sizes the largest, since results of some may be missing."""
    known = [group for group in found if group is not None]
    sizes = [(group.n_utterances, group.n_speakers, group.n_classes) for group in known]
    mark = "" if all(group.compared for group in known) else f" {NOT_COMPARED}"
    return (
        Cell(name + mark),
        *(Cell(count(max(column))) for column in zip(*sizes, strict=True)),
        *(Cell(ABSENT) if g is None else _with(g.ua, g.interval) for g in found),
    )


def groups_csv(scores: GroupScores, note: str = "") -> str:
    """One row for each group and speaker of each system, with the recall of each class."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    recalls = (f"recall_{name}" for name in EMOTION.classes)
    writer.writerow((*IDENTITY, *SIZES, "ua", "ua_low", "ua_high", *recalls, "compared", "note"))
    for found in scores.groupings:
        head = (found.protocol, found.system, found.kind)
        writer.writerows((*head, *_values(group), note) for group in found.groups)
    for spread in scores.speakers:
        head = (spread.protocol, spread.system, "speaker")
        writer.writerows((*head, *_values(group), note) for group in spread.speakers)
    return file.getvalue()


IDENTITY = ("protocol", "system", "kind", "group")
SIZES = ("n_utterances", "n_speakers", "n_classes")


def _values(group: FairnessGroup) -> Iterator[str]:
    limits = (np.nan, np.nan) if group.interval is None else _limits(group.interval)
    yield group.name
    yield from (str(getattr(group, name)) for name in SIZES)
    numbers = (group.ua, *limits, *group.recalls)
    yield from ("" if np.isnan(x) else f"{x:.6f}" for x in numbers)
    yield str(int(group.compared))


def _limits(found: GroupInterval) -> tuple[float, float]:
    return found.low, found.high


def _gap(gap: Gap | None) -> Cell:
    return Cell(ABSENT) if gap is None else _with(gap.ua, gap.interval)


def _with(value: float, found: GroupInterval | None) -> Cell:
    return Cell(decimal(value) + ("" if found is None else f" ({_range(found)})"))


def _range(found: GroupInterval) -> str:
    low = decimal(found.low) if found.low >= 0 else signed(found.low)
    return f"{low} to {decimal(found.high)}"


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
