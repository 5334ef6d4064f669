"""Reference results agree with the sums and means that the paper prints."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from tests.report.runs import corpus, result, run_of
from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation import reference_results
from voxaffect.evaluation.experiment.run import CorpusSummary, FoldResult, Run
from voxaffect.evaluation.reference_results import (
    AGGREGATED,
    COUNTED,
    COUNTS,
    COUNTS_TOTAL,
    CROSS,
    CROSS_MEANS,
    CROSS_STYLES,
    EIGHT,
    FOUR,
    PAPER_CORPORA,
    WITHIN,
    WITHIN_MEANS,
    WITHIN_SD,
    PaperComparison,
    PublishedRow,
    compare_with_paper,
)
from voxaffect.evaluation.summary import Summary
from voxaffect.systems.systems import SYSTEMS
from voxaffect.taxonomy import EMOTION, NATURALNESS

ALL = reference_results.PAPER_CORPORA


def papers(name: str, of: str | None = None, **more: object) -> CorpusSummary:
    """A corpus of the run, by the title of one of the paper's."""
    made = corpus(name, {"acted": 40}, **more)
    return replace(made, title=CORPORA[of or name].card.title)


def compare(corpora: tuple[CorpusSummary, ...], *results: FoldResult) -> PaperComparison:
    run = run_of(results, corpora=corpora)
    found = compare_with_paper(run, Summary(run))
    assert found is not None
    return found


def crossed(*tests: str) -> list[FoldResult]:
    """Results across corpora: a share of .5 of every class is recognized."""
    return [
        result(test, s, (5,) * 4, protocol="cross")
        for test in tests
        for s in reference_results.EIGHT
    ]


def row(rows: tuple[PublishedRow, ...], name: str) -> PublishedRow:
    (found,) = [row for row in rows if row.name == name]
    return found


def test_run_of_other_corpora_has_no_comparison() -> None:
    run = Run({}, (corpus("emodb", {"acted": 40}),), {})
    assert compare_with_paper(run, Summary(run)) is None


def test_corpus_is_recognized_by_its_title() -> None:
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


def test_difference_is_ours_minus_published() -> None:
    speakers = [result(f"emodb/{n}", "dnn-stl", (2 * n,) * 4) for n in (4, 5)]
    figure = compare((papers("emodb"),), *speakers).within[0].figures["dnn-stl"]
    assert figure.ours == pytest.approx(0.9)
    assert (figure.published, figure.published_sd) == (0.888, 0.07)
    assert figure.difference == pytest.approx(0.012)
    assert figure.ours_sd == pytest.approx(0.1 * 2**0.5)


def test_incomplete_score_is_not_compared() -> None:
    speakers = [result(f"emodb/{n}", "dnn-stl", (5,) * 4) for n in (4, 5)]
    other = result("emodb/4", "dnn-mtl", (5,) * 4)
    figures = compare((papers("emodb"),), *speakers, other).within[0].figures
    assert figures["dnn-stl"].ours == 0.5
    assert figures["dnn-mtl"].ours is figures["dnn-mtl"].difference is None


def test_mean_is_over_the_lines_of_both() -> None:
    found = compare((papers("emodb"), papers("ldc")), *crossed("emodb", "ldc"))
    mean = row(found.cross, "mean").figures["dnn-mtl"]
    assert mean.published == pytest.approx(fmean((0.388, 0.347)))
    assert mean.ours == pytest.approx(0.5)
    assert not any(line.name == "mean of natural" for line in found.cross)


def test_all_test_sets_of_the_paper_have_its_printed_means() -> None:
    corpora = tuple(papers(name) for name in ALL)
    tests = [*ALL[:-1], "iemocap:natural", "iemocap:acted"]
    found = compare(corpora, *crossed(*tests))
    for title, printed in reference_results.CROSS_MEANS.items():
        figures = row(found.cross, title).figures
        assert {system: figure.published for system, figure in figures.items()} == printed
    assert found.same_corpora
    assert not found.unsplit


def test_iemocap_left_out_as_one_has_no_line() -> None:
    found = compare((papers("iemocap"), papers("ldc")), *crossed("iemocap", "ldc"))
    assert [line.name for line in found.cross] == ["ldc"]
    assert found.unsplit


@pytest.mark.parametrize("more", [(), (corpus("urdu", {"natural": 40}),)])
def test_aggregated_is_compared_on_the_papers_corpora_only(
    more: tuple[CorpusSummary, ...],
) -> None:
    shuffled = [
        result("aggregated", system, (9, 3, -1, 6), protocol="aggregated")
        for system in reference_results.FOUR
    ]
    found = compare((*(papers(name) for name in ALL), *more), *shuffled)
    if more:
        assert found.aggregated == ()
        assert found.others == ("urdu",)
        return
    assert row(found.aggregated, "UA").figures["lstm-mtl"].ours == pytest.approx(0.6)
    assert row(found.aggregated, "recall of happy").figures["lstm-mtl"].published == 0.15
    assert row(found.aggregated, "recall of sad").figures["lstm-mtl"].ours is None


ROUNDED = 0.0011
"""A mean of three decimals against the mean of rows that were rounded themselves."""


@pytest.mark.parametrize("kind", COUNTED)
def test_corpora_add_up_to_the_total(kind: str) -> None:
    assert sum(COUNTS[name][kind] for name in PAPER_CORPORA) == COUNTS_TOTAL[kind]


@pytest.mark.parametrize("corpus", PAPER_CORPORA)
def test_emotions_genders_and_styles_add_up_to_the_same_number(corpus: str) -> None:
    row = COUNTS[corpus]
    n_utterances = sum(row[emotion] for emotion in EMOTION.classes)
    assert row["female"] + row["male"] == n_utterances
    assert sum(row[style] for style in NATURALNESS.classes) == n_utterances


def test_systems_and_corpora_have_the_names_of_this_package() -> None:
    assert set(EIGHT) <= set(SYSTEMS)
    assert set(COUNTS) == set(WITHIN) == set(WITHIN_SD) == set(PAPER_CORPORA)
    assert {name.partition(":")[0] for name in CROSS} == set(PAPER_CORPORA)
    assert set(AGGREGATED) == set(FOUR)


@pytest.mark.parametrize("system", FOUR)
def test_means_within_corpora_are_those_of_the_rows(system: str) -> None:
    mean = fmean(row[system] for row in WITHIN.values())
    assert mean == pytest.approx(WITHIN_MEANS["mean"][system], abs=ROUNDED)


@pytest.mark.parametrize("system", EIGHT)
def test_means_across_corpora_are_those_of_the_rows(system: str) -> None:
    rows = {f"mean of {style}": names for style, names in CROSS_STYLES.items()}
    for title, names in {**rows, "mean": tuple(CROSS)}.items():
        mean = fmean(CROSS[name][system] for name in names)
        assert mean == pytest.approx(CROSS_MEANS[title][system], abs=ROUNDED), title


@pytest.mark.parametrize("system", FOUR)
def test_confusions_have_rows_that_sum_to_one_and_the_stated_ua(system: str) -> None:
    ua, shares = AGGREGATED[system]
    assert all(sum(row) == pytest.approx(1, abs=0.021) for row in shares)
    assert fmean(shares[c][c] for c in range(4)) == pytest.approx(ua, abs=0.005)


@pytest.mark.parametrize(
    ("trunk", "test", "gain"),
    [
        ("dnn", "ldc", 0.11),
        ("dnn", "iemocap:natural", 0.12),
        ("dnn", "iemocap:acted", 0.12),
        ("lstm", "emodb", 0.13),
        ("lstm", "iemocap:acted", 0.12),
    ],
)
def test_gains_across_corpora_are_those_of_the_papers_text(
    trunk: str, test: str, gain: float
) -> None:
    figures = CROSS[test]
    found = figures[f"{trunk}-mtl"] - figures[f"{trunk}-stl"]
    assert found == pytest.approx(gain, abs=0.01)


def test_gains_on_the_aggregated_corpora_are_those_of_the_papers_text() -> None:
    sad, angry = EMOTION.index("sad"), EMOTION.index("angry")

    def gain(trunk: str, c: int) -> float:
        both = (AGGREGATED[f"{trunk}-{variant}"].shares[c][c] for variant in ("mtl", "stl"))
        return next(both) - next(both)

    assert gain("dnn", sad) == pytest.approx(0.52)
    assert gain("dnn", angry) == pytest.approx(0.21)
    assert gain("lstm", sad) == pytest.approx(0.19)
    assert AGGREGATED["dnn-mtl"].ua - AGGREGATED["dnn-stl"].ua == pytest.approx(0.17, abs=0.01)
    assert AGGREGATED["lstm-mtl"].ua - AGGREGATED["lstm-stl"].ua == pytest.approx(0.06, abs=0.01)
