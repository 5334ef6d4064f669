"""What the run and the paper both have is compared, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from tests.report.runs import corpus, result
from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import CorpusSummary, Run, order
from voxaffect.evaluation.paper import published
from voxaffect.evaluation.paper.beside import BesideRow, BesideThePaper, beside_the_paper
from voxaffect.evaluation.summary import summarise_run

ALL = published.PAPER_CORPORA


def papers(name: str, of: str | None = None, **more: object) -> CorpusSummary:
    """A corpus of the run, by the title of one of the paper's."""
    made = corpus(name, {"acted": 40}, **more)
    return replace(made, title=CORPORA[of or name].card.title)


def compare(corpora: tuple[CorpusSummary, ...], *results: FoldResult) -> BesideThePaper:
    run = Run({}, corpora, {}, order(results))
    found = beside_the_paper(run, summarise_run(run))
    assert found is not None
    return found


def crossed(*tests: str) -> list[FoldResult]:
    """Results across corpora: a share of .5 of every class is recognised."""
    return [result(test, s, (5,) * 4, protocol="cross") for test in tests for s in published.EIGHT]


def row(rows: tuple[BesideRow, ...], name: str) -> BesideRow:
    (found,) = [row for row in rows if row.name == name]
    return found


def test_a_run_of_other_corpora_has_nothing_to_compare() -> None:
    run = Run({}, (corpus("emodb", {"acted": 40}),), {}, ())
    assert beside_the_paper(run, summarise_run(run)) is None


def test_a_corpus_is_known_by_its_title_whatever_it_is_called() -> None:
    found = compare((papers("berlin", "emodb"),), *crossed("berlin"))
    assert found.corpora == {"berlin": "emodb"}
    assert found.lacking == ("aibo", "enterface", "ldc", "iemocap")
    assert row(found.cross, "berlin").figures["lstm-stl"].published == 0.288


def test_counts_add_children_to_their_sex() -> None:
    kinder = papers("aibo", gender={"female child": 30, "male child": 8, "male": 2})
    figures = compare((kinder,)).counts[0].figures
    assert (figures["female"].ours, figures["male"].ours) == (30, 10)
    assert figures["female"].difference == 30 - 7579
    assert figures["natural"].ours == 0


def test_a_difference_is_ours_less_theirs() -> None:
    speakers = [result(f"emodb/{n}", "dnn-stl", (2 * n,) * 4) for n in (4, 5)]
    figure = compare((papers("emodb"),), *speakers).within[0].figures["dnn-stl"]
    assert figure.ours == pytest.approx(0.9)
    assert (figure.published, figure.published_sd) == (0.888, 0.07)
    assert figure.difference == pytest.approx(0.012)
    assert figure.ours_sd == pytest.approx(0.1 * 2**0.5)


def test_a_score_over_fewer_folds_is_not_compared() -> None:
    speakers = [result(f"emodb/{n}", "dnn-stl", (5,) * 4) for n in (4, 5)]
    other = result("emodb/4", "dnn-mtl", (5,) * 4)
    figures = compare((papers("emodb"),), *speakers, other).within[0].figures
    assert figures["dnn-stl"].ours == 0.5
    assert figures["dnn-mtl"].ours is figures["dnn-mtl"].difference is None


def test_the_mean_is_over_the_lines_that_both_have() -> None:
    found = compare((papers("emodb"), papers("ldc")), *crossed("emodb", "ldc"))
    mean = row(found.cross, "mean").figures["dnn-mtl"]
    assert mean.published == pytest.approx(fmean((0.388, 0.347)))
    assert mean.ours == pytest.approx(0.5)
    assert not any(line.name == "mean of natural" for line in found.cross)


def test_all_test_sets_of_the_paper_have_its_printed_means() -> None:
    corpora = tuple(papers(name) for name in ALL)
    tests = [*ALL[:-1], "iemocap:natural", "iemocap:acted"]
    found = compare(corpora, *crossed(*tests))
    for title, printed in published.CROSS_MEANS.items():
        figures = row(found.cross, title).figures
        assert {system: figure.published for system, figure in figures.items()} == printed
    assert found.same_corpora
    assert not found.unsplit


def test_iemocap_left_out_as_one_has_no_line_and_is_told() -> None:
    found = compare((papers("iemocap"), papers("ldc")), *crossed("iemocap", "ldc"))
    assert [line.name for line in found.cross] == ["ldc"]
    assert found.unsplit


@pytest.mark.parametrize("more", [(), (corpus("urdu", {"natural": 40}),)])
def test_the_aggregated_figures_are_compared_on_the_papers_corpora_alone(
    more: tuple[CorpusSummary, ...],
) -> None:
    shuffled = [
        result("aggregated", system, (9, 3, -1, 6), protocol="aggregated")
        for system in published.FOUR
    ]
    found = compare((*(papers(name) for name in ALL), *more), *shuffled)
    if more:
        assert found.aggregated == ()
        assert found.others == ("urdu",)
        return
    assert row(found.aggregated, "UA").figures["lstm-mtl"].ours == pytest.approx(0.6)
    assert row(found.aggregated, "recall of happy").figures["lstm-mtl"].published == 0.15
    assert row(found.aggregated, "recall of sad").figures["lstm-mtl"].ours is None
