from __future__ import annotations

from pathlib import Path

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import cremad

DEMOGRAPHICS = '"ActorID","Age","Sex","Race","Ethnicity"\n'
WOMAN = "1002,21,Female,Caucasian,Not Hispanic\n"


def tree(root: Path, *names: str, actors: str = WOMAN) -> Path:
    (root / "VideoDemographics.csv").write_text(DEMOGRAPHICS + actors)
    return record_tree(root, names)


def test_a_name_is_actor_sentence_emotion_intensity(tmp_path: Path) -> None:
    corpus = cremad.parse(tree(tmp_path, "AudioWAV/1002_IEO_HAP_HI.wav"))
    (utterance,) = corpus.utterances
    assert utterance.id == "cremad/AudioWAV/1002_IEO_HAP_HI"
    assert utterance.speaker == "cremad/1002"
    assert utterance.label == "happy"
    assert utterance.sentence == "IEO"
    assert utterance.gender == "female"
    assert not corpus.problems


def test_the_recording_without_sound_is_left_out_and_counted(tmp_path: Path) -> None:
    names = ["AudioWAV/1076_MTI_SAD_XX.wav", "AudioWAV/1002_MTI_SAD_XX.wav"]
    corpus = cremad.parse(tree(tmp_path, *names))
    assert len(corpus.utterances) == 1
    assert [p.kind for p in corpus.problems] == ["no sound"]


def test_the_mp3_copies_are_not_taken_for_the_corpus(tmp_path: Path) -> None:
    names = [f"Audio{suffix}/1002_TIE_FEA_XX.{suffix.lower()}" for suffix in ("MP3", "WAV")]
    corpus = cremad.parse(tree(tmp_path, *names))
    assert [u.path.suffix for u in corpus.utterances] == [".wav"]
    assert [p.kind for p in corpus.problems] == ["MP3 copy"]


def test_without_demographics_no_sex_is_guessed(tmp_path: Path) -> None:
    corpus = cremad.parse(record_tree(tmp_path, ["1002_TIE_FEA_XX.wav"]))
    assert corpus.utterances[0].gender is None
    (problem,) = corpus.problems
    assert problem.kind == "no gender"
    assert "VideoDemographics.csv (not found below the root)" in problem.detail


def test_a_broken_line_of_the_demographics_is_reported(tmp_path: Path) -> None:
    root = tree(tmp_path, "1002_TIE_FEA_XX.wav", actors="1002,21,F,,\n")
    kinds = [problem.kind for problem in cremad.parse(root).problems]
    assert kinds == ["broken line", "no gender"]


def test_demographics_that_cannot_be_read_are_a_fault_and_stop_nothing(tmp_path: Path) -> None:
    root = record_tree(tmp_path, ["1002_TIE_FEA_XX.wav"])
    (root / "VideoDemographics.csv").write_text("Actor,Sex\n1002,Female\n")
    corpus = cremad.parse(root)
    assert len(corpus.utterances) == 1
    unreadable, unknown = corpus.problems
    assert (unreadable.kind, unreadable.is_fault) == ("unreadable label file", True)
    assert "column 'actorid' is missing" in unreadable.detail
    assert unknown.kind == "no gender"


def test_the_card_adds_up_to_the_whole_corpus_less_one() -> None:
    assert sum(cremad.CARD.labels.values()) == 7_442 - 1
