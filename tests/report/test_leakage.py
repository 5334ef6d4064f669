"""The sentence below a table says who is heard on both sides, and what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.corpora import utterance
from tests.report.runs import full_run, result, row
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.evaluation.experiment.run import Run, order
from voxaffect.evaluation.splits.overlap import Exclusion, overlaps
from voxaffect.evaluation.summary import summarize_run
from voxaffect.report import leakage
from voxaffect.report.result_tables import unweighted_accuracy
from voxaffect.report.table import ABSENT, Table
from voxaffect.systems.systems import SYSTEMS, Options
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
    for table in leakage.tables(FOUND):
        assert {len(cells) for cells in table.rows} <= {len(table.columns)}
        assert all(i < len(table.columns) for i in table.words)


def test_a_gap_among_the_classes_is_seen() -> None:
    table = leakage.emotions(FOUND)
    assert row(table, "aibo")["sad"] == ABSENT
    assert row(table, "emodb") == {
        "Corpus": "emodb",
        **dict.fromkeys(ALL, "3"),
        "all": "12",
        **dict.fromkeys(("arousal", "valence", "repeats"), ABSENT),
    }


def test_what_nobody_has_takes_no_column() -> None:
    assert leakage.voices(FOUND).columns == ("Corpus", "speakers", "male", "female child")
    assert leakage.styles(FOUND).columns == ("Corpus", "acted", "Language")


def test_several_languages_are_counted_each() -> None:
    first, *others = EMODB.utterances
    mixed = replace(EMODB, utterances=(replace(first, language="Urdu"), *others))
    table = leakage.styles(overlaps([mixed], Taxonomy(), contents={}, unusable={}))
    assert row(table, "emodb")["Language"] == "German 11, Urdu 1"


def test_what_is_left_out_is_counted_by_reason() -> None:
    (cells,) = (row(leakage.excluded(FOUND.excluded), "emodb"),)
    assert (cells["Why"], cells["count"]) == ("no class by default", "3")
    assert cells["What, or the first of them"] == "fear 3"
    strays = [Exclusion("a", "unmatched name", 2, {}, "x.wav: is no name")]
    assert row(leakage.excluded(strays), "a")["What, or the first of them"] == "x.wav: is no name"
    assert leakage.excluded([]).notes == ("Nothing is left out.",)


def test_every_run_has_three_sets_that_sum_to_all() -> None:
    rows = [[cell.text for cell in cells] for cells in leakage.sets(FOUND).rows]
    assert [cells[:2] for cells in rows[:3]] == [["aibo", "train"], ["", "dev"], ["", "test"]]
    assert sum(int(cells[-1]) for cells in rows[:3]) == 9 + 12


def test_refused_runs_stand_below_with_their_sentence() -> None:
    alone = overlaps([EMODB], Taxonomy(), contents={}, unusable={})
    table = leakage.sets(alone)
    assert table.rows == ()
    assert table.notes == alone.refused
    assert leakage.gaps(alone) == replace(leakage.gaps(FOUND), rows=(), notes=())


def test_untrained_untested_and_new_are_told_apart() -> None:
    table = leakage.gaps(FOUND)
    assert list(row(table, "aibo").values()) == ["aibo", ABSENT, "sad", "female child", ABSENT]
    assert list(row(table, "emodb").values()) == ["emodb", "sad", ABSENT, "male", ABSENT]


def test_shares_say_what_they_were_recognized_by() -> None:
    again = EMODB.renamed("berlin")
    contents = {u.id: u.id.partition("/")[2] for u in (*EMODB.utterances, *again.utterances)}
    found = overlaps((EMODB, again, AIBO), Taxonomy(), contents=contents, unusable={})
    table = leakage.shared(found.pairs)
    assert [[cell.text for cell in cells] for cells in table.rows] == [
        ["emodb", "berlin", "same distribution", "1", ABSENT, ABSENT, ABSENT],
        ["emodb", "berlin", "same recording", "1", ABSENT, ABSENT, "12"],
    ]
    assert table.notes[0] == "Nothing that is known is shared by 2 other pairs."
    assert row(leakage.gaps(found), "berlin")["Shares with the others"] == (
        "1 speaker, 12 recordings"
    )


def test_nothing_shared_is_said() -> None:
    assert leakage.shared(FOUND.pairs).rows == ()
    assert leakage.shared(FOUND.pairs).notes[0].startswith("No two corpora share anything")


def test_broken_recordings_are_named_with_their_reason() -> None:
    first = EMODB.utterances[0].id
    silent = Problem("silent", first, "is silent; leave it out", is_fault=True)
    found = overlaps([EMODB], Taxonomy(), contents={}, unusable={first: silent})
    reasons = [[cell.text for cell in cells] for cells in leakage.excluded(found.excluded).rows]
    assert reasons[-1] == ["emodb", "silent", "1", f"{first}: is silent; leave it out"]


RIDGE = "the ridge of the extreme learning machine"
Shares = Mapping[str, list[int]]
CLEAN = {
    "speakers": [0, 1],
    "sentences": [0, 0],
    "sessions": [0, 0],
    "corpora": [1, 1],
    "files": [0, 40],
    "duplicates": [0, 40],
    "near_duplicates": [0, 40],
    "unnamed": [0, 40],
}


def run_of(protocol: str, folds: Mapping[str, Shares]) -> Run:
    results = [result(test, "svm", (5,) * 4, protocol=protocol) for test in folds]
    stated = {
        made.fold: {"test": {**CLEAN, **shares}, "dev": CLEAN}
        for made, shares in zip(results, folds.values(), strict=True)
    }
    return Run({}, (), {}, order(results), leakage=stated)


def note(protocol: str, folds: Mapping[str, Shares]) -> str:
    return leakage.note(summarize_run(run_of(protocol, folds)), protocol)


def test_folds_that_share_no_speaker_are_counted() -> None:
    assert note("within", {"emodb/03": {}, "emodb/08": {}}) == (
        "No speaker of a test set is in its training data (2 of 2 folds). "
        "No tested recording, nor one nearly the same, is in the training data (2 of 2 folds). "
        "No sentence, session or file is known to be shared."
    )


def test_the_papers_parts_of_iemocap_are_said_to_be_speaker_dependent() -> None:
    said = note(
        "cross",
        {
            "emodb": {},
            "iemocap:acted": {"speakers": [10, 10]},
            "iemocap:natural": {"speakers": [9, 10], "sentences": [2, 8]},
        },
    )
    assert said.startswith(
        "Speaker-dependent: iemocap:acted shares all 10 speakers and iemocap:natural shares 9 of "
        "its 10 speakers with training. 1 other test set shared none."
    )
    assert said.endswith("Shared with training: sentences in 1 of 3 folds.")


def test_copies_are_counted_with_the_folds_they_are_in() -> None:
    said = note("cross", {"a": {"duplicates": [2, 40]}, "b": {"near_duplicates": [1, 40]}})
    assert (
        "Also in the training data: 2 tested recordings in 1 of 2 folds and 1 nearly in 1 of 2 "
        "folds." in said
    )


def test_speakers_of_unknown_name_are_told() -> None:
    assert "40 tested utterances have speakers of unknown name" in note(
        "cross", {"a": {"unnamed": [40, 40]}, "b": {}}
    )


def test_an_older_run_says_that_copies_were_not_looked_for() -> None:
    old = (
        "the test set shares 57 speakers, 1 corpus with the training and dev data; the dev set "
        "shares 53 speakers, 1 corpus with the training data."
    )
    made = result("aggregated", "svm", (5,) * 4, protocol="aggregated", details={"leakage": old})
    run = Run({}, (), {}, (made,))
    said = leakage.note(summarize_run(run), "aggregated")
    assert said.startswith("Speaker-dependent: the test set shares 57 speakers with training.")
    assert leakage.NOT_LOOKED_FOR in said
    table = first_table(run)
    shown = row(table, "aggregated")
    assert (shown["Speakers"], shown["Same recording"]) == ("57", ABSENT)


def test_a_run_without_any_statement_is_shown_without_one() -> None:
    summary = summarize_run(full_run())
    assert leakage.note(summary, "within") == ""
    assert leakage.section(full_run(), summary) is not None
    empty = Run({}, (), {}, ())
    assert leakage.section(empty, summarize_run(empty)) is None


def test_dev_sets_that_share_speakers_are_told() -> None:
    run = run_of("within", {"emodb/03": {}, "emodb/08": {}})
    assert "No dev set shares a speaker with its training set (2 folds)." in lead(run)
    known = run.leakage["within/emodb/03"] | {"dev": {**CLEAN, "speakers": [8, 8]}}
    some = replace(run, leakage={**run.leakage, "within/emodb/03": known})
    assert any("The dev sets of 1 of 2 folds share speakers" in text for text in lead(some))


def test_the_note_stands_below_the_table_of_scores() -> None:
    summary = summarize_run(run_of("within", {"emodb/03": {}, "emodb/08": {}}))
    notes = unweighted_accuracy(summary, summary.tables[0]).notes
    assert notes[0].startswith("No speaker of a test set")


def test_a_table_gives_ranges_over_folds() -> None:
    run = run_of("within", {"a/1": {"sentences": [3, 5]}, "a/2": {"sentences": [5, 5]}})
    shown = row(first_table(run), "within")
    assert shown["Sentences"] == "3\N{EN DASH}5 of 5"
    assert (shown["Speakers"], shown["Sessions"], shown["Folds"]) == ("0 of 1", ABSENT, "2")


@pytest.mark.parametrize(
    ("systems", "said"),
    [
        (
            {"a": {"elm": {"ridge": "gcv"}}, "b": {"elm": {"ridge": "gcv"}}},
            f"a and b: {leakage.BY_DEV}; {leakage.GCV} chose {RIDGE}.",
        ),
        (
            {"svm": {"penalty": 1.0}},
            "svm: the settings fixed the penalty; the dev set chose the temperature alone.",
        ),
    ],
)
def test_who_chose_is_read_off_the_settings(systems: Mapping[str, object], said: str) -> None:
    assert leakage.choices(systems) == (said,)
    assert leakage.choices({"new": {"other": 1}}) == ()


def test_every_system_tells_who_chose_but_the_one_that_chooses_nothing() -> None:
    settings = {name: system.settings(Options()) for name, system in SYSTEMS.items()}
    silent = [name for name in settings if not leakage.choices({name: settings[name]})]
    assert silent == ["majority"]
    (said,) = leakage.choices({"logistic": settings["logistic"]})
    assert said == (
        "logistic: the dev set chose the penalty and the temperature of the probabilities."
    )


def lead(run: Run) -> tuple[str, ...]:
    section = leakage.section(run, summarize_run(run))
    assert section is not None
    return section.lead


def first_table(run: Run) -> Table:
    section = leakage.section(run, summarize_run(run))
    assert section is not None
    return section.tables[0]
