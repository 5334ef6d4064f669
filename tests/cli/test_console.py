"""Help texts on terminals of several widths, progress bars and lines."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout

import pytest
from typer.main import get_command

import voxaffect.cli.main  # noqa: F401 (registers the commands)
from voxaffect.cli.app import MOST_COLUMNS, app, keep_examples
from voxaffect.cli.console import errors, print_line, progress_bar

WIDTHS = (60, 80, 120)
COMMANDS = sorted(str(command.name) for command in app.registered_commands)


def help_of(*words: str, columns: int = 80) -> str:
    """Output of `voxaffect WORDS --help` on a terminal of that width."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as shown:
        patch.setenv("COLUMNS", str(columns))
        get_command(app).main([*words, "--help"], prog_name="voxaffect", standalone_mode=False)
    return shown.getvalue()


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_the_terminal(command: str | None, columns: int) -> None:
    text = help_of(*([command] if command else []), columns=columns)
    examples = re.compile(r"\bvoxaffect \w+ |^ +curl ")
    prose = [line for line in text.splitlines() if not examples.search(line)]
    assert max(map(len, prose)) <= min(columns, MOST_COLUMNS)


@pytest.mark.parametrize("columns", WIDTHS)
def test_every_command_is_listed_once_with_its_first_sentence(columns: int) -> None:
    text = " ".join(help_of(columns=columns).split())
    assert "..." not in text.partition("Recognizers:")[2]
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        (sentence,) = re.findall(r"\S.*?(?=\.(?:\s|$))", " ".join((command.help or "").split()))[:1]
        assert text.count(f" {name} {sentence}") == 1


def test_commands_are_listed_under_headings() -> None:
    headings = re.findall(r"^(\S.*):$", help_of(), flags=re.MULTILINE)
    assert headings == ["Options", "Recognizers", "Experiments", "Data"]
    assert "\nCommands:\n" in help_of("corpora")


def test_examples_are_not_wrapped() -> None:
    text = help_of("predict")
    assert "\n    voxaffect predict talk.mp4 --timeline --picture talk.svg\n" in text


def test_only_indented_paragraphs_are_kept_verbatim() -> None:
    assert keep_examples("One.\nTwo.\n\n  a\n  b\n\nThree.") == (
        "One.\nTwo.\n\n\b\n  a\n  b\n\nThree."
    )
    assert keep_examples("") == ""


def test_a_progress_bar_prints_titles_and_notes_verbatim(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_bar("[/folds]") as update:
        update(total=1, completed=1, note="svm on calls/[/a]")
    printed = capsys.readouterr().err
    assert "[/folds]" in printed
    assert "calls/[/a]" in printed


@pytest.mark.parametrize("length", [10, 79, 80, 500])
def test_lines_are_not_wrapped(length: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = "runs/" + "a b" * length + "/[x]:smile:.csv"
    print_line(f"wrote {path}")
    print_line(path, to=errors(), style="red")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"wrote {path}\n", f"{path}\n")
