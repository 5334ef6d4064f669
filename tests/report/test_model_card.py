from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from tests.report.runs import corpus, plain_history, row
from voxaffect.evaluation.comparisons import BeforeAfter, before_after
from voxaffect.report.model_card import adaptation_tables, model_card
from voxaffect.report.text import ABSENT


def found(n_speakers: int) -> BeforeAfter:
    """Each speaker has a neutral and a happy utterance; before, all predictions are neutral."""
    truth = np.tile([0, 1], n_speakers)
    speakers = np.repeat([f"s{n}" for n in range(n_speakers)], 2)
    return before_after(truth, np.zeros_like(truth), truth, speakers)


def test_scores_before_and_after_with_gain() -> None:
    whole, speakers = adaptation_tables(found(7))
    assert [cell.text for cell in whole.rows[0]] == [
        "UA, all predictions",
        ".500",
        "1.000",
        "+.500",
    ]
    assert [cell.text for cell in whole.rows[2]] == ["recall of happy", ".000", "1.000", "+1.000"]
    assert len(speakers.rows) == 7
    assert whole.notes[1] == (
        "Of 7 speakers, 7 gain and 0 lose (Wilcoxon signed-rank test, p = .016)."
    )


def test_too_few_speakers_are_not_tested() -> None:
    assert (
        adaptation_tables(found(3))[0].notes[1]
        == "Of 3 speakers, 3 gain and 0 lose; too few speakers for a test."
    )


HEADER: dict[str, Any] = {
    "voxaffect": "0.1.0",
    "classes": {"emotion": ["neutral", "happy", "sad", "angry"], "gender": ["female", "male"]},
    "features": {"kind": "lld"},
    "settings": {"trunk": {"kind": "lstm", "hidden": 256}},
    "weights": "weights-0123.safetensors",
    "card": {"seed": 3, "temperature": 0.5, "history": plain_history(4)},
}
ARRAYS = {"net.a": np.zeros((3, 4)), "elm.b": np.zeros(5)}


def facts(header: dict[str, Any]) -> dict[str, str]:
    table = model_card(header, ARRAYS)[0]
    return {name.text: value.text for name, value in table.rows}


def test_card_has_classes_training_and_size() -> None:
    found = facts(HEADER)
    assert found["emotion"] == "neutral, happy, sad, angry"
    assert (found["seed"], found["epoch kept"], found["dev UA"]) == ("3", "2 of 4", ".500")
    assert found["parameters"] == "17"


def test_corpora_settings_and_versions_have_tables() -> None:
    origin = {"corpora": [asdict(corpus("emodb", {"acted": 40}))], "made_with": {"torch": "2.13"}}
    header = {**HEADER, "card": {**HEADER["card"], **origin}}
    _, corpora, settings, made_with = model_card(header, ARRAYS)
    assert row(corpora, "emodb")["Metadata digest"] == "fedcba9876543210"
    assert row(corpora, "emodb")["Utterances"] == "40"
    assert row(settings, "trunk.hidden")["Value"] == "256"
    assert row(settings, "features.kind")["Value"] == "lld"
    assert row(made_with, "torch")["Version"] == "2.13"


def test_missing_facts_are_absent() -> None:
    tables = model_card({**HEADER, "card": {}}, ARRAYS)
    assert row(tables[1], "unknown")["Utterances"] == ABSENT
    assert "dev UA" not in facts({**HEADER, "card": {}})
