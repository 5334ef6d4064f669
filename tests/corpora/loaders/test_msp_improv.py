from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import msp_improv


def block(turn: str, emotion: str = "N") -> str:
    return (
        f"UTD-IMPROV-{turn}.avi; {emotion}; A:3.000000; V:NaN; D:3.000000 ; N:3.500000;\n"
        "A1-rater; Neutral; Neutral,; A:3.000000; V:3.000000; D:3.000000; N:4.000000;\n"
        "A1-rater; Neutral; Neutral,; A:3.000000; V:3.000000; D:3.000000; N:4.000000;\n\n"
    )


def parse(root: Path, *blocks: str, turns: list[str], file: str = "Evaluation.txt") -> Corpus:
    (root / file).write_text("".join(blocks))
    return msp_improv.parse(record_tree(root, [f"Audio/MSP-IMPROV-{turn}.wav" for turn in turns]))


@pytest.mark.parametrize("file", ["Evaluation.txt", "Evalution.txt"])
def test_a_turn_has_the_metadata_of_its_name_and_line(tmp_path: Path, file: str) -> None:
    turn = "S01A-F02-S-FM01"
    corpus = parse(tmp_path, block(turn, "A"), turns=[turn], file=file)
    (utterance,) = corpus.utterances
    assert not corpus.problems
    assert utterance.id == f"msp_improv/Audio/MSP-IMPROV-{turn}"
    assert utterance.speaker == "msp_improv/F02"
    assert utterance.gender == "female"
    assert utterance.session == "02"
    assert utterance.sentence == "01"
    assert utterance.label == "anger"


@pytest.mark.parametrize(
    ("scenario", "style", "sentence"),
    [("R", "acted", "20"), ("S", "natural", "20"), ("T", "natural", None), ("P", "natural", None)],
)
def test_read_speech_is_acted_and_the_rest_is_not(
    tmp_path: Path, scenario: str, style: str, sentence: str | None
) -> None:
    turn = f"S20H-M06-{scenario}-MF112"
    (utterance,) = parse(tmp_path, block(turn), turns=[turn]).utterances
    assert utterance.naturalness == style
    assert utterance.sentence == sentence


@pytest.mark.parametrize(
    ("ratings", "arousal", "valence"),
    [
        ("A:1.000000; V:5.000000; D:3.000000 ; N:2.000000;", 1.0, 1.0),
        ("A:5.000000; V:1.000000; D:3.000000 ; N:2.000000;", 0.0, 0.0),
        ("A:4.500000 ; V:3.500000 ;D:3.000000;N:2.000000;", 0.125, 0.625),
        ("A:NaN; V:2.000000; D:NaN ; N:NaN;", None, 0.25),
        ("A:2.000000; V:NaN; D:NaN ; N:NaN;", 0.75, None),
        ("", None, None),
    ],
)
def test_activation_is_inverted_and_valence_is_not(
    tmp_path: Path, ratings: str, arousal: float | None, valence: float | None
) -> None:
    turn = "S01A-F02-S-FM01"
    corpus = parse(tmp_path, f"UTD-IMPROV-{turn}.avi; N; {ratings}\n", turns=[turn])
    (utterance,) = corpus.utterances
    assert (utterance.arousal, utterance.valence) == (arousal, valence)
    assert not corpus.problems


def test_the_n_of_a_rating_is_naturalness_and_of_a_letter_neutral(tmp_path: Path) -> None:
    turn = "S01A-F02-S-FM01"
    (utterance,) = parse(tmp_path, block(turn, "A"), turns=[turn]).utterances
    assert utterance.label == "anger"  # of `A; ...; N:3.5`


def test_the_perceived_emotion_is_used_and_not_the_intended(tmp_path: Path) -> None:
    turns = [f"S03H-M01-T-FF{n:02d}" for n in range(6)]
    blocks = (block(turn, letter) for turn, letter in zip(turns, "AHNOSX", strict=True))
    labels = [u.label for u in parse(tmp_path, *blocks, turns=turns).utterances]
    assert labels == ["anger", "happiness", "neutral", "other", "sadness", "no agreement"]


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        (block("S01A-F02-S-FM02", "Q"), "unknown emotion 'Q'; known are N, H, S, A"),
        (block("S01A-F02-Z-FM02"), "is not a line of turn and emotion"),
        ("UTD-IMPROV-S01A-F02-S-FM02.avi\n", "is not a line of turn and emotion"),
        ("UTD_IMPROV-S01A-F02-S-FM02.avi; N; A:3.0;\n", "is not a line of turn and emotion"),
        ("UTD-IMPROV-S01A-F02-S-FM02; N; A:3.0;\n", "is not a line of turn and emotion"),
        ("S01A-F02-S-FM02.avi; N; A:3.0;\n", "is not a line of turn and emotion"),
        ("see the other file\n", "is not a line of turn and emotion"),
    ],
)
def test_broken_lines_are_reported(tmp_path: Path, broken: str, detail: str) -> None:
    turn = "S01A-F02-S-FM01"
    (problem,) = parse(tmp_path, block(turn), broken, turns=[turn]).problems
    assert (problem.kind, problem.path) == ("broken line", "Evaluation.txt line 5")
    assert detail in problem.detail


def test_a_line_may_be_indented(tmp_path: Path) -> None:
    turn = "S01A-F02-S-FM01"
    corpus = parse(tmp_path, block(turn).replace("UTD", " \tUTD"), turns=[turn])
    assert len(corpus.utterances) == 1
    assert not corpus.problems


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(msp_improv.CARD.labels.values()) == 8_438
