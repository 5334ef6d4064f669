"""Model card of a saved recognizer, and scores before and after adaptation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.comparisons import BeforeAfter
from voxaffect.report.findings import equals
from voxaffect.report.run_info import flatten_settings, key_value_table, settings_tables
from voxaffect.report.table import Cell, Table, tabulate
from voxaffect.report.text import count, decimal, p_value, plural, signed

METHOD = (
    "Cross-validation over speakers: no speaker is scored by a model adapted to them. Before: the "
    "unadapted recognizer."
)
Card = Mapping[str, Any]
ELSEWHERE = ("history", "members", "corpora", "made_with", "taxonomy", "split", "audio")
"""Entries of the card that are shown elsewhere, or too long for a table (taxonomy)."""


def adaptation_tables(found: BeforeAfter) -> tuple[Table, Table]:
    """Scores before and after adaptation: over all predictions, and by speaker."""
    gain = ("Before", "After", "Gain")
    rows = [_row("UA, all predictions", found.before, found.after)]
    rows += [_row(f"recall of {name}", *pair) for name, pair in found.recalls.items()]
    title = f"Adaptation, held-out speakers: {plural(found.n, 'utterance')}"
    speakers = (_row(name, *pair) for name, pair in found.speakers.items())
    return (
        tabulate(title, ("Measure", *gain), rows, METHOD, _paired_test(found)),
        tabulate("UA by speaker", ("Speaker", *gain), speakers),
    )


def _row(name: str, before: float, after: float) -> tuple[str, float, Cell, str]:
    return name, before, Cell(decimal(after), best=after > before), signed(after - before)


def _paired_test(found: BeforeAfter) -> str:
    paired = found.paired
    wins, losses = count(paired.n_better), count(paired.n_worse)
    text = f"Of {plural(paired.n_pairs, 'speaker')}, {wins} gain and {losses} lose"
    if not paired.reachable:
        return f"{text}; too few speakers for a test."
    return f"{text} (Wilcoxon signed-rank test, p {equals(p_value(paired.p))})."


def model_card(header: Card, arrays: Mapping[str, NDArray[Any]]) -> tuple[Table, ...]:
    """Tables of a saved recognizer, from its header and weights: properties, corpora, settings."""
    card = header["card"]
    settings = {**header["settings"], "features": header["features"]}
    settings |= {key: card[key] for key in ("split", "audio") if key in card}
    return (
        key_value_table("Recognizer", ("Property", "Value"), dict(_facts(header, arrays))),
        _corpora(card.get("corpora", ())),
        *settings_tables(settings, card.get("made_with", {})),
    )


def _facts(header: Card, arrays: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, str]]:
    card = header["card"]
    if "kind" in header:
        yield "classifier", header["kind"]
    yield from _learned(card, "")
    for name, details in card.get("members", {}).items():
        yield from _learned(details, f"{name}: ")
    if false_alarms := header.get("novelty", {}).get("false_alarms"):
        yield "false alarm rate of novelty detection", f"{false_alarms:.1%}"
    for task, classes in header["classes"].items():
        yield task, ", ".join(classes)
    yield "parameters", count(sum(int(np.size(values)) for values in arrays.values()))
    yield "weights", header["weights"]
    yield "voxaffect version", header["voxaffect"]


def _learned(details: Card, prefix: str) -> Iterator[tuple[str, str]]:
    """What a classifier has learned, of a net the epoch that was kept."""
    own = {key: value for key, value in details.items() if key not in ELSEWHERE}
    for key, text in flatten_settings(own).items():
        yield f"{prefix}{key}", text
    if history := details.get("history"):
        best = history["epochs"][history["best"] - 1]
        yield f"{prefix}epoch kept", f"{history['best']} of {len(history['epochs'])}"
        yield f"{prefix}dev UA", decimal(best["dev_ua"])
        yield f"{prefix}dev loss", decimal(best["dev_loss"])


def _corpora(corpora: list[Card]) -> Table:
    rows = [
        [c["name"], c["language"], sum(c["emotion"].values()), c["n_speakers"], c["digest"]]
        for c in corpora
    ] or [["unknown", *[None] * 4]]
    columns = ("Corpus", "Language", "Utterances", "Speakers", "Metadata digest")
    return tabulate("Training corpora", columns, rows, text_columns=(0, 1, 4))
