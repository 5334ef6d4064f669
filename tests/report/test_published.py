from __future__ import annotations

from dataclasses import replace

from tests.report.runs import corpus, full_run, result, run_of
from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.summary import Summary
from voxaffect.report import published
from voxaffect.report.table import Section, Table
from voxaffect.report.text import ABSENT

PAPERS = {
    name: replace(corpus(name, {"acted": 40}), title=CORPORA[name].card.title)
    for name in ("aibo", "emodb", "enterface", "ldc", "iemocap")
}


def section_of(*results: FoldResult, names: tuple[str, ...] = ("emodb",)) -> Section:
    corpora = (*(PAPERS[name] for name in names), corpus("urdu", {"natural": 40}))
    run = run_of(results, corpora=corpora)
    made = published.section(run, Summary(run))
    assert made is not None
    return made


def lines(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_no_corpus_of_the_paper() -> None:
    run = full_run()
    made = published.section(run, Summary(run))
    assert made is not None
    assert made.tables == ()
    assert len(made.lead) == 1
    assert "has none of the paper's corpora" in made.lead[0]
    assert published.section(Run({}, (), {}), Summary(Run({}, (), {}))) is None


def test_rows_have_paper_run_and_difference() -> None:
    scored = [result(f"emodb/{n}", "lstm-mtl", (n,) * 4) for n in (6, 8)]
    counts, within = section_of(*scored).tables
    assert within.columns == ("Corpus", "Source", "lstm-mtl")
    assert lines(within) == [
        ["emodb", "paper", ".925 ± .08"],
        ["emodb", "this run", ".700 ± .14"],
        ["emodb", "difference", "\N{MINUS SIGN}.225"],
    ]
    assert lines(counts)[2][2:7] == [
        "\N{MINUS SIGN}6",
        *(f"\N{MINUS SIGN}{n}" for n in (67, 51, 48, 87)),
    ]
    assert any("339 where the paper counts 293" in note for note in counts.notes)


def test_different_training_sets_are_noted() -> None:
    crossed = [result(t, "dnn-stl", (5,) * 4, protocol="cross") for t in ("emodb", "urdu")]
    made = section_of(*crossed)
    assert any(
        "trains with urdu and without aibo, enterface, ldc and iemocap." in text
        for text in made.lead
    )
    assert [table.title.split()[1] for table in made.tables] == ["1", "3"]


def test_incomparable_results_are_noted() -> None:
    shuffled = result("aggregated", "dnn-stl", (5,) * 4, protocol="aggregated")
    left_out = result("iemocap", "dnn-stl", (5,) * 4, protocol="cross")
    lead = section_of(shuffled, left_out, names=("iemocap",)).lead
    assert published.NOT_AGGREGATED in lead
    assert published.UNSPLIT in lead


def test_missing_systems_have_no_column_and_gaps_are_absent() -> None:
    crossed = [
        result("emodb", "dnn-stl", (5,) * 4, protocol="cross"),
        result("ldc", "dnn-stl", (5,) * 4, protocol="cross"),
        result("ldc", "dnn-mtl", (5,) * 4, protocol="cross"),
    ]
    table = section_of(*crossed, names=("emodb", "ldc")).tables[1]
    assert table.columns[2:] == ("dnn-stl", "dnn-mtl")
    assert lines(table)[1] == ["emodb", "this run", ".500", ABSENT]
    assert lines(table)[-2][0:4] == ["mean", "this run", ".500", ABSENT]
    assert table.notes == (published.MEANS,)
