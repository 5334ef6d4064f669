"""A run's trainings as TensorBoard events, a folder each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.scores.curves import history_of
from voxaffect.model.events import summary_writer, write_history


def write_events(results: Iterable[FoldResult], out: Path) -> Path:
    """Write the epochs of every result whose system has them.

    Args:
        results: of any protocols, systems and seeds.
        out: the report's folder.

    Returns:
        `tensorboard/` in it, which holds `<fold>/<system>-<seed>/` for each training.

    Raises:
        TrainingError: TensorBoard is not installed.
    """
    summary_writer()  # a run of which no system has epochs asks for it in vain, too
    folder = out / "tensorboard"
    for result in results:
        if history := history_of(result):
            fold = Path(*map(_folder_name, result.fold.split("/")))
            write_history(history, folder / fold / f"{result.system}-{result.seed}")
    return folder


def _folder_name(part: str) -> str:
    """Part of a fold's name as a folder: speakers may be called `..`, `?` or `a:b`."""
    return quote(part, safe=" ") if part.strip(".") else "%2E" * len(part)
