"""inspect: what a saved recogniser is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.markdown import Markdown

from voxaffect.artefact import read_artefact
from voxaffect.commands.console import console
from voxaffect.report.model_card import model_card
from voxaffect.report.table import markdown


def inspect(model: Path, *, as_json: bool = False) -> None:
    """Show a recogniser's header, in tables or as it stands; none of its libraries is loaded.

    Raises:
        ArtefactError: there is no recogniser, or a byte of it has changed.
    """
    header, arrays = read_artefact(model)
    if as_json:
        sys.stdout.write(json.dumps(header, indent=1) + "\n")
        return
    for table in model_card(header, arrays):
        console.print(Markdown(markdown(table)))
