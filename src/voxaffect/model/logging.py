"""A training's epochs as a CSV file that grows while it runs."""

from __future__ import annotations

from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Self

from voxaffect.errors import TrainingError
from voxaffect.files import write_text
from voxaffect.model.settings import Epoch, TrainingHistory

SCALARS = {
    "loss/train": "train_loss",
    "loss/dev": "dev_loss",
    "ua/dev": "dev_ua",
    "speed/frames_per_s": "frames_per_s",
}
"""What TensorBoard calls the numbers of an epoch."""

EVENT_FILES = "events.out.tfevents.*"


class EventLog:
    """Events of one training in a folder, which TensorBoard shows while it grows.

    Args:
        folder: made where it is missing; events of an earlier training in it are removed, which
            TensorBoard would draw as one curve with the new ones.

    Raises:
        TrainingError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        writer = summary_writer()
        for earlier in folder.glob(EVENT_FILES):
            earlier.unlink()
        self._writer = writer(str(folder))

    def write(self, epoch: Epoch, wall_s: float | None = None) -> None:
        """Add an epoch, on disk at once.

        Args:
            epoch: the epoch that ended.
            wall_s: when it ended, in seconds since 1970 or since the training began; None is now.
        """
        for tag, name in SCALARS.items():
            self._writer.add_scalar(tag, getattr(epoch, name), epoch.number, walltime=wall_s)
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_history(history: TrainingHistory, folder: Path) -> None:
    """Write the events of a training that has ended; their times count from its beginning."""
    spent_s = 0.0
    with EventLog(folder) as log:
        for epoch in history.epochs:
            spent_s += epoch.seconds
            log.write(epoch, spent_s)


def summary_writer() -> Any:
    """PyTorch's class of event files; ask for it before hours of work that need it.

    Raises:
        TrainingError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError as fault:
        raise TrainingError(
            f"TensorBoard events need the library tensorboard ({fault}); "
            "install it with: pip install 'voxaffect[tensorboard]'"
        ) from fault
    return SummaryWriter


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
