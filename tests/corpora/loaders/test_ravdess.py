from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.check import check
from voxaffect.corpora.loaders import ravdess
from voxaffect.errors import CorpusError


def test_a_name_is_seven_codes(tmp_path: Path) -> None:
    root = record_tree(tmp_path, ["Actor_12/03-01-06-01-02-01-12.wav"])
    (utterance,) = ravdess.parse(root).utterances
    assert utterance.id == "ravdess/Actor_12/03-01-06-01-02-01-12"
    assert utterance.speaker == "ravdess/12"
    assert utterance.label == "fearful"
    assert utterance.sentence == "02"


@pytest.mark.parametrize("actor", range(1, 25))
def test_odd_actors_are_men_even_ones_women(tmp_path: Path, actor: int) -> None:
    (utterance,) = ravdess.parse(
        record_tree(tmp_path, [f"03-01-05-02-01-01-{actor:02d}.wav"])
    ).utterances
    assert utterance.gender == ("male" if actor % 2 else "female")


def test_the_second_copy_of_the_mirror_is_left_out(tmp_path: Path) -> None:
    names = [f"Actor_0{n}/03-01-05-02-01-01-0{n}.wav" for n in (1, 2, 3)]
    root = record_tree(tmp_path, [*names, *(f"audio_speech_actors_01-24/{n}" for n in names)])
    corpus = ravdess.parse(root)
    assert [u.path.relative_to(root).as_posix() for u in corpus.utterances] == names
    assert {p.kind for p in corpus.problems} == {"duplicate"}
    assert len(corpus.problems) == 3
    assert not any(p.is_fault for p in corpus.problems)
    assert "is the same take as Actor_01/03-01-05-02-01-01-01.wav" in corpus.problems[0].detail


def test_songs_and_films_are_left_out_and_counted(tmp_path: Path) -> None:
    names = ["03-01-05-02-01-01-01.wav", "03-02-05-02-01-01-01.wav", "01-01-05-02-01-01-01.wav"]
    corpus = ravdess.parse(record_tree(tmp_path, names))
    assert len(corpus.utterances) == 1
    assert sorted(p.kind for p in corpus.problems) == ["film sound", "song"]


def test_a_tree_of_songs_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is a song; left out"):
        ravdess.parse(record_tree(tmp_path, ["Actor_01/03-02-05-02-01-01-01.wav"]))


def test_an_unknown_actor_does_not_match(tmp_path: Path) -> None:
    names = [f"03-01-05-02-01-01-{actor}.wav" for actor in ("00", "01", "24", "25")]
    assert len(ravdess.parse(record_tree(tmp_path, names)).problems) == 2


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(ravdess.CARD.labels.values()) == 1_440


def test_real_tree_and_its_one_duplicate(real_corpora: Path) -> None:
    corpus = ravdess.parse(real_corpora / "ravdess")
    labels = {"neutral": 96, "calm": 192, "happy": 192, "sad": 192, "angry": 192}
    assert corpus.count(lambda u: u.label) == labels
    assert corpus.count(lambda u: u.gender) == {"female": 432, "male": 432}
    actor_07 = check(corpus.select(lambda u: u.speaker == "ravdess/07"))
    (twin,) = [p for p in actor_07.problems if p.kind == "duplicated content"]
    assert twin.path == "ravdess/Actor_07/03-01-03-01-02-02-07"
    assert "ravdess/Actor_07/03-01-03-01-02-01-07" in twin.detail
