from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import subesco


def test_a_name_is_speaker_sentence_emotion_take(tmp_path: Path) -> None:
    (utterance,) = subesco.parse(
        record_tree(tmp_path, ["SUBESCO/F_02_MONIKA_S_10_NEUTRAL_5.wav"])
    ).utterances
    assert utterance.id == "subesco/SUBESCO/F_02_MONIKA_S_10_NEUTRAL_5"
    assert utterance.speaker == "subesco/F_02"
    assert utterance.label == "neutral"
    assert utterance.gender == "female"
    assert utterance.sentence == "10"
    assert utterance.naturalness == "acted"


def test_a_number_of_two_sexes_is_two_speakers(tmp_path: Path) -> None:
    names = ["F_01_OISHI_S_1_FEAR_1.wav", "M_01_BASHIR_S_1_FEAR_1.wav"]
    genders = {u.speaker: u.gender for u in subesco.parse(record_tree(tmp_path, names)).utterances}
    assert genders == {"subesco/F_01": "female", "subesco/M_01": "male"}


@pytest.mark.parametrize(
    "stranger",
    [
        "F_11_OISHI_S_1_FEAR_1",
        "F_00_OISHI_S_1_FEAR_1",
        "F_01_OISHI_S_11_FEAR_1",
        "F_01_OISHI_S_1_BORED_1",
        "F_01_OISHI_S_1_FEAR_6",
    ],
)
def test_unknown_names_do_not_match(tmp_path: Path, stranger: str) -> None:
    names = ["F_01_OISHI_S_1_FEAR_1.wav", f"{stranger}.wav"]
    (problem,) = subesco.parse(record_tree(tmp_path, names)).problems
    assert (problem.kind, problem.path) == ("unmatched name", names[1])


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(subesco.CARD.labels.values()) == 20 * 10 * 7 * 5
