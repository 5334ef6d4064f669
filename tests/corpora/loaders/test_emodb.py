from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import emodb
from voxaffect.errors import CorpusError

# Speaker -> sex, as the corpus's authors list them.
SPEAKERS = ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
SEXES = dict(zip(SPEAKERS, "mffmmmffmf", strict=True))


def test_a_name_is_speaker_sentence_emotion_version(tmp_path: Path) -> None:
    (utterance,) = emodb.parse(record_tree(tmp_path, ["wav/03a01Fa.wav"])).utterances
    assert utterance.id == "emodb/wav/03a01Fa"
    assert utterance.speaker == "emodb/03"
    assert utterance.sentence == "a01"
    assert utterance.label == "happiness"  # F is Freude, not fear
    assert utterance.gender == "male"
    assert utterance.naturalness == "acted"


@pytest.mark.parametrize(("speaker", "sex"), SEXES.items())
def test_sex_of_every_speaker(tmp_path: Path, speaker: str, sex: str) -> None:
    (utterance,) = emodb.parse(record_tree(tmp_path, [f"{speaker}b10Wc.wav"])).utterances
    assert utterance.gender == {"m": "male", "f": "female"}[sex]


def test_laryngograph_recordings_are_left_out_and_counted(tmp_path: Path) -> None:
    root = record_tree(tmp_path, ["wav/03a01Fa.wav", "laryngo/03a01Fa.wav", "Laryngo/03a02Nc.wav"])
    corpus = emodb.parse(root)
    assert [u.id for u in corpus.utterances] == ["emodb/wav/03a01Fa"]
    assert [p.kind for p in corpus.problems] == ["laryngograph", "laryngograph"]


def test_a_root_of_laryngograph_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is not a microphone recording"):
        emodb.parse(record_tree(tmp_path / "laryngo", ["03a01Fa.wav"]))


def test_the_ambiguous_recordings_of_version_2_are_left_out_by_its_table(tmp_path: Path) -> None:
    root = record_tree(tmp_path, ["wav/03a01Fa.wav", "wav/03a01Wa.wav"])
    table = "file,emotion,emotion.confidence\nwav/03a01Wa.wav,anger,0.6\n"
    (root / "db.emotion.categories.ambiguous.csv").write_text(table)
    corpus = emodb.parse(root)
    assert [u.id for u in corpus.utterances] == ["emodb/wav/03a01Fa"]
    (problem,) = corpus.problems
    assert (problem.kind, problem.path, problem.is_fault) == ("ambiguous", "wav/03a01Wa.wav", False)


def test_an_unknown_speaker_does_not_match(tmp_path: Path) -> None:
    corpus = emodb.parse(record_tree(tmp_path, ["03a01Fa.wav", "04a01Fa.wav", "03a01Xa.wav"]))
    assert [p.path for p in corpus.problems] == ["03a01Xa.wav", "04a01Fa.wav"]


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(emodb.CARD.labels.values()) == 535


def test_real_tree(real_corpora: Path) -> None:
    corpus = emodb.parse(real_corpora / "emodb")
    labels = {"neutral": 79, "happiness": 71, "sadness": 62, "anger": 127}
    assert corpus.count(lambda u: u.label) == labels
    assert len(corpus.utterances) == 339
    assert len(corpus.speakers) == 10
    assert {u.gender for u in corpus.utterances if u.speaker == "emodb/09"} == {"female"}
