"""The Typer app that every command registers on, and the options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from typer.core import TyperGroup

from voxaffect.recognizer.packaged import WORD, located
from voxaffect.version import __version__

MOST_COLUMNS = 100
"""Lines that are longer are hard to read, however wide the terminal is."""

WHOLE = 10_000
"""Letters of a first sentence that are shown: all of them, on as many lines as it takes."""

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

P = ParamSpec("P")
R = TypeVar("R")


class PlainHelpGroup(TyperGroup):
    """Plain help text grouped under headings: Rich's boxes take longer to load than the rest."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.commands.values():
            command.help = keep_examples(command.help or "")

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, those of `ORDER` first and in its order."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and what they do below the headings of their panels."""
        panels: dict[str, list[tuple[str, str]]] = {}
        names = self.list_commands(ctx)
        for name in names:
            command = self.commands[name]
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            row = name.ljust(max(map(len, names))), command.get_short_help_str(WHOLE)
            panels.setdefault(heading, []).append(row)
        for heading, rows in panels.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def keep_examples(text: str) -> str:
    r"""Show indented paragraphs as they are written; Click's mark for it is \b."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"\b\n{each}" if each.startswith(" ") else each for each in paragraphs)


ORDER = (
    *("predict", "listen", "serve", "train", "inspect", "export"),
    *("demo", "evaluate", "report", "compare", "robustness", "extract"),
    *("corpora", "simulate"),
)
"""Commands as the help lists them."""

EXPERIMENT, RECOGNIZER, DATA = "Experiments", "Recognizers", "Data"
"""Headings of the commands in the help."""

app = typer.Typer(
    name="voxaffect",
    cls=PlainHelpGroup,
    context_settings={
        "max_content_width": MOST_COLUMNS,
        "help_option_names": ["-h", "--help"],
    },
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
corpora_app = typer.Typer(
    help="List the corpora that can be read, and check, compare and export copies on disk.",
    cls=PlainHelpGroup,
)
app.add_typer(corpora_app, name="corpora", no_args_is_help=True, rich_help_panel=DATA)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 Typer's callback
    if wanted:
        typer.echo(f"voxaffect {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done; show tracebacks of errors.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no progress and no notes, only errors.")
    ] = False,
) -> None:
    """Recognize the emotion of speech, and measure how well that works on voices never trained on.

    Begin with a recording, voxaffect predict clip.wav, or with voxaffect demo. -v and -q work
    before and after a command.
    """


def keeps(sentence: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Say after Ctrl-C what of a command's work is kept, and exit with status 130.

    Args:
        sentence: what is kept and how to go on, with the command's parameters in braces; empty
            where nothing is kept.
    """

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return command(*args, **kwargs)
            except KeyboardInterrupt:
                kept = f"; {sentence.format(**kwargs)}" if sentence else ""
                typer.secho(f"voxaffect: interrupted{kept}", err=True)
                raise typer.Exit(INTERRUPTED) from None

        return run

    return decorate


class Backend(StrEnum):
    """Where work runs; the names that `voxaffect.parallel.clusters` knows."""

    loky = "loky"
    ray = "ray"
    dask = "dask"


TRAINED = "Folder that train wrote, or `packaged`, the recognizer that comes with voxaffect."
PACKAGED = Path(WORD)
SOURCE = "Folder of the copy on disk, a table, or an audformat database."

Config = Annotated[Path, typer.Argument(help="Settings file (TOML), such as configs/open.toml.")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=0, help="Number of processes; 0 is one a core.")
]
On = Annotated[
    Backend, typer.Option("--backend", help="Local processes (loky), or a Ray or Dask cluster.")
]
Address = Annotated[
    str | None, typer.Option("--address", help="Address of the cluster's head, host:port.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MaxHours = Annotated[
    float, typer.Option("--max-hours", help="Refuse recordings and segments longer than this.")
]
Trained = Annotated[Path, typer.Option("--model", "-m", help=TRAINED, callback=located)]
Tensorboard = Annotated[
    bool,
    typer.Option("--tensorboard", help="Also write TensorBoard events (extra tensorboard)."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for results and the report.")]
