"""What is left of a system's accuracy in the wild: the section, its tables, and rows for others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from voxaffect.evaluation.robustness.robustness import Compared, Condition, Estimate, Robustness
from voxaffect.report.figures.curves import picture_of
from voxaffect.report.figures.style import Picture
from voxaffect.report.table import (
    ABSENT,
    Cell,
    Section,
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

TRAINED = {
    "within": "trained on the other speakers of the corpus",
    "cross": "trained on the other corpora",
    "aggregated": "trained on nine tenths of all corpora, which share speakers and rooms with it",
}
NUMBER = (
    "Robustness is the share of the accuracy above chance on clean speech that is left: degraded "
    "UA less chance, by clean UA less chance. Degraded UA is the mean over groups of conditions, "
    "each group weighing the same. 1 is untouched, 0 is guessing. A system that is weak on clean "
    "speech has little to lose: read the number beside the degraded UA."
)
MADE = (
    "Nothing was recorded in the wild: recordings of the corpora, at one level, are degraded by "
    "computation. Noise is set against the active speech level (ITU-T P.56), so that pauses do not "
    "count; babble is six other speakers of the corpora; rooms are exponentially decaying noise; "
    "cuts count from the onset of speech."
)

METHOD = (
    "p: two-sided Wilcoxon signed-rank test of the degraded UA over folds, seeds averaged first; "
    "corrected by Holm for all pairs. Intervals draw the same speakers for both systems, and are "
    "not corrected."
)


def robustness_section(found: Robustness | None) -> Section | None:
    """The section, None where nobody has asked for it."""
    if found is None:
        return None
    tables = tuple(_tables(found))
    return Section(
        key="robustness",
        title="In the wild",
        lead=tuple(_lead(found)),
        tables=tables[:-2],
        pictures=(picture_of(found),),
        more=tables[-2:],
        more_title="Every condition",
    )


def robustness_markdown(found: Robustness) -> tuple[str, Picture]:
    """The section by itself as Markdown, and the figure that it shows."""
    drawn = picture_of(found)
    blocks = ["# In the wild", *([f"> {escape(found.note)}"] if found.note else [])]
    blocks += [escape(sentence) for sentence in _lead(found)]
    blocks += [markdown(table).rstrip() for table in _tables(found)]
    blocks.append(f"![{escape(drawn.caption)}](figures/{drawn.name}.svg)")
    return "\n\n".join(blocks) + "\n", drawn


def _tables(found: Robustness) -> Iterator[Table]:
    yield summary(found)
    if found.comparisons:
        yield comparisons(found)
    yield by_condition(found)
    yield retained(found)


def _lead(found: Robustness) -> Iterator[str]:
    yield (
        "Does a system still recognize what noise, rooms, lines and codecs have left? Each system "
        f"was trained once a fold and seed on clean speech ({TRAINED[found.protocol]}) and "
        f"answered the same {plural(found.n_utterances, 'utterance')} clean and under "
        f"{plural(len(found.conditions) - 1, 'condition')}."
    )
    if found.scored_groups:
        yield f"{NUMBER} Groups: {listing(found.scored_groups)}."
    yield MADE


def summary(found: Robustness) -> Table:
    """The one number of every system, beside what it is made from."""
    top_degraded, top = (
        _top([getattr(s, name).value for s in found.systems]) for name in ("degraded", "robustness")
    )
    rows = tuple(
        (
            Cell(s.system),
            Cell(_with_interval(s.clean)),
            Cell(_with_interval(s.degraded), best=_is(s.degraded, top_degraded)),
            Cell(_with_interval(s.robustness), best=_is(s.robustness, top)),
        )
        for s in found.systems
    )
    columns = ("System", "Clean UA", "Degraded UA", "Robustness")
    return Table("Accuracy on clean and on degraded speech", columns, rows, tuple(_notes(found)))


def _notes(found: Robustness) -> Iterator[str]:
    yield f"Chance is {decimal(found.chance)}. {_intervals(found)}"
    if found.n_seeds > 1:
        yield f"Averaged over {found.n_seeds} seeds within each fold."
    if found.n_left_out:
        missing = plural(found.n_left_out, "fold")
        yield f"{missing} that not every system has answered is left out."
    if any(s.robustness.value is None for s in found.systems):
        yield (
            f"{ABSENT} stands where clean speech is not recognized above chance, so that there is "
            "nothing to keep, or where no condition is scored."
        )
    refused = {c.name: c.n_refused for c in found.conditions if c.n_refused}
    for name, n in refused.items():
        yield f"{name}: {plural(n, 'utterance')} could not be heard, and count as wrong."


def _intervals(found: Robustness) -> str:
    n_speakers = sum(found.n_speakers.values())
    if all(s.degraded.low is None for s in found.systems):
        return (
            f"No intervals: {plural(n_speakers, 'speaker')} of "
            f"{plural(len(found.n_speakers), 'corpus', 'corpora')} are too few, or voices are not "
            "told apart."
        )
    return (
        f"In brackets: 95 % intervals over {plural(n_speakers, 'speaker')}, who are drawn anew "
        "within each corpus (bootstrap); none where clean speech falls to chance in some draw."
    )


def comparisons(found: Robustness) -> Table:
    """Systems against each other under the same conditions."""
    rows = tuple(
        (
            Cell(c.system),
            Cell(c.reference),
            Cell(_with_interval(c.degraded, sign=True)),
            Cell(_with_interval(c.robustness, sign=True)),
            Cell(count(c.n_pairs)),
            Cell(p_value(c.p)),
            Cell(p_value(c.p_holm)),
            Cell(_verdict(c)),
        )
        for c in found.comparisons
    )
    return Table(
        title="Compared under the same conditions",
        columns=(
            *("System", "Against", "Degraded UA gained", "Robustness gained"),
            *("Folds", "p", "p (Holm)", ""),
        ),
        rows=rows,
        notes=(METHOD,),
        words=frozenset({0, 1, 7}),
    )


def _verdict(c: Compared) -> str:
    if not c.reachable:
        return f"{plural(c.n_pairs, 'fold')} cannot reach .05"
    return "significant" if c.significant else "not significant"


def by_condition(found: Robustness) -> Table:
    """UA of every system under every condition, and the mean of each group."""
    rows = [
        (Cell(c.name), Cell(c.severity), *_cells([s.ua[c.name] for s in found.systems]))
        for c in found.conditions
    ]
    foot = [
        (Cell(f"mean of {g}"), Cell(""), *_cells([s.groups[g] for s in found.systems]))
        for g in found.scored_groups
    ]
    return Table(
        title="Unweighted accuracy by condition",
        columns=("Condition", "How strong", *(s.system for s in found.systems)),
        rows=(*rows, *foot),
        notes=tuple(_controls(found)),
        n_last=len(foot),
        words=frozenset({0, 1}),
    )


def _controls(found: Robustness) -> Iterator[str]:
    controls = [c.name for c in found.conditions[1:] if not c.scored]
    if controls:
        yield (
            f"{listing(controls)}: controls. Recordings are set to one level before anything is "
            "computed, so that gain changes no answer beyond rounding; they are not scored."
        )


def retained(found: Robustness) -> Table:
    """Share of the accuracy above chance that each condition leaves."""
    rows = tuple(
        (Cell(c.name), Cell(c.group), *_cells([s.retained[c.name] for s in found.systems]))
        for c in found.conditions[1:]
    )
    columns = ("Condition", "Group", *(s.system for s in found.systems))
    title = "Share of the clean accuracy above chance that is left"
    return Table(title, columns, rows, words=frozenset({0, 1}))


def _cells(estimates: list[Estimate]) -> list[Cell]:
    top = _top([e.value for e in estimates])
    return [Cell(_value(e.value), best=_is(e, top)) for e in estimates]


def _top(values: list[float | None]) -> float | None:
    """The highest where it has rivals."""
    known = [value for value in values if value is not None]
    return max(known) if len(known) > 1 else None


def _is(estimate: Estimate, top: float | None) -> bool:
    return top is not None and estimate.value == top


def _value(value: float | None) -> str:
    if value is not None and value < 0:
        return signed(value)
    return decimal(value)


def _with_interval(estimate: Estimate, *, sign: bool = False) -> str:
    said = signed if sign else _value
    if estimate.value is None:
        return ABSENT
    if estimate.low is None or estimate.high is None:
        return said(estimate.value)
    return f"{said(estimate.value)} [{said(estimate.low)}, {said(estimate.high)}]"


def robustness_csv(found: Robustness) -> str:
    """A row for each system and condition; last its means over groups, `robustness` among them."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*IDENTITY, "ua", "ua_low", "ua_high", *RETAINED, "n_refused", "note"))
    for system in found.systems:
        head = (found.protocol, system.system)
        for c in found.conditions:
            numbers = (*_numbers(system.ua[c.name]), *_numbers(system.retained[c.name]))
            writer.writerow((*head, *_what(c), *numbers, c.n_refused, found.note))
        numbers = (*_numbers(system.degraded), *_numbers(system.robustness))
        writer.writerow((*head, "all", "all", "mean of groups", *numbers, "", found.note))
    return file.getvalue()


IDENTITY = ("protocol", "system", "condition", "group", "severity")
RETAINED = ("retained", "retained_low", "retained_high")


def _what(c: Condition) -> tuple[str, str, str]:
    return c.name, c.group, c.severity


def _numbers(estimate: Estimate) -> list[str]:
    values = (estimate.value, estimate.low, estimate.high)
    return ["" if value is None else f"{value:.6f}" for value in values]
