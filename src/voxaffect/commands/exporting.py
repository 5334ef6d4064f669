"""export: a recogniser as a file of another runtime."""

from __future__ import annotations

from pathlib import Path

from voxaffect.commands.console import print_line
from voxaffect.export.side_car import side_car_path
from voxaffect.export.write import export as write
from voxaffect.recognizer import Recognizer


def export(model: Path, out: Path) -> None:
    """Write a saved recogniser as an ONNX file with its side car, and tell where.

    Raises:
        VoxaffectError: there is no recogniser, it cannot become ONNX, or the files cannot be
            written.
    """
    write(Recognizer.load(model), out)
    size_mb = out.stat().st_size / 1e6
    print_line(f"{out}: {size_mb:.1f} MB, described by {side_car_path(out).name}")
