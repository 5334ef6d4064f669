from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record, record_tree
from voxaffect.corpora.loaders import aibo
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import Taxonomy

TOP = "IS2009EmotionChallenge"
INSIDE = f"{TOP}/labels/{TOP}/chunk_labels_5cl_corpus.txt"
LABELS = "Mont_01_000_00 A 1.00\nOhm_01_012_03 P 0.5\n"


def plant(root: Path, *names: str, labels: str = LABELS, at: str = INSIDE) -> Path:
    file = root / at
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(labels)
    return record_tree(root, names)


def test_a_chunk_is_school_child_turn_and_number(tmp_path: Path) -> None:
    root = plant(tmp_path, f"{TOP}/wav/Ohm_01_012_03.wav", f"{TOP}/wav/Mont_01_000_00.wav")
    _, utterance = aibo.parse(root).utterances
    assert utterance.id == f"aibo/{TOP}/wav/Ohm_01_012_03"
    assert utterance.label == "positive"
    assert utterance.speaker == "aibo/Ohm_01"
    assert utterance.session == "Ohm_01_012"
    assert utterance.naturalness == "natural"
    assert utterance.gender is None


def test_a_number_in_two_schools_is_two_children(tmp_path: Path) -> None:
    root = plant(tmp_path, "wav/Ohm_01_012_03.wav", "wav/Mont_01_000_00.wav")
    assert aibo.parse(root).speakers == ("aibo/Mont_01", "aibo/Ohm_01")


@pytest.mark.parametrize(
    ("recordings", "labels"),
    [
        (f"{TOP}/wav", INSIDE),
        (f"{TOP}/{TOP}/wav", f"{TOP}/{INSIDE}"),
        ("wav", "chunk_labels_5cl_corpus.txt"),
        ("default", "Chunk_Labels_5cl_Corpus.TXT"),
    ],
    ids=["package", "nested twice", "labels at the root", "another case"],
)
def test_every_known_layout_is_read(tmp_path: Path, recordings: str, labels: str) -> None:
    names = [f"{recordings}/{chunk}.wav" for chunk in ("Mont_01_000_00", "Ohm_01_012_03")]
    corpus = aibo.parse(plant(tmp_path, *names, at=labels))
    assert [u.label for u in corpus.utterances] == ["anger", "positive"]
    assert [p.kind for p in corpus.problems] == ["no gender"]


def test_the_two_class_labels_are_not_read(tmp_path: Path) -> None:
    root = plant(tmp_path, "wav/Mont_01_000_00.wav", labels="Mont_01_000_00 A 1.0\n")
    (root / "chunk_labels_2cl_corpus.txt").write_text("Mont_01_000_00 NEG 1.0\n")
    (utterance,) = aibo.parse(root).utterances
    assert utterance.label == "anger"


def test_children_have_the_gender_of_the_side_file(tmp_path: Path) -> None:
    root = plant(tmp_path, "wav/Ohm_01_012_03.wav", "wav/Mont_01_000_00.wav")
    (root / "speaker_genders.txt").write_text("Ohm_01 f\nMont_01 m\n")
    corpus = aibo.parse(root)
    assert [u.gender for u in corpus.utterances] == ["male child", "female child"]
    assert not corpus.problems


def test_labels_without_audio_and_audio_without_labels_are_reported(tmp_path: Path) -> None:
    labels = f"{LABELS}Ohm_02_000_00 A 1.0\nOhm_02_000_01 E 1.0\n"
    names = ["wav/Mont_01_000_00.wav", "wav/Ohm_01_012_03.wav", "wav/Ohm_31_000_00.wav"]
    corpus = aibo.parse(plant(tmp_path, *names, labels=labels))
    assert len(corpus.utterances) == 2
    unlabeled, missing, of_absent_class, _ = corpus.problems
    assert (unlabeled.kind, unlabeled.path) == ("no label", "wav/Ohm_31_000_00.wav")
    assert (missing.kind, missing.path) == ("no recording", f"{INSIDE} line 3")
    assert missing.is_fault
    assert of_absent_class.path == f"{INSIDE} line 4"
    assert not of_absent_class.is_fault


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("Ohm_01_012_04 A", "has 2 fields"),
        ("Ohm_01_012_04 A 1.0 more", "has 4 fields"),
        ("Ohm_01_012_04 NEG 1.0", "unknown class 'NEG'; known are N, P, A, E, R"),
        ("Ohm_01_012_04.wav A 1.0", "is not a chunk name such as"),
        ("01_012_04 A 1.0", "'01_012_04' is not a chunk name"),
    ],
)
def test_a_broken_label_line_is_reported(tmp_path: Path, line: str, detail: str) -> None:
    names = ["wav/Mont_01_000_00.wav", "wav/Ohm_01_012_03.wav"]
    corpus = aibo.parse(plant(tmp_path, *names, labels=f"{LABELS}{line}\n"))
    broken = corpus.problems[0]
    assert (broken.kind, broken.path) == ("broken line", f"{INSIDE} line 3")
    assert detail in broken.detail
    assert len(corpus.utterances) == 2


def test_a_tree_without_labels_is_refused_with_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no label in chunk_labels_5cl_corpus\.txt \(not found"):
        aibo.parse(record(tmp_path / "wav" / "Ohm_01_012_03.wav").parent)


def test_classes_are_those_of_the_paper(tmp_path: Path) -> None:
    counts = {"neutral": 0, "happy": 0, "angry": 0}
    root = plant(
        tmp_path,
        *(f"wav/Ohm_01_000_0{n}.wav" for n in range(5)),
        labels="".join(f"Ohm_01_000_0{n} {code} 1\n" for n, code in enumerate("AENPR")),
    )
    for utterance in aibo.parse(root).utterances:
        emotion = Taxonomy().emotion(utterance)
        if emotion is not None:
            counts[emotion] += aibo.CARD.labels[utterance.label]
    assert counts == {"neutral": 10_967, "happy": 889, "angry": 1_492}


def test_the_card_adds_up_to_both_schools() -> None:
    assert sum(aibo.CARD.labels.values()) == 9_959 + 8_257
