"""Runs with thinned training sets and known scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.report.runs import plain_history, result, run_of
from voxaffect.evaluation.experiment.run import FoldResult, Run


def at_share(
    share: float, test_name: str, system: str, hits: int, *, n_train: int, **more: object
) -> FoldResult:
    """A result with `hits` of ten of every class right, after learning from a share."""
    made = result(test_name, system, (hits,) * 4, **more)  # type: ignore[arg-type]
    details = {"n_train": n_train, "history": plain_history(3)}
    if share == 1:
        return replace(made, details=details)
    fold = f"{made.fold}@{share:g}"
    made = replace(made, fold=fold, fold_digest=fold)
    made = replace(made, settings_digest=f"{made.settings_digest}{share:g}")
    return replace(made, details=details, train_share=share)


HITS: Mapping[str, Mapping[float, Sequence[int]]] = {
    "dnn-stl": {0.1: (2, 2, 2, 2, 2, 2), 1.0: (6, 6, 6, 6, 6, 6)},
    "dnn-mtl": {0.1: (4, 4, 4, 4, 4, 5), 1.0: (6, 6, 6, 5, 7, 6)},
}
"""System -> share -> right answers of ten, by speaker."""


def thinned_results() -> list[FoldResult]:
    """Six speakers at two shares: subtasks help where there is little, and nowhere else."""
    return [
        at_share(share, f"emodb/{n}", system, hits, n_train=round(200 * share) + n)
        for system, by_share in HITS.items()
        for share, row in by_share.items()
        for n, hits in enumerate(row)
    ]


def thinned_run() -> Run:
    """A run of `thinned_results`."""
    return run_of(thinned_results())
