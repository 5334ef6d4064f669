from __future__ import annotations

import pytest

from voxaffect.commands.console import errors, print_line, progress_bar


def test_a_bar_takes_any_title_and_note(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("[/folds]") as bar:
        bar.update(bar.task_ids[0], total=1, completed=1, note="svm on calls/[/a]")
    printed = capsys.readouterr().err
    assert "[/folds]" in printed
    assert "calls/[/a]" in printed


@pytest.mark.parametrize("length", [10, 79, 80, 500])
def test_a_line_is_broken_by_nobody_but_the_terminal(
    length: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "runs/" + "a b" * length + "/[x]:smile:.csv"
    print_line(f"wrote {path}")
    print_line(path, to=errors, style="red")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"wrote {path}\n", f"{path}\n")
