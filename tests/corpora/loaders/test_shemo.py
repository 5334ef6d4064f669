from __future__ import annotations

from pathlib import Path

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import shemo


def test_the_first_f_is_the_sex_and_the_fourth_sign_the_emotion(tmp_path: Path) -> None:
    names = ["female/F01F01.wav", "male/M01F01.wav", "female/F01W112.wav"]
    found = {
        u.path.stem: (u.speaker, u.gender, u.label)
        for u in shemo.parse(record_tree(tmp_path, names)).utterances
    }
    assert found == {
        "F01F01": ("shemo/F01", "female", "fear"),
        "M01F01": ("shemo/M01", "male", "fear"),
        "F01W112": ("shemo/F01", "female", "surprise"),
    }


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(shemo.CARD.labels.values()) == 3_000
