from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record
from voxaffect.commands import corpora
from voxaffect.corpora import CORPORA

UNCOUNTED = [name for name, loader in CORPORA.items() if not loader.card.n_speakers]
UNLABELLED = [name for name, loader in CORPORA.items() if not loader.card.labels]


def row(name: str, text: str) -> str:
    (found,) = (line for line in text.splitlines() if line.strip("│ ").split(" ")[0] == name)
    return found


@pytest.fixture
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that wraps nothing."""
    monkeypatch.setenv("COLUMNS", "400")


@pytest.mark.usefixtures("_wide")
def test_numbers_that_no_card_knows_are_not_given_as_zero(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert UNCOUNTED
    assert UNLABELLED
    corpora.show_all()
    printed = capsys.readouterr().out
    for name in CORPORA:
        unknown = (name in UNCOUNTED) + (name in UNLABELLED)
        assert row(name, printed).count(corpora.NOT_KNOWN) == unknown


@pytest.mark.usefixtures("_wide")
@pytest.mark.parametrize("name", sorted({*UNCOUNTED, *UNLABELLED}))
def test_a_card_says_what_is_not_known(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    corpora.show(name)
    printed = capsys.readouterr().out
    assert (corpora.NOT_KNOWN in row("speakers", printed)) == (name in UNCOUNTED)
    assert (corpora.NOT_KNOWN in row("labels", printed)) == (name in UNLABELLED)


def test_labels_and_files_that_look_like_markup_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "[bold]" / "a].wav", level=0.0)
    table = tmp_path / "calls.csv"
    table.write_text("path,emotion\n[bold]/a].wav,[/joy]\n")
    assert corpora.check("calls", table, as_json=False, n_jobs=1) == 1
    printed = capsys.readouterr().out
    assert "[/joy]" in printed
    assert "calls/[bold]/a]" in printed
    assert "verdict: faults" in printed
