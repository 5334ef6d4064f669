"""A training's epochs as TensorBoard events; the one place that imports TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from voxaffect.errors import TrainingError
from voxaffect.model.settings import Epoch, History

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


def write_history(history: History, folder: Path) -> None:
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
