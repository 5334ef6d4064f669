from __future__ import annotations

from pathlib import Path

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import tess


def test_the_name_is_used_and_not_the_folder(tmp_path: Path) -> None:
    root = record_tree(tmp_path, ["YAF_pleasant_surprised/YAF_germ_ps.wav"])
    (utterance,) = tess.parse(root).utterances
    assert utterance.speaker == "tess/YAF"
    assert utterance.label == "pleasant surprise"
    assert utterance.gender == "female"
    assert utterance.sentence == "germ"


def test_the_misspelled_name_is_of_the_older_speaker(tmp_path: Path) -> None:
    corpus = tess.parse(record_tree(tmp_path, ["OA_bite_neutral.wav", "OAF_back_neutral.wav"]))
    assert corpus.speakers == ("tess/OAF",)
    assert not corpus.problems


def test_the_case_of_a_name_does_not_matter(tmp_path: Path) -> None:
    (utterance,) = tess.parse(record_tree(tmp_path, ["yaf_Back_ANGRY.wav"])).utterances
    assert (utterance.speaker, utterance.label) == ("tess/YAF", "angry")
    assert utterance.sentence == "back"


def test_a_copy_under_another_spelling_is_a_copy(tmp_path: Path) -> None:
    names = ["OA_bite_neutral.wav", "x/OAF_bite_neutral.wav", "x/oaf_bite_Neutral.wav"]
    corpus = tess.parse(record_tree(tmp_path, names))
    assert len(corpus.utterances) == 1
    assert [p.kind for p in corpus.problems] == ["duplicate", "duplicate"]


def test_the_second_copy_of_the_mirror_is_left_out(tmp_path: Path) -> None:
    names = [f"TESS/{folder}/OAF_back_sad.wav" for folder in ("OAF_Sad", "TESS/OAF_Sad")]
    corpus = tess.parse(record_tree(tmp_path, names))
    (utterance,) = corpus.utterances
    assert utterance.path == tmp_path / names[0]
    assert [p.kind for p in corpus.problems] == ["duplicate"]


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(tess.CARD.labels.values()) == 2_800
