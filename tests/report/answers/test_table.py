from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from tests.report.answers.made import answer
from voxaffect.report.answers.answer import Answer
from voxaffect.report.answers.table import table

WARNED = answer()
QUIET = replace(WARNED, prediction=replace(WARNED.prediction, warnings=()))


@pytest.mark.parametrize(
    ("answers", "n_columns"), [((QUIET, QUIET), 7), ((QUIET, WARNED), 8), ((), 7)]
)
def test_warnings_have_a_column_where_anyone_warns(
    answers: tuple[Answer, ...], n_columns: int
) -> None:
    grid = table(answers)
    assert (len(grid.columns), grid.row_count) == (n_columns, len(answers))


def test_each_warning_is_told() -> None:
    console = Console(width=160)
    with console.capture() as printed:
        console.print(table((QUIET, WARNED)))
    assert all(str(warning) in printed.get() for warning in WARNED.prediction.warnings)
