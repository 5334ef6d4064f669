"""Tables of what a saved recognizer is and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.card import BeforeAfter
from voxaffect.report.findings import flat
from voxaffect.report.run_info import pairs
from voxaffect.report.table import ABSENT, Cell, Table, count, decimal, p_value, plural, signed

METHOD = (
    "Speakers are dealt into parts. Each part is answered by the recognizer as it was, and by one "
    "adapted to the other speakers: nobody is heard by what was adapted to them."
)


def adaptation_tables(found: BeforeAfter) -> tuple[Table, Table]:
    """Scores before and after: over all answers, and speaker by speaker."""
    rows = [
        _row("UA, all answers", found.before, found.after),
        *(_row(f"recall of {name}", *pair) for name, pair in found.recalls.items()),
    ]
    whole = Table(
        title=f"Held-out speakers: {plural(found.n, 'utterance')}",
        columns=("Measure", "Before", "After", "Gain"),
        rows=tuple(rows),
        notes=(METHOD, _sure(found)),
    )
    speakers = Table(
        title="UA by speaker",
        columns=("Speaker", "Before", "After", "Gain"),
        rows=tuple(_row(name, *pair) for name, pair in found.speakers.items()),
    )
    return whole, speakers


def _row(name: str, before: float, after: float) -> tuple[Cell, ...]:
    return (
        Cell(name),
        Cell(decimal(before)),
        Cell(decimal(after), best=after > before),
        Cell(signed(after - before)),
    )


def _sure(found: BeforeAfter) -> str:
    """How many speakers gain, and whether chance could have done it."""
    paired = found.paired
    speakers = plural(paired.n_pairs, "speaker")
    said = f"Of {speakers} {count(paired.n_better)} gain and {count(paired.n_worse)} lose"
    if not paired.reachable:
        return f"{said}; so few cannot show that this was not chance."
    return f"{said} (Wilcoxon signed-rank, p {_equals(p_value(paired.p_value))})."


def _equals(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"


Card = Mapping[str, Any]

SETTINGS = ("split", "audio")
ELSEWHERE = ("history", "corpora", "made_with", "taxonomy", *SETTINGS)
"""What of the card stands elsewhere; which label is which class is too much for a table."""


def model_card(header: Card, arrays: Mapping[str, NDArray[Any]]) -> tuple[Table, ...]:
    """What a recognizer is, what it learned from, and how.

    Args:
        header: as a saved recognizer's header reads.
        arrays: its weights by name.
    """
    card = header["card"]
    settings = {
        **header["settings"],
        "features": header["features"],
        **{key: card[key] for key in SETTINGS if key in card},
    }
    return (
        pairs("Recognizer", ("What", ""), dict(_facts(header, arrays))),
        _corpora(card.get("corpora", ())),
        pairs("Settings", ("Setting", "Value"), flat(settings)),
        pairs("Made with", ("Library or machine", "Version"), card.get("made_with", {})),
    )


def _facts(header: Card, arrays: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, str]]:
    card = header["card"]
    yield from flat({key: value for key, value in card.items() if key not in ELSEWHERE}).items()
    yield from _training(card.get("history"))
    if "false_alarms" in header:
        yield "false alarms of novelty", f"{header['false_alarms']:.1%}"
    for task, classes in header["classes"].items():
        yield task, ", ".join(classes)
    yield "numbers in the weights", count(sum(int(np.size(values)) for values in arrays.values()))
    yield "weights", header["weights"]
    yield "written by voxaffect", header["voxaffect"]


def _training(history: Card | None) -> Iterator[tuple[str, str]]:
    if not history:
        return
    best = history["epochs"][history["best"] - 1]
    yield "epoch kept", f"{history['best']} of {len(history['epochs'])}"
    yield "dev UA", decimal(best["dev_ua"])
    yield "dev loss", decimal(best["dev_loss"])


def _corpora(corpora: list[Card]) -> Table:
    rows = tuple(
        (
            Cell(corpus["name"]),
            Cell(corpus["language"]),
            Cell(count(sum(corpus["emotion"].values()))),
            Cell(count(corpus["n_speakers"])),
            Cell(corpus["digest"]),
        )
        for corpus in corpora
    )
    return Table(
        "Learned from",
        ("Corpus", "Language", "Utterances", "Speakers", "Metadata digest"),
        rows or ((Cell("not told"), *(Cell(ABSENT) for _ in range(4))),),
        words=frozenset({0, 1, 4}),
    )
