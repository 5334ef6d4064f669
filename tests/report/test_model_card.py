from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from tests.report.runs import corpus, plain_history, row
from voxaffect.report.model_card import model_card
from voxaffect.report.table import markdown

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


def test_a_card_says_what_answers_and_how_well_it_did() -> None:
    found = facts(HEADER)
    assert found["emotion"] == "neutral, happy, sad, angry"
    assert (found["seed"], found["epoch kept"], found["dev UA"]) == ("3", "2 of 4", ".500")
    assert found["numbers in the weights"] == "17"


def test_corpora_settings_and_versions_have_tables() -> None:
    origin = {"corpora": [asdict(corpus("emodb", {"acted": 40}))], "made_with": {"torch": "2.13"}}
    header = {**HEADER, "card": {**HEADER["card"], **origin}}
    _, corpora, settings, made_with = model_card(header, ARRAYS)
    assert row(corpora, "emodb")["Metadata digest"] == "fedcba9876543210"
    assert row(corpora, "emodb")["Utterances"] == "40"
    assert row(settings, "trunk.hidden")["Value"] == "256"
    assert row(settings, "features.kind")["Value"] == "lld"
    assert row(made_with, "torch")["Version"] == "2.13"


def test_what_a_recogniser_of_ones_own_does_not_tell_is_absent() -> None:
    tables = model_card({**HEADER, "card": {}}, ARRAYS)
    assert "not told" in "".join(map(markdown, tables))
    assert "dev UA" not in facts({**HEADER, "card": {}})
