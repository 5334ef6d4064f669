from __future__ import annotations

import pytest

from voxaffect.commands.console import progress_bar


def test_a_bar_takes_any_title_and_note(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("[/folds]") as bar:
        bar.update(bar.task_ids[0], total=1, completed=1, note="svm on calls/[/a]")
    printed = capsys.readouterr().err
    assert "[/folds]" in printed
    assert "calls/[/a]" in printed
