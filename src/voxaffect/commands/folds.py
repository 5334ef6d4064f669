"""Folds as people watch them: a bar, failures as they come, and what a run rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from voxaffect.commands.console import errors, progress_bar
from voxaffect.config.settings import Settings
from voxaffect.evaluation.experiment.dataset import Prepared
from voxaffect.evaluation.experiment.job import Outcome
from voxaffect.evaluation.experiment.run import Run

OnPlan = Callable[[int, int], None]
OnOutcome = Callable[[Outcome], None]


@contextmanager
def folds_progress() -> Iterator[tuple[OnPlan, OnOutcome]]:
    """A bar to be told how many results are there of how many, and of each job as it ends."""
    with progress_bar("folds") as bar:
        task = bar.task_ids[0]

        def planned(n_done: int, n_all: int) -> None:
            bar.update(task, completed=n_done, total=n_all)

        def ended(outcome: Outcome) -> None:
            bar.update(task, advance=1, note=f"{outcome.system} on {outcome.fold}")
            if outcome.failure is not None:
                bar.console.print(f"failed: {outcome.system} on {outcome.fold}: {outcome.failure}")

        yield planned, ended


def context(settings: Settings, prepared: Prepared) -> dict[str, Any]:
    """What a run rests on beside its plan: classes and features, less thousands of their names."""
    others = {
        name: dict(dataset.feature_settings)["extractor"]
        for name, dataset in prepared.others.items()
    }
    return {
        "taxonomy": settings.make_taxonomy().settings(),
        "features": dict(prepared.dataset.feature_settings),
        **({"other_features": others} if others else {}),
    }


def tell_missing(finished: Run) -> int:
    """Name the folds without a result; returns the exit status, 1 where there are any."""
    for failure in finished.failures:
        errors.print(f"no result: {failure['reason']}", style="red")
    return 1 if finished.failures else 0
