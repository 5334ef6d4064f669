"""inspect and export: what a saved recognizer is, and its ONNX file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.markdown import Markdown

from voxaffect.cli.console import console, print_line
from voxaffect.recognizer.serialization import read_artifact
from voxaffect.report.model_card import model_card
from voxaffect.report.table import markdown


def export(model: Path, out: Path) -> None:
    """Write a saved recognizer as an ONNX file with its side car, and tell where.

    Raises:
        VoxaffectError: there is no recognizer, it cannot become ONNX, or the files cannot be
            written.
    """
    from voxaffect.export.side_car import side_car_path
    from voxaffect.export.write import export as write
    from voxaffect.recognizer.recognizer import NetRecognizer

    write(NetRecognizer.load(model), out)
    size_mb = out.stat().st_size / 1e6
    print_line(f"{out}: {size_mb:.1f} MB, described by {side_car_path(out).name}")


def inspect(model: Path, *, as_json: bool = False) -> None:
    """Show a recognizer's header, in tables or as it stands; none of its libraries is loaded.

    Raises:
        ArtifactError: there is no recognizer, or a byte of it has changed.
    """
    header, arrays = read_artifact(model)
    if as_json:
        sys.stdout.write(json.dumps(header, indent=1) + "\n")
        return
    for section in model_card(header, arrays):
        console.print(Markdown(markdown(section)))
