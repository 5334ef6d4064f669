from __future__ import annotations

from tests.report.runs import full_run
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report.terminal import terminal_markdown


def test_a_terminal_gets_note_tables_and_findings() -> None:
    text = terminal_markdown(summarise_run(full_run()))
    assert text.startswith("> Simulated speech stands in")
    for number in (1, 2, 3, 4):
        assert f"Table {number}. " in text
    assert "- Within each corpus, on speakers held out, svm came first" in text
