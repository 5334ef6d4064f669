from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import nemo

HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"


def row(speaker: str, emotion: str, name: str, gender: str = "female") -> str:
    return f"{name}.wav\t{emotion}\t„Tak”.\ttak\t        {speaker}\t{gender}\t27\n"


def parse(root: Path, *rows: str) -> Corpus:
    (root / "data.tsv").write_text(HEADER + "".join(rows), encoding="utf-8")
    return nemo.parse(record_tree(root, ["samples/EB0_anger_6.wav"]))


GOOD = row("EB0", "anger", "EB0_anger_6")


def test_a_recording_has_the_metadata_of_its_row(tmp_path: Path) -> None:
    corpus = parse(tmp_path, GOOD)
    (utterance,) = corpus.utterances
    assert not corpus.problems
    assert utterance.id == "nemo/samples/EB0_anger_6"
    assert utterance.speaker == "nemo/EB0"
    assert utterance.gender == "female"
    assert utterance.label == "anger"
    assert utterance.sentence == "tak"


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        (
            row("EB0", "fear", "EB0_anger_7"),
            "'EB0_anger_7.wav' does not match speaker 'EB0' and emotion 'fear'",
        ),
        (
            row("KS0", "anger", "EB0_anger_7"),
            "'EB0_anger_7.wav' does not match speaker 'KS0' and emotion 'anger'",
        ),
        (
            row("EB0", "anger", "EB0_anger_7", gender="f"),
            "unknown gender 'f'; known are female, male",
        ),
        (
            row("EB0", "rage", "EB0_rage_7"),
            "'EB0_rage_7.wav' does not match speaker 'EB0' and emotion 'rage'",
        ),
    ],
)
def test_rows_that_contradict_the_name_are_reported(
    tmp_path: Path, broken: str, detail: str
) -> None:
    (problem,) = parse(tmp_path, GOOD, broken).problems
    assert (problem.kind, problem.path) == ("broken line", "data.tsv line 3")
    assert detail in problem.detail


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(nemo.CARD.labels.values()) == 4_481
