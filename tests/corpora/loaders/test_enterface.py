from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio.films import film
from tests.corpora.recordings import record, record_tree
from voxaffect.corpora.check import check
from voxaffect.corpora.corpus import Utterance
from voxaffect.corpora.loaders import enterface
from voxaffect.errors import CorpusError

TOP = "enterface database"


def only(root: Path, name: str) -> Utterance:
    (utterance,) = enterface.parse(record_tree(root, [name])).utterances
    return utterance


def test_folders_with_spaces_are_subject_emotion_sentence(tmp_path: Path) -> None:
    utterance = only(tmp_path, f"{TOP}/subject 7/sadness/sentence 5/s7_sa_5.wav")
    assert utterance.id == f"enterface/{TOP}/subject 7/sadness/sentence 5/s7_sa_5"
    assert utterance.speaker == "enterface/7"
    assert utterance.label == "sadness"
    assert utterance.sentence == "sa5"
    assert utterance.naturalness == "acted"
    assert utterance.gender is None


@pytest.mark.parametrize(
    ("name", "speaker", "sentence"),
    [
        ("subject 11/anger/sentence 1/s12_an_1.wav", "11", "an1"),
        ("subject 3/surprise/sentence 2/s_3_su_2.wav", "3", "su2"),
        ("subject 16/surprise/sentence 3/s16_su_3avi.wav", "16", "su3"),
        ("subject 2/anger/sentence 1/s2_an_2.wav", "2", "an1"),
        ("subject 2/anger/sentence 2/s2_an_1.wav", "2", "an2"),
        ("Subject 44/Fear/Sentence 4/S44_FE_4.WAV", "44", "fe4"),
        ("s44_fe_4.wav", "44", "fe4"),
        ("wav/s_3_ha_1.wav", "3", "ha1"),
    ],
)
def test_irregular_names_are_understood(
    tmp_path: Path, name: str, speaker: str, sentence: str
) -> None:
    utterance = only(tmp_path, name)
    assert utterance.speaker == f"enterface/{speaker}"
    assert utterance.sentence == sentence


def test_the_emotion_is_that_of_the_folder(tmp_path: Path) -> None:
    assert only(tmp_path, "subject 1/disgust/sentence 1/s1_an_1.wav").label == "disgust"


def test_subjects_11_and_12_have_the_same_names_and_are_two(tmp_path: Path) -> None:
    names = [f"{TOP}/subject {n}/anger/sentence 1/s12_an_1.wav" for n in (11, 12)]
    corpus = enterface.parse(record_tree(tmp_path, names))
    assert corpus.speakers == ("enterface/11", "enterface/12")
    assert [p.kind for p in corpus.problems] == ["no gender"]


@pytest.mark.parametrize("depth", range(4))
def test_folders_above_a_low_root_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    names = ["subject 11", "anger", "sentence 1", "s12_an_2.wav"]
    record(tmp_path.joinpath(*names))
    monkeypatch.chdir(tmp_path.joinpath(*names[:depth]))
    (utterance,) = enterface.parse(Path()).utterances
    assert utterance.speaker == "enterface/11"
    assert utterance.sentence == "an1"


def test_a_folder_higher_up_with_a_similar_name_is_ignored(tmp_path: Path) -> None:
    root = record_tree(tmp_path / "anger" / "corpora", ["s12_fe_2.wav"])
    (utterance,) = enterface.parse(root).utterances
    assert utterance.label == "fear"


def test_subject_6_is_left_out_and_counted(tmp_path: Path) -> None:
    names = ["subject 6/anger/s6_an.avi", "subject 6/fear/s6_fe.wav"]
    root = record_tree(tmp_path, ["subject 5/fear/sentence 1/s5_fe_1.wav", names[1]])
    (root / "subject 6" / "anger").mkdir()
    (root / names[0]).write_bytes(b"RIFF")
    corpus = enterface.parse(root)
    assert corpus.speakers == ("enterface/5",)
    left_out = [p.path for p in corpus.problems if p.kind == "unsegmented"]
    assert sorted(left_out) == names


def test_films_are_read_as_they_are(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 24_000)
    path = tmp_path / "subject 1" / "anger" / "sentence 1" / "s1_an_1.avi"
    path.parent.mkdir(parents=True)
    path.write_bytes(film(noise, 48_000, "avi"))
    report = check(enterface.parse(tmp_path))
    assert report.duration_s == 0.5
    assert {c.name: c.found for c in report.by_label}["anger"] == 1
    assert "unreadable" not in report.kinds()


def test_a_video_and_its_sound_are_read_once(tmp_path: Path) -> None:
    path = record(tmp_path / "subject 1" / "anger" / "sentence 1" / "s1_an_1.wav")
    path.with_suffix(".avi").write_bytes(b"a film")
    corpus = enterface.parse(tmp_path)
    assert [u.path for u in corpus.utterances] == [path]
    assert [p.kind for p in corpus.problems] == ["duplicate", "no gender"]


def test_a_side_file_adds_the_sexes(tmp_path: Path) -> None:
    (tmp_path / "speaker_genders.txt").write_text("11 f\n12 m\n")
    names = [f"subject {n}/anger/sentence 1/s12_an_1.wav" for n in (11, 12)]
    corpus = enterface.parse(record_tree(tmp_path, names))
    assert [u.gender for u in corpus.utterances] == ["female", "male"]
    assert not corpus.problems


def test_a_tree_of_subject_6_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="all sentences of an emotion in one"):
        enterface.parse(record_tree(tmp_path, ["subject 6/anger/s6_an.wav"]))


def test_the_card_adds_up_to_the_segmented_corpus() -> None:
    assert sum(enterface.CARD.labels.values()) == 1_287
