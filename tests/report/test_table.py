from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.report.table import Cell, Table, markdown
from voxaffect.report.text import ABSENT, decimal, duration, listing, p_value, plural, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.629, ".629"), (1.0, "1.000"), (0.0, ".000"), (0.4125 - 1e-16, ".413"), (None, ABSENT)],
)
def test_decimals_are_formatted_as_in_the_paper(value: float | None, text: str) -> None:
    assert decimal(value) == text


@given(st.floats(0, 1))
def test_decimal_is_rounded_to_thousandths(value: float) -> None:
    assert abs(float(decimal(value)) - value) <= 0.0005 + 1e-9


def test_differences_have_a_sign_and_p_is_never_zero() -> None:
    assert (signed(0.017), signed(-0.017)) == ("+.017", "\N{MINUS SIGN}.017")
    assert (p_value(0.0312), p_value(0.0001)) == (".031", "< .001")


def test_counts_times_and_lists() -> None:
    assert (plural(1, "fold"), plural(2, "corpus", "corpora")) == ("1 fold", "2 corpora")
    assert [duration(s) for s in (1.26, 200, 7500)] == ["1.3 s", "3 min 20 s", "2 h 05 min"]
    assert [listing(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_markdown_escapes_cells() -> None:
    table = Table(
        title="T",
        columns=("Name", "UA"),
        rows=((Cell("a|b_c*"), Cell(".5", best=True)), (Cell("mean"), Cell(ABSENT))),
        notes=("A note.",),
        n_last=1,
    )
    assert markdown(table) == (
        "**T**\n\n| Name | UA |\n| --- | ---: |\n"
        "| a\\|b\\_c\\* | **.5** |\n| mean | \N{EN DASH} |\n\nA note.\n"
    )
    assert (len(table.body), len(table.foot)) == (1, 1)
