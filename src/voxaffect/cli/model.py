"""inspect and export: what a saved recognizer is, and its ONNX file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from voxaffect.cli.app import PACKAGED, RECOGNIZER, TRAINED, AsJson, app, command
from voxaffect.cli.console import console, print_line
from voxaffect.recognizer.packaged import located


@command(app, "export", RECOGNIZER)
def export(
    model: Annotated[Path, typer.Argument(help=TRAINED, callback=located)],
    out: Annotated[Path, typer.Argument(help="The .onnx file; a .json is written beside it.")],
) -> None:
    """Write a recognizer as one ONNX file, from samples to probabilities, with a JSON beside it.

    predict --model OUT.onnx runs it without PyTorch, and so does any program with onnxruntime.
    """
    from voxaffect.export.side_car import side_car_path
    from voxaffect.export.write import export as write
    from voxaffect.recognizer.recognizer import TrainedRecognizer

    write(TrainedRecognizer.load(model), out)
    size_mb = out.stat().st_size / 1e6
    print_line(f"{out}: {size_mb:.1f} MB, described in {side_car_path(out).name}")


@command(app, "inspect", RECOGNIZER)
def inspect(
    model: Annotated[Path, typer.Argument(help=TRAINED, callback=located)] = PACKAGED,
    as_json: AsJson = False,
) -> None:
    """Show what a recognizer is: system, corpora, seed, dev UA, settings, versions.

    With --json also every epoch, and which label of its corpora is which class.
    """
    from rich.markdown import Markdown

    from voxaffect.recognizer.serialization import read_artifact
    from voxaffect.report.model_card import model_card
    from voxaffect.report.table import markdown

    header, arrays = read_artifact(model)
    if as_json:
        sys.stdout.write(json.dumps(header, indent=1) + "\n")
        return
    for section in model_card(header, arrays):
        console().print(Markdown(markdown(section)))
