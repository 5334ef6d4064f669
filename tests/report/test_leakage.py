from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.corpora import utterance
from tests.report.runs import full_run, result, row, run_of
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.splits.overlap import Exclusion, overlaps
from voxaffect.evaluation.summary import Summary
from voxaffect.report import leakage
from voxaffect.report.result_tables import unweighted_accuracy
from voxaffect.report.table import Table
from voxaffect.report.text import ABSENT
from voxaffect.systems.systems import SYSTEMS, Options
from voxaffect.taxonomy import Taxonomy

ALL = ("neutral", "happy", "sad", "angry")


def corpus(
    name: str, labels: tuple[str, ...], gender: str, title: str = "", language: str = "German"
) -> Corpus:
    """Three utterances per label, all of one speaker."""
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


def test_rows_have_one_cell_per_column() -> None:
    for table in leakage.tables(FOUND):
        assert {len(cells) for cells in table.rows} <= {len(table.columns)}
        assert all(i < len(table.columns) for i in table.text_columns)


def test_missing_class_is_shown_as_absent() -> None:
    table = leakage.contents(FOUND.parts)[0]
    assert row(table, "aibo")["sad"] == ABSENT
    assert row(table, "emodb") == {
        "Corpus": "emodb",
        **dict.fromkeys(ALL, "3"),
        "all": "12",
        **dict.fromkeys(("arousal", "valence", "repeats"), ABSENT),
    }


def test_kinds_without_utterances_have_no_column() -> None:
    assert leakage.contents(FOUND.parts)[1].columns == (
        "Corpus",
        "speakers",
        "male",
        "female child",
    )
    assert leakage.contents(FOUND.parts)[2].columns == ("Corpus", "acted", "Language")


def test_several_languages_are_counted_separately() -> None:
    first, *others = EMODB.utterances
    mixed = replace(EMODB, utterances=(replace(first, language="Urdu"), *others))
    found = overlaps([mixed], Taxonomy(), contents={}, unusable={})
    _, _, styles = leakage.contents(found.parts)
    assert row(styles, "emodb")["Language"] == "German 11, Urdu 1"


def test_excluded_data_are_counted_by_reason() -> None:
    (cells,) = (row(leakage.excluded(FOUND.excluded), "emodb"),)
    assert (cells["Reason"], cells["count"]) == ("no class by default", "3")
    assert cells["Labels, or first example"] == "fear 3"
    strays = [Exclusion("a", "unmatched name", 2, {}, "x.wav: is no name")]
    assert row(leakage.excluded(strays), "a")["Labels, or first example"] == "x.wav: is no name"
    assert leakage.excluded([]).notes == ("Nothing is excluded.",)


def test_left_out_corpus_has_three_sets_that_sum_to_all() -> None:
    rows = [[cell.text for cell in cells] for cells in leakage.left_out(FOUND)[0].rows]
    assert [cells[:2] for cells in rows[:3]] == [["aibo", "train"], ["", "dev"], ["", "test"]]
    assert sum(int(cells[-1]) for cells in rows[:3]) == 9 + 12


def test_refused_runs_are_noted_below_the_table() -> None:
    alone = overlaps([EMODB], Taxonomy(), contents={}, unusable={})
    sets, gaps = leakage.left_out(alone)
    assert sets.rows == ()
    assert sets.notes == alone.refused
    assert gaps == replace(leakage.left_out(FOUND)[1], rows=(), notes=())


def test_untrained_untested_and_new_are_distinguished() -> None:
    table = leakage.left_out(FOUND)[1]
    assert list(row(table, "aibo").values()) == ["aibo", ABSENT, "sad", "female child", ABSENT]
    assert list(row(table, "emodb").values()) == ["emodb", "sad", ABSENT, "male", ABSENT]


def test_overlap_is_listed_by_matching_rule() -> None:
    again = EMODB.renamed("berlin")
    contents = {u.id: u.id.partition("/")[2] for u in (*EMODB.utterances, *again.utterances)}
    found = overlaps((EMODB, again, AIBO), Taxonomy(), contents=contents, unusable={})
    table = leakage.shared(found.pairs)
    assert [[cell.text for cell in cells] for cells in table.rows] == [
        ["emodb", "berlin", "same distribution", "1", ABSENT, ABSENT, ABSENT],
        ["emodb", "berlin", "same recording", "1", ABSENT, ABSENT, "12"],
    ]
    assert table.notes[0] == "No known overlap in 2 other pairs."
    assert row(leakage.left_out(found)[1], "berlin")["Shared with the others"] == (
        "1 speaker, 12 recordings"
    )


def test_no_overlap_is_noted() -> None:
    assert leakage.shared(FOUND.pairs).rows == ()
    assert leakage.shared(FOUND.pairs).notes[0] == "No known overlap between any two corpora."


def test_broken_recordings_are_listed_with_their_reason() -> None:
    first = EMODB.utterances[0].id
    silent = Problem("silent", first, "is silent; leave it out", is_fault=True)
    found = overlaps([EMODB], Taxonomy(), contents={}, unusable={first: silent})
    reasons = [[cell.text for cell in cells] for cells in leakage.excluded(found.excluded).rows]
    assert reasons[-1] == ["emodb", "silent", "1", f"{first}: is silent; leave it out"]


BY_DEV = "the epoch and the temperature of the probabilities are selected on the dev set"
GCV = "generalized cross-validation"
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


def shared_run(protocol: str, folds: Mapping[str, Shares]) -> Run:
    results = [result(test, "svm", (5,) * 4, protocol=protocol) for test in folds]
    stated = {
        made.fold: {"test": {**CLEAN, **shares}, "dev": CLEAN}
        for made, shares in zip(results, folds.values(), strict=True)
    }
    return run_of(results, leakage=stated)


def note(protocol: str, folds: Mapping[str, Shares]) -> str:
    return leakage.note(shared_run(protocol, folds), protocol)


def test_folds_that_share_no_speaker_are_counted() -> None:
    assert note("within", {"emodb/03": {}, "emodb/08": {}}) == (
        "No test speaker is in the training data (2 of 2 folds). "
        "No test recording has a duplicate or near-duplicate in the training data (2 of 2 folds). "
        "No shared sentences, sessions or files are known."
    )


def test_shared_speakers_are_reported_as_speaker_dependent() -> None:
    text = note(
        "cross",
        {
            "emodb": {},
            "iemocap:acted": {"speakers": [10, 10]},
            "iemocap:natural": {"speakers": [9, 10], "sentences": [2, 8]},
        },
    )
    assert text.startswith(
        "Speaker-dependent: iemocap:acted shares all 10 speakers and iemocap:natural shares 9 of "
        "its 10 speakers with training. None shared in 1 other test set."
    )
    assert text.endswith("Shared with training: sentences in 1 of 3 folds.")


def test_duplicates_are_counted_with_their_folds() -> None:
    text = note("cross", {"a": {"duplicates": [2, 40]}, "b": {"near_duplicates": [1, 40]}})
    assert (
        "Test recordings also in the training data: 2 duplicates in 1 of 2 folds and "
        "1 near-duplicate in 1 of 2 folds." in text
    )


def test_utterances_without_speaker_names_are_counted() -> None:
    text = note("cross", {"a": {"unnamed": [40, 40]}, "b": {}})
    assert "40 test utterances without speaker names (counted as one speaker)." in text


def test_run_without_leakage_data_has_no_note_and_no_section() -> None:
    for run in (replace(full_run(), leakage={}), Run({}, (), {})):
        assert leakage.note(run, "within") == ""
        assert leakage.section(run) is None


def test_dev_sets_that_share_speakers_are_counted() -> None:
    run = shared_run("within", {"emodb/03": {}, "emodb/08": {}})
    assert "No dev set shares a speaker with its training set (2 folds)." in lead(run)
    known = run.leakage["within/emodb/03"] | {"dev": {**CLEAN, "speakers": [8, 8]}}
    some = replace(run, leakage={**run.leakage, "within/emodb/03": known})
    assert any("The dev sets of 1 of 2 folds share speakers" in text for text in lead(some))


def test_leakage_note_is_below_the_score_table() -> None:
    summary = Summary(shared_run("within", {"emodb/03": {}, "emodb/08": {}}))
    notes = unweighted_accuracy(summary, "within").notes
    assert notes[0].startswith("No test speaker is in the training data")


def test_table_shows_ranges_over_folds() -> None:
    run = shared_run("within", {"a/1": {"sentences": [3, 5]}, "a/2": {"sentences": [5, 5]}})
    shown = row(first_table(run), "within")
    assert shown["Sentences"] == "3\N{EN DASH}5 of 5"
    assert (shown["Speakers"], shown["Sessions"], shown["Folds"]) == ("0 of 1", ABSENT, "2")


@pytest.mark.parametrize(
    ("systems", "text"),
    [
        (
            {"a": {"elm": {"ridge": "gcv"}}, "b": {"elm": {"ridge": "gcv"}}},
            f"a and b: {BY_DEV}; {RIDGE} is set by {GCV} on the training set.",
        ),
        (
            {"svm": {"penalty": 1.0}},
            "svm: the penalty is fixed; the temperature is selected on the dev set.",
        ),
    ],
)
def test_selection_is_read_from_the_settings(systems: Mapping[str, object], text: str) -> None:
    assert leakage.choices(systems) == (text,)
    assert leakage.choices({"new": {"other": 1}}) == ()


def test_every_system_but_the_majority_has_a_selection_sentence() -> None:
    settings = {name: system.settings(Options()) for name, system in SYSTEMS.items()}
    silent = [name for name in settings if not leakage.choices({name: settings[name]})]
    assert silent == ["majority"]
    (text,) = leakage.choices({"logistic": settings["logistic"]})
    selected = "the penalty and the temperature of the probabilities are selected on the dev set."
    assert text == f"logistic: {selected}"


def lead(run: Run) -> tuple[str, ...]:
    section = leakage.section(run)
    assert section is not None
    return section.lead


def first_table(run: Run) -> Table:
    section = leakage.section(run)
    assert section is not None
    return section.tables[0]


def test_equal_statements_are_one_row_with_their_number_of_folds() -> None:
    copies = {"sentences": [3, 5], "near_duplicates": [2, 40], "corpora": [0, 1]}
    unnamed = {"speakers": [1, 1], "unnamed": [40, 40]}
    run = shared_run("within", {"a/1": {}, "a/2": copies, "a/3": {}, "b/1": unnamed})
    section = leakage.section(run)
    assert section is not None
    dev = "the dev set shares 1 corpus with the training data."
    doubt = f"{dev[:-1]}; speakers of unknown name count as one."
    assert [[cell.text for cell in cells] for cells in section.more[1].rows] == [
        [
            *("within", "a"),
            f"the test set shares 1 corpus with the training and dev data; {dev}",
            "2",
        ],
        [
            *("within", "a"),
            "the test set shares 3 sentences, 2 near duplicates with the training and dev data; "
            + dev,
            "1",
        ],
        [
            *("within", "b"),
            f"the test set shares 1 speaker, 1 corpus with the training and dev data; {doubt}",
            "1",
        ],
    ]
