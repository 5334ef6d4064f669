from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.evaluation.corpora import utterance
from tests.report.runs import row
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.evaluation.protocol.overlap import Exclusion, overlaps
from voxaffect.report import overlap
from voxaffect.report.table import ABSENT
from voxaffect.taxonomy import Taxonomy

ALL = ("neutral", "happy", "sad", "angry")


def corpus(
    name: str, labels: tuple[str, ...], gender: str, title: str = "", language: str = "German"
) -> Corpus:
    """Three utterances a label, of one speaker; every content is that of a namesake's."""
    card = CorpusCard(name, title or name, language, "acted", "", "", "", {}, 0)
    speech = tuple(
        replace(utterance(name, "1", i), label=labels[i // 3], gender=gender, language=language)
        for i in range(3 * len(labels))
    )
    return Corpus(card, Path("/data") / name, speech)


AIBO = corpus("aibo", ("neutral", "happy", "angry"), "female child")
EMODB = corpus("emodb", (*ALL, "fear"), "male", title="EmoDB")
CONTENTS = {u.id: u.id for u in (*AIBO.utterances, *EMODB.utterances)}
FOUND = overlaps((AIBO, EMODB), Taxonomy(), contents=CONTENTS, unusable={})


def test_every_table_has_a_cell_a_column() -> None:
    for table in overlap.tables(FOUND):
        assert {len(cells) for cells in table.rows} <= {len(table.columns)}
        assert all(i < len(table.columns) for i in table.words)


def test_a_gap_among_the_classes_is_seen() -> None:
    table = overlap.emotions(FOUND)
    assert row(table, "aibo")["sad"] == ABSENT
    assert row(table, "emodb") == {
        "Corpus": "emodb",
        **dict.fromkeys(ALL, "3"),
        "all": "12",
        **dict.fromkeys(("arousal", "valence", "repeats"), ABSENT),
    }


def test_what_nobody_has_takes_no_column() -> None:
    assert overlap.voices(FOUND).columns == ("Corpus", "speakers", "male", "female child")
    assert overlap.styles(FOUND).columns == ("Corpus", "acted", "Language")


def test_several_languages_are_counted_each() -> None:
    first, *others = EMODB.utterances
    mixed = replace(EMODB, utterances=(replace(first, language="Urdu"), *others))
    table = overlap.styles(overlaps([mixed], Taxonomy(), contents={}, unusable={}))
    assert row(table, "emodb")["Language"] == "German 11, Urdu 1"


def test_what_is_left_out_is_counted_by_reason() -> None:
    (cells,) = (row(overlap.excluded(FOUND.excluded), "emodb"),)
    assert (cells["Why"], cells["count"]) == ("no class by default", "3")
    assert cells["What, or the first of them"] == "fear 3"
    strays = [Exclusion("a", "unmatched name", 2, {}, "x.wav: is no name")]
    assert row(overlap.excluded(strays), "a")["What, or the first of them"] == "x.wav: is no name"
    assert overlap.excluded([]).notes == ("Nothing is left out.",)


def test_every_run_has_three_sets_that_sum_to_all() -> None:
    rows = [[cell.text for cell in cells] for cells in overlap.sets(FOUND).rows]
    assert [cells[:2] for cells in rows[:3]] == [["aibo", "train"], ["", "dev"], ["", "test"]]
    assert sum(int(cells[-1]) for cells in rows[:3]) == 9 + 12


def test_refused_runs_stand_below_with_their_sentence() -> None:
    alone = overlaps([EMODB], Taxonomy(), contents={}, unusable={})
    table = overlap.sets(alone)
    assert table.rows == ()
    assert table.notes == alone.refused
    assert overlap.gaps(alone) == replace(overlap.gaps(FOUND), rows=(), notes=())


def test_untrained_untested_and_new_are_told_apart() -> None:
    table = overlap.gaps(FOUND)
    assert list(row(table, "aibo").values()) == ["aibo", ABSENT, "sad", "female child", ABSENT]
    assert list(row(table, "emodb").values()) == ["emodb", "sad", ABSENT, "male", ABSENT]


def test_shares_say_what_they_were_recognised_by() -> None:
    again = EMODB.renamed("berlin")
    contents = {u.id: u.id.partition("/")[2] for u in (*EMODB.utterances, *again.utterances)}
    found = overlaps((EMODB, again, AIBO), Taxonomy(), contents=contents, unusable={})
    table = overlap.shared(found.pairs)
    assert [[cell.text for cell in cells] for cells in table.rows] == [
        ["emodb", "berlin", "same distribution", "1", ABSENT, ABSENT, ABSENT],
        ["emodb", "berlin", "same recording", "1", ABSENT, ABSENT, "12"],
    ]
    assert table.notes[0] == "Nothing that is known is shared by 2 other pairs."
    assert row(overlap.gaps(found), "berlin")["Shares with the others"] == (
        "1 speaker, 12 recordings"
    )


def test_nothing_shared_is_said() -> None:
    assert overlap.shared(FOUND.pairs).rows == ()
    assert overlap.shared(FOUND.pairs).notes[0].startswith("No two corpora share anything")


def test_broken_recordings_are_named_with_their_reason() -> None:
    first = EMODB.utterances[0].id
    silent = Problem("silent", first, "is silent; leave it out", is_fault=True)
    found = overlaps([EMODB], Taxonomy(), contents={}, unusable={first: silent})
    reasons = [[cell.text for cell in cells] for cells in overlap.excluded(found.excluded).rows]
    assert reasons[-1] == ["emodb", "silent", "1", f"{first}: is silent; leave it out"]
