from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import emodb
from voxaffect.corpora.speaker_genders import ADULTS, CHILDREN, with_genders

NAMES = ["wav/03a01Fa.wav", "wav/08a01Fa.wav"]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Two speakers, 03 and 08, whose sexes nobody tells."""
    known = emodb.parse(record_tree(tmp_path, NAMES))
    return replace(known, utterances=tuple(replace(u, gender=None) for u in known.utterances))


def listed(corpus: Corpus, text: str) -> Corpus:
    (corpus.root / "speaker_genders.txt").write_text(text, encoding="utf-8")
    return with_genders(corpus, ADULTS)


@pytest.mark.parametrize(
    "text",
    [
        *("03 f\n08 m\n", "03\tf\n\n08\tm", "03,F\r\n08, M\r\n", "03; female\n08; Male\n"),
        "\ufeff03 f\n08 m\n",
    ],
)
def test_a_line_is_a_speaker_and_a_sex(corpus: Corpus, text: str) -> None:
    found = listed(corpus, text)
    assert [u.gender for u in found.utterances] == ["female", "male"]
    assert not found.problems


def test_children_are_classes_of_their_own(corpus: Corpus) -> None:
    listed(corpus, "03 f\n08 m\n")
    found = with_genders(corpus, CHILDREN)
    assert [u.gender for u in found.utterances] == ["female child", "male child"]


def test_without_a_list_genders_are_unknown_and_counted_once(corpus: Corpus) -> None:
    found = with_genders(corpus, ADULTS)
    assert [u.gender for u in found.utterances] == [None, None]
    (problem,) = found.problems
    assert problem.detail.startswith("2 speakers have no gender (03 first)")
    assert not problem.is_fault


def test_a_list_that_cannot_be_read_is_a_fault_and_stops_nothing(corpus: Corpus) -> None:
    (corpus.root / "speaker_genders.txt").symlink_to("nowhere.txt")
    found = with_genders(corpus, ADULTS)
    assert [u.gender for u in found.utterances] == [None, None]
    told = [(p.kind, p.path, p.is_fault) for p in found.problems]
    assert told == [
        ("unreadable label file", "speaker_genders.txt", True),
        ("no gender", "speaker_genders.txt", False),
    ]


def test_what_is_known_stays_unless_the_list_says_otherwise(corpus: Corpus) -> None:
    known = emodb.parse(corpus.root)
    assert [u.gender for u in listed(known, "03 f\n").utterances] == ["female", "female"]


def test_what_the_list_lacks_or_misspells_is_reported(corpus: Corpus) -> None:
    found = listed(corpus, "03 f\n8 m\n08 woman\n03\n03 m\n")
    assert [u.gender for u in found.utterances] == ["female", None]
    told = [(p.kind, p.path, p.is_fault) for p in found.problems]
    assert told == [
        ("broken line", "speaker_genders.txt line 3", True),
        ("broken line", "speaker_genders.txt line 4", True),
        ("repeated line", "speaker_genders.txt line 5", True),
        ("unknown speaker", "speaker_genders.txt line 2", False),
        ("no gender", "speaker_genders.txt", False),
    ]
    assert "'woman' is none of f, m" in found.problems[0].detail
