"""A training's epochs as a CSV file that grows while it runs."""

from __future__ import annotations

from dataclasses import astuple, fields
from pathlib import Path

from voxaffect.files import write_text
from voxaffect.model.settings import Epoch

COLUMNS = ("epoch", *(field.name for field in fields(Epoch)[1:]), "best")


class TrainingLog:
    """One line an epoch, on disk before the next begins; a kill leaves whole lines.

    Numbers stand as they are, so that the losses of equal trainings are equal texts.

    Args:
        path: the file; one of an earlier training gives way to a new one, whole or not at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        write_text(path, _line(COLUMNS))

    def write(self, epoch: Epoch, *, best: bool) -> None:
        """Append an epoch.

        Args:
            epoch: the epoch that ended.
            best: whether it is the best so far; the last that is was kept.
        """
        line = _line((*astuple(epoch), int(best)))
        with self.path.open("ab", buffering=0) as file:  # one write, which a kill cannot split
            file.write(line.encode())


def _line(values: tuple[object, ...]) -> str:
    return ",".join(map(str, values)) + "\n"
