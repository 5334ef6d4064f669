"""Entry point: register the commands, run one, print errors as one sentence."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import typer

# Each module registers its commands on the app when it is imported.
from voxaffect.cli import (  # noqa: F401
    corpora,
    download,
    experiment,
    listen,
    model,
    predict,
    robustness,
    serve,
    train,
)
from voxaffect.cli.app import app
from voxaffect.cli.console import notes
from voxaffect.errors import VoxaffectError


def main() -> None:
    """Run the command line; a `VoxaffectError` is printed as one sentence, with status 2."""
    # Loky replaces a worker whose memory has grown; users need not act on that.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    args, is_verbose, is_quiet = _verbosity(sys.argv[1:])
    if is_verbose:
        import logging

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    if is_quiet:
        notes().quiet = True
    try:
        app(args)
    except (VoxaffectError, OSError, ModuleNotFoundError) as fault:
        sentence = _sentence(fault)
        if is_verbose:
            import traceback

            traceback.print_exception(fault)
        typer.secho(f"voxaffect: {sentence}", err=True, fg=typer.colors.RED)
        sys.exit(2)


def _sentence(fault: Exception) -> str:
    """What is wrong and what to do, of errors that a user can mend."""
    if isinstance(fault, OSError):  # of the file system: a full disk, an invalid path
        where = f"{fault.filename}: " if fault.filename else ""
        why = fault.strerror or str(fault)
        return f"{where}{why}; check the path, its permissions and the space left"
    if isinstance(fault, ModuleNotFoundError):  # installed for exported recognizers only
        if not fault.name or fault.name.startswith("voxaffect"):
            raise fault
        return f"the library {fault.name} is missing; run pip install voxaffect"
    return str(fault)


def _verbosity(args: Sequence[str]) -> tuple[list[str], bool, bool]:
    """Remove -v and -q, wherever they are before `--`; returns the rest and which were found."""
    options = args[: args.index("--")] if "--" in args else args
    verbose, quiet = {"-v", "--verbose"}, {"-q", "--quiet"}
    rest = [word for word in options if word not in verbose | quiet]
    return [*rest, *args[len(options) :]], bool(verbose & {*options}), bool(quiet & {*options})
