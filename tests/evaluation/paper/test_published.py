"""The tables are transcribed as printed: their sums and means agree with what the paper prints."""

from __future__ import annotations

from statistics import fmean

import pytest

from voxaffect.evaluation.paper.published import (
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
)
from voxaffect.systems import SYSTEMS
from voxaffect.taxonomy import EMOTION, NATURALNESS

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


def test_systems_and_corpora_are_those_of_this_program() -> None:
    assert set(EIGHT) <= set(SYSTEMS)
    assert set(COUNTS) == set(WITHIN) == set(WITHIN_SD) == set(PAPER_CORPORA)
    assert {name.partition(":")[0] for name in CROSS} == set(PAPER_CORPORA)
    assert set(AGGREGATED) == set(FOUR)


@pytest.mark.parametrize("system", FOUR)
def test_the_means_within_corpora_are_those_of_the_rows(system: str) -> None:
    mean = fmean(row[system] for row in WITHIN.values())
    assert mean == pytest.approx(WITHIN_MEANS["mean"][system], abs=ROUNDED)


@pytest.mark.parametrize("system", EIGHT)
def test_the_means_across_corpora_are_those_of_the_rows(system: str) -> None:
    rows = {f"mean of {style}": names for style, names in CROSS_STYLES.items()}
    for title, names in {**rows, "mean": tuple(CROSS)}.items():
        mean = fmean(CROSS[name][system] for name in names)
        assert mean == pytest.approx(CROSS_MEANS[title][system], abs=ROUNDED), title


@pytest.mark.parametrize("system", FOUR)
def test_confusions_have_rows_of_one_and_the_ua_of_their_diagonal(system: str) -> None:
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
