"""Fragility as tables: a row a change, a column a recognizer; as Markdown, CSV and on the card."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from voxaffect.evaluation.fragility import Answer, Fragility, felt
from voxaffect.report.table import Cell, Table, markdown, tabulate
from voxaffect.report.text import ABSENT, decimal, listing, plural

TITLE = "Answers that turn though the voice is the same"
WITHIN = 1
"""How many right answers quiet behind the clips may cost, or add."""

N_NAMED = 10  # sounds; more are in their table only

CSV_COLUMNS = (
    *("recognizer", "change", "limit", "turned", "turned_by_default", "mean_change"),
    *("largest_change", "warnings", "met"),
)

TURNED = (
    "Share of clips whose class of the highest probability is another than that of the unchanged "
    "clip; no speech and errors count as another. What is not met is marked with !: the limit, "
    "that zeros change no probability by more than 1e-6, or that every clip of a narrow band says "
    "so."
)


@dataclass(frozen=True)
class Report:
    """All that was measured of one recognizer.

    Args:
        name: what it was called.
        changes: its fragility, in the order of the table.
        n_clips: how many clips were changed.
        right: right answers without and with quiet after, of how many; None without labels.
        sounds: answers for sounds without speech, by table -> name.
    """

    name: str
    changes: Sequence[Fragility]
    n_clips: int
    right: tuple[int, int, int] | None
    sounds: Mapping[str, Mapping[str, Answer]]


def page(reports: Sequence[Report], source: str) -> str:
    """All tables as Markdown; `source` says what was recorded, and ends with a period."""
    blocks = [f"# {TITLE}", f"{plural(reports[0].n_clips, 'clip')} of {source}"]
    blocks += [markdown(summary(reports)).rstrip()]
    blocks += [line for report in reports for line in lines(report)]
    blocks += [markdown(details(report)).rstrip() for report in reports]
    blocks += [markdown(sounds(reports)).rstrip()]
    return "\n\n".join(blocks) + "\n"


def card(reports: Sequence[Report]) -> str:
    """The short table of a model card, and what stands below it."""
    return "\n\n".join(
        [markdown(summary(reports)).rstrip(), *(line for r in reports for line in lines(r))]
    )


def summary(reports: Sequence[Report]) -> Table:
    """Answers turned: a row a change, a column a recognizer."""
    rows = [
        (each[0].change.name, decimal(each[0].change.limit), *map(_marked, each))
        for each in zip(*(report.changes for report in reports), strict=True)
    ]
    return tabulate("Answers turned", ("Change", "Limit", *(r.name for r in reports)), rows, TURNED)


def _marked(found: Fragility) -> str:
    return decimal(found.turned) + (" !" if found.is_met is False else "")


def lines(report: Report) -> Iterator[str]:
    """What is no share of turned answers, in sentences."""
    if report.right is not None:
        before, after, n = report.right
        met = "" if abs(before - after) <= WITHIN else f" (should be within {WITHIN})"
        yield f"{report.name}: {before} of {n} clips right, {after} with 3 s of quiet after{met}."
    for words, found in report.sounds.items():
        wrong = felt(found)
        named = f": {listing(wrong)}" if 0 < len(wrong) <= N_NAMED else ""
        yield (
            f"{report.name}: {len(wrong)} of {plural(len(found), 'sound')} {words} answered with "
            f"an emotion{named}."
        )


def details(report: Report) -> Table:
    """All figures of one recognizer."""
    rows = [
        (
            found.change.name,
            decimal(found.change.limit),
            decimal(found.turned),
            decimal(found.turned_by_default),
            decimal(found.mean_change),
            f"{found.largest_change:.2g}",
            warnings(found),
            met(found),
        )
        for found in report.changes
    ]
    columns = ("Change", "Limit", "Turned", "By default", "Mean", "Largest", "Warnings", "Met")
    notes = (
        "By default: labels as a user gets them, unsure included. Mean, largest: absolute "
        "difference of a probability. Warnings: share of the changed clips with each."
    )
    return tabulate(report.name, columns, rows, notes, text_columns=(0, 6, 7))


def warnings(found: Fragility) -> str:
    """Codes of warnings with their shares in percent."""
    return ", ".join(f"{code} {share:.0%}" for code, share in found.warned.items())


def met(found: Fragility) -> str:
    """Whether the limit is met, and why not."""
    if found.is_met is None:
        return ABSENT
    if not found.is_warned:
        return f"no: {found.change.warning} is not always warned of"
    return "yes" if found.is_met else "no"


def sounds(reports: Sequence[Report]) -> Table:
    """Labels of sounds without speech: a row a sound, a column a recognizer and table."""
    columns = [f"{r.name}, {words}" for r in reports for words in r.sounds]
    answered = [found for r in reports for found in r.sounds.values()]
    rows = [(name, *(_label(found, name) for found in answered)) for name in answered[0]]
    return tabulate(
        "Sounds without speech",
        ("Sound", *columns),
        rows,
        "An emotion is bold: it should be none.",
        text_columns=range(len(columns) + 1),
    )


def _label(found: Mapping[str, Answer], name: str) -> Cell:
    return Cell(found[name].label, best=name in felt({name: found[name]}))


def as_csv(reports: Sequence[Report]) -> str:
    """A row a recognizer and change, with all figures."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for report in reports:
        for found in report.changes:
            shares = [round(x, 4) for x in (found.turned, found.turned_by_default)]
            changes = [f"{x:.3g}" for x in (found.mean_change, found.largest_change)]
            limit = "" if found.change.limit is None else found.change.limit
            codes = " ".join(f"{code}:{share:.3f}" for code, share in found.warned.items())
            answer = {None: "", True: "yes", False: "no"}[found.is_met]
            table.writerow(
                (report.name, found.change.name, limit, *shares, *changes, codes, answer)
            )
    return text.getvalue()
