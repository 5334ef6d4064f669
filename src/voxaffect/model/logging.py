"""Epochs of a training on disk while it runs: a CSV file, and events for TensorBoard."""

from __future__ import annotations

from dataclasses import astuple, fields
from itertools import accumulate
from pathlib import Path
from typing import Any

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


def summary_writer() -> Any:
    """PyTorch's class of event files; a `TrainingError` if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError as fault:
        raise TrainingError(
            f"TensorBoard events need the library tensorboard ({fault}); "
            "install it with: pip install 'voxaffect[tensorboard]'"
        ) from fault
    return SummaryWriter


def open_events(folder: Path) -> Any:
    """A `SummaryWriter` in a folder; events of an earlier training would continue its curves."""
    writer = summary_writer()
    for earlier in folder.glob("events.out.tfevents.*"):
        earlier.unlink()
    return writer(str(folder))


def write_events(events: Any, epoch: Epoch, wall_s: float | None = None) -> None:
    """Add an epoch that ended at `wall_s` (None is now) to `open_events`, on disk at once."""
    for tag, name in SCALARS.items():
        events.add_scalar(tag, getattr(epoch, name), epoch.number, walltime=wall_s)
    events.flush()


def write_history(history: TrainingHistory, folder: Path) -> None:
    """Write the events of a training that has ended; their times count from its beginning."""
    ends_s = accumulate(epoch.seconds for epoch in history.epochs)
    with open_events(folder) as events:
        for epoch, end_s in zip(history.epochs, ends_s, strict=True):
            write_events(events, epoch, end_s)


COLUMNS = ("epoch", *(field.name for field in fields(Epoch)[1:]), "best")


def begin_log(path: Path) -> None:
    """Begin a CSV file of epochs; one of an earlier training gives way, whole or not at all."""
    write_text(path, ",".join(COLUMNS) + "\n")


def log_epoch(path: Path, epoch: Epoch, *, best: bool) -> None:
    """Append an epoch, and whether it is the best so far; a kill leaves whole lines."""
    line = ",".join(map(str, (*astuple(epoch), int(best)))) + "\n"
    with path.open("ab", buffering=0) as file:  # one write, which a kill cannot split
        file.write(line.encode())
