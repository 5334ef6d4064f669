"""The Typer app that every command registers on, and the options that several commands share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from voxaffect.cli.console import notes, print_line
from voxaffect.recognizer.packaged import WORD, described, located
from voxaffect.version import __version__

MOST_COLUMNS = 100  # widest line of the help, on any terminal
F = TypeVar("F", bound=Callable[..., int | None])


class PlainHelpGroup(TyperGroup):
    """Plain help text with commands grouped under headings; loading Rich would be slow."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands below the headings of their panels."""
        panels: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, self.commands))
        for name in sorted(self.list_commands(ctx), key=ORDER.index):
            command = self.commands[name]
            row = name.ljust(width), command.get_short_help_str(limit=10_000)
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(heading, []).append(row)
        for heading, rows in panels.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def keep_examples(text: str) -> str:
    r"""Mark indented paragraphs with \b, which Click prints as they are written."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"\b\n{each}" if each.startswith(" ") else each for each in paragraphs)


ORDER = (
    *("list", "show", "check", "overlap"),
    *("predict", "listen", "serve", "train", "inspect", "export", "download"),
    *("demo", "evaluate", "report", "compare", "robustness", "extract"),
    *("corpora", "simulate"),
)
"""Order of the commands in the help, those of `corpora` first."""

EXPERIMENT, RECOGNIZER, DATA = "Experiments", "Recognizers", "Data"  # in the help

app = typer.Typer(
    name="voxaffect",
    cls=PlainHelpGroup,
    context_settings={"max_content_width": MOST_COLUMNS, "help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
corpora_app = typer.Typer(
    help="List the corpora that can be read, and check, compare and export copies on disk.",
    cls=PlainHelpGroup,
)
app.add_typer(corpora_app, name="corpora", no_args_is_help=True, rich_help_panel=DATA)


def _version(wanted: bool) -> None:  # noqa: FBT001 Typer's callback
    if wanted:
        typer.echo(f"voxaffect {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done; show tracebacks of errors.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no progress and no notes, only errors.")
    ] = False,
) -> None:
    """Recognize the emotion of speech, and measure how well that works on unseen speakers.

    Start with: voxaffect predict clip.wav, or: voxaffect demo. -v and -q may be given before or
    after a command.
    """


def command(
    group: typer.Typer,
    name: str,
    panel: str | None = None,
    *,
    kept: str | None = None,
    cls: type[TyperCommand] | None = None,
) -> Callable[[F], F]:
    """Register a function as a command; its docstring is the help, its result the exit status.

    `kept` is printed after Ctrl-C, before exit with status 130: what is kept and how to resume,
    with the command's parameters in braces; empty where nothing is kept. None leaves
    KeyboardInterrupt to Typer. `cls` is the command's class, if not the usual one. The function
    itself is returned, for Python and tests.
    """

    def register(function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> None:
            try:
                status = function(*args, **kwargs)
            except KeyboardInterrupt:
                if kept is None:
                    raise
                sentence = f"; {kept.format(**kwargs)}" if kept else ""
                typer.secho(f"voxaffect: interrupted{sentence}", err=True)
                status = 130
            if status:
                raise typer.Exit(status)

        text = keep_examples(inspect.getdoc(function) or "")
        group.command(name, cls=cls, help=text, rich_help_panel=panel)(run)
        return function

    return register


TRAINED = (
    "Folder that train wrote, or one that comes with voxaffect: `accurate` or `fast`; `packaged` "
    "is accurate where its weights of Whisper are installed, else fast."
)
PACKAGED = Path(WORD)


def tell_recognizer(model: Path) -> None:
    """Say on standard error which of the packaged recognizers is used."""
    if words := described(model):
        print_line(f"by {words}", style="dim", to=notes())


SOURCE = "Folder of the copy on disk, a table, or an audformat database."

Config = Annotated[Path, typer.Argument(help="Settings file (TOML), such as configs/open.toml.")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=0, help="Number of processes; 0: one per core.")
]
On = Annotated[
    Literal["loky", "ray", "dask"],
    typer.Option(help="Local processes (loky), or a Ray or Dask cluster."),
]
Address = Annotated[str | None, typer.Option(help="Address of the cluster's head, host:port.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MaxHours = Annotated[float, typer.Option(help="Refuse recordings and segments longer than this.")]
Trained = Annotated[Path, typer.Option("--model", "-m", help=TRAINED, callback=located)]
Events = Annotated[
    bool, typer.Option("--tensorboard", help="Also write TensorBoard events (extra tensorboard).")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for results and the report.")]
