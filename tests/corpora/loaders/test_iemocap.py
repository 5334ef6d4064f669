from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record, record_tree
from voxaffect.corpora.corpus import Corpus, Utterance
from voxaffect.corpora.loaders import iemocap
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import Taxonomy

HEADING = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


def block(turn: str, code: str, ratings: str = "[2.5000, 2.5000, 2.5000]") -> str:
    return (
        f"[6.2901 - 8.2357]\t{turn}\t{code}\t{ratings}\n"
        "C-E2:\tNeutral;\t()\nC-E3:\tNeutral; Sadness;\t()\nC-F1:\tNeutral;\t(curious)\n"
        "A-E3:\tval 3; act 2; dom  2;\t()\nA-F1:\tval 3; act 2; dom  ;\t()\n\n"
    )


def plant(root: Path, *turns: tuple[str, str]) -> Path:
    """Turns and their codes, in the folders of the release."""
    for seed, (turn, code) in enumerate(turns):
        session, dialogue = root / f"Session{turn[4]}", turn.rpartition("_")[0]
        record(session / "sentences" / "wav" / dialogue / f"{turn}.wav", seed)
        evaluation = session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"
        evaluation.parent.mkdir(parents=True, exist_ok=True)
        before = evaluation.read_text() if evaluation.is_file() else HEADING
        evaluation.write_text(before + block(turn, code))
    return root


def parse(root: Path, *turns: tuple[str, str]) -> Corpus:
    return iemocap.parse(plant(root / "IEMOCAP_full_release", *turns))


def only(root: Path, turn: str, code: str = "neu") -> Utterance:
    (utterance,) = parse(root, (turn, code)).utterances
    return utterance


@pytest.mark.parametrize(
    ("turn", "speaker", "sex"),
    [
        ("Ses01F_impro01_F000", "Ses01F", "female"),
        ("Ses01F_impro01_M003", "Ses01M", "male"),
        ("Ses01M_impro01_F000", "Ses01F", "female"),
        ("Ses05M_script02_1_M030", "Ses05M", "male"),
    ],
)
def test_the_speaker_is_the_last_letter_not_the_first(
    tmp_path: Path, turn: str, speaker: str, sex: str
) -> None:
    utterance = only(tmp_path, turn)
    assert utterance.speaker == f"iemocap/{speaker}"
    assert utterance.gender == sex


def test_each_session_has_two_actors_independent_of_the_markers(tmp_path: Path) -> None:
    turns = [f"Ses0{k}{a}_impro01_{b}000" for k in range(1, 6) for a in "FM" for b in "FM"]
    corpus = parse(tmp_path, *((turn, "neu") for turn in turns))
    assert len(corpus.utterances) == 20
    assert len(corpus.speakers) == iemocap.CARD.n_speakers == 10


@pytest.mark.parametrize(
    ("dialogue", "naturalness", "sentence"),
    [
        ("Ses03F_impro08", "natural", None),
        ("Ses02M_impro05a", "natural", None),
        ("Ses01F_script01_1b", "acted", "script01_1b"),
        ("Ses04M_script03_2", "acted", "script03_2"),
    ],
)
def test_improvised_speech_is_natural_and_scripted_acted(
    tmp_path: Path, dialogue: str, naturalness: str, sentence: str | None
) -> None:
    utterance = only(tmp_path, f"{dialogue}_F001")
    assert utterance.naturalness == naturalness
    assert utterance.sentence == sentence
    assert utterance.session == dialogue


@pytest.mark.parametrize(
    ("code", "label"), [(code, label) for code, (label, _) in iemocap.EMOTIONS.items()]
)
def test_every_code_is_a_word_of_the_card(tmp_path: Path, code: str, label: str) -> None:
    assert label in iemocap.CARD.labels
    assert only(tmp_path, "Ses01F_impro01_F000", code).label == label


def test_excited_is_not_happy_unless_mapped(tmp_path: Path) -> None:
    turn = only(tmp_path, "Ses01F_impro01_F000", "exc")
    assert Taxonomy().emotion(turn) is None
    assert Taxonomy(per_corpus={"iemocap": {"excited": "happy"}}).emotion(turn) == "happy"


@pytest.mark.parametrize(
    ("ratings", "valence", "arousal"),
    [
        ("[1.5000, 4.0000, 4.5000]", 0.125, 0.75),
        ("[1.0000, 5.0000, 3.0000]", 0.0, 1.0),
        ("[4.0000, 2.0000, ]", 0.75, 0.25),
        ("[4.0000, , 3.0000]", 0.75, None),
        ("[ , , ]", None, None),
        ("[NaN, NaN, NaN]", None, None),
        ("[]", None, None),
        ("", None, None),
        ("[5.5000, 2.0000, 2.0000]", None, 0.25),
    ],
)
def test_the_bracket_is_valence_activation_dominance(
    tmp_path: Path, ratings: str, valence: float | None, arousal: float | None
) -> None:
    root = plant(tmp_path, ("Ses01F_impro01_F000", "neu"))
    evaluation = root / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    evaluation.write_text(HEADING + block("Ses01F_impro01_F000", "neu", ratings))
    corpus = iemocap.parse(root)
    (utterance,) = corpus.utterances
    assert (utterance.valence, utterance.arousal) == (valence, arousal)
    assert not corpus.problems


def test_one_evaluation_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    root = plant(tmp_path, ("Ses01F_impro01_F000", "neu"), ("Ses01F_impro02_F000", "neu"))
    name = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    (root / name).unlink()
    (root / name).symlink_to("nowhere.txt")
    corpus = iemocap.parse(root)
    assert [u.session for u in corpus.utterances] == ["Ses01F_impro02"]
    unreadable, unlabeled = corpus.problems
    assert (unreadable.kind, unreadable.path) == ("unreadable label file", name)
    assert unreadable.is_fault
    assert (unlabeled.kind, Path(unlabeled.path).stem) == ("no label", "Ses01F_impro01_F000")


def test_single_raters_files_and_mac_copies_are_not_read(tmp_path: Path) -> None:
    root = plant(tmp_path, ("Ses01F_impro01_F000", "neu"))
    folder = root / "Session1" / "dialog" / "EmoEvaluation"
    for name in ("Categorical/Ses01F_impro01.txt", "Attribute/a.txt", "._Ses01F_impro01.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(block("Ses01F_impro01_F000", "ang"))
    (utterance,) = iemocap.parse(root).utterances
    assert utterance.label == "neutral"


def test_recordings_and_films_of_whole_dialogues_are_left_out(tmp_path: Path) -> None:
    root = plant(tmp_path, ("Ses01F_impro01_F000", "neu"))
    names = ["wav/Ses01F_impro01.wav", "avi/DivX/Ses01F_impro01.wav"]
    record_tree(root / "Session1" / "dialog", names)
    corpus = iemocap.parse(root)
    assert len(corpus.utterances) == 1
    assert [p.kind for p in corpus.problems] == ["whole dialogue", "whole dialogue"]


def test_unmatched_recordings_and_labels_are_reported(tmp_path: Path) -> None:
    root = plant(tmp_path, *((f"Ses01F_impro01_F00{n}", "neu") for n in range(3)))
    turns = root / "Session1" / "sentences" / "wav" / "Ses01F_impro01"
    (turns / "Ses01F_impro01_F002.wav").unlink()
    record(turns / "Ses01F_impro01_F009.wav")
    unlabeled, missing = iemocap.parse(root).problems
    assert (unlabeled.kind, Path(unlabeled.path).stem) == ("no label", "Ses01F_impro01_F009")
    assert unlabeled.is_fault
    assert "no label in any EmoEvaluation/*.txt" in unlabeled.detail
    assert (missing.kind, missing.is_fault) == ("no recording", True)
    assert "Ses01F_impro01_F002" in missing.detail


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (
            "[1.0 - 2.0]\tSes01F_impro01_F001\tjoy\t[2, 2, 2]",
            "unknown emotion 'joy'; known are neu",
        ),
        (
            "[1.0 - 2.0]\tSes01F_impro01_MX01\tneu\t[2, 2, 2]",
            "is not a line of times, turn and emotion",
        ),
        ("[1.0 - 2.0]\tSes01F_impro01_F001", "is not a line of times, turn and emotion"),
        (
            "(1.0 - 2.0]\tSes01F_impro01_F001\tneu\t[2, 2, 2]",
            "is not a line of times, turn and emotion",
        ),
        ("Ses01F_impro01_F001\tneu\t[2, 2, 2]", "is not a line of times, turn and emotion"),
        ("see the other file", "is not a line of times, turn and emotion"),
    ],
)
def test_a_broken_line_is_reported(tmp_path: Path, line: str, detail: str) -> None:
    root = plant(tmp_path, ("Ses01F_impro01_F000", "neu"))
    evaluation = root / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    evaluation.write_text(f"{evaluation.read_text()}{line}\n")
    (problem,) = iemocap.parse(root).problems
    assert problem.kind == "broken line"
    assert problem.path == "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt line 10"
    assert detail in problem.detail


def test_a_line_may_be_indented(tmp_path: Path) -> None:
    root = plant(tmp_path, ("Ses01F_impro01_F000", "neu"))
    clean = iemocap.parse(root)
    evaluation = root / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    evaluation.write_text(evaluation.read_text().replace("\n", "\n \t"))
    assert iemocap.parse(root) == clean


def test_a_tree_without_evaluations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no label in any EmoEvaluation"):
        iemocap.parse(record_tree(tmp_path, ["Ses01F_impro01/Ses01F_impro01_F000.wav"]))


def test_the_card_adds_up_to_all_turns() -> None:
    labels = iemocap.CARD.labels
    assert sum(labels.values()) == 10_039
    four = ("neutral", "happy", "excited", "sad", "angry")
    assert sum(labels[label] for label in four) == 5_531
