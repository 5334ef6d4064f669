"""Run an experiment: folds x systems x seeds in parallel, resumable, each result saved at once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from voxaffect.errors import FeatureError, FoldError
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.job import Batch, Failure, FoldData, Job, Schedule, facts_of
from voxaffect.evaluation.experiment.run import CorpusSummary, Run, RunFolder
from voxaffect.evaluation.splits.folds import (
    Dev,
    Fold,
    Protocol,
    Refused,
    aggregated,
    cross,
    thinned,
    within,
)
from voxaffect.evaluation.splits.leakage import leakage_statements
from voxaffect.evaluation.splits.near_duplicates import near_copies
from voxaffect.provenance import versions
from voxaffect.systems.systems import Options, System


@dataclass(frozen=True)
class Plan:
    """Settings of an experiment.

    Args:
        seeds: each repeats every fold with other weights, orders and crops.
        dev: whether dev sets are drawn by utterances or whole speakers.
        split_style: corpora whose natural and acted parts are left out in turn.
        split_seed: seed of dev sets, of the test set of `aggregated`, and of training shares.
        train_shares: shares of the training sets to train on, each in folds of its own; 1 is all.
    """

    protocols: tuple[Protocol, ...]
    systems: tuple[System, ...]
    seeds: tuple[int, ...] = (0,)
    options: Options = Options()
    dev: Dev = "utterances"
    split_style: tuple[str, ...] = ()
    split_seed: int = 0
    train_shares: tuple[float, ...] = (1.0,)

    def settings(self) -> dict[str, Any]:
        """Plain values, for the report."""
        thinned = {} if self.train_shares == (1.0,) else {"train_shares": [*self.train_shares]}
        return {
            "protocols": list(self.protocols),
            "systems": {s.name: s.settings(self.options) for s in self.systems},
            "seeds": list(self.seeds),
            "dev": self.dev,
            "split_style": list(self.split_style),
            "split_seed": self.split_seed,
            **thinned,
        }

    def folds(self, dataset: Dataset, on_refused: Refused) -> tuple[Fold, ...]:
        """Folds that the corpora allow, by share of training data; `on_refused` gets the others.

        Raises:
            FoldError: there is no fold at all.
        """
        labels, seed, dev = dataset.labels(), self.split_seed, self.dev
        refused: list[FoldError] = []
        more: dict[str, Any] = {"on_refused": refused.append}
        everything = list(dataset.utterances.values())
        builders: list[Callable[[], Sequence[Fold]]] = []
        if "within" in self.protocols:
            for corpus in dict.fromkeys(u.corpus for u in everything):
                own = [u for u in everything if u.corpus == corpus]
                builders.append(partial(within, own, labels, seed, dev, **more))
        if "cross" in self.protocols:
            builders.append(partial(cross, everything, labels, seed, dev, self.split_style, **more))
        if "aggregated" in self.protocols:
            builders.append(lambda: [aggregated(everything, labels, seed)])
        folds: list[Fold] = []
        for build in builders:
            try:
                folds += build()
            except FoldError as fault:
                refused.append(fault)
        if not folds:
            raise refused[0]
        for refusal in refused:
            on_refused(refusal)
        return tuple(
            thinned(fold, share, dataset.utterances, labels, seed)
            for share, fold in product(self.train_shares, folds)
        )


def run(
    plan: Plan,
    dataset: Dataset,
    corpora: Sequence[CorpusSummary],
    folder: RunFolder,
    *,
    n_jobs: int = 1,
    note: str = "",
    others: Mapping[str, Dataset] | None = None,
    context: Mapping[str, Any] | None = None,
    on_plan: Callable[[int, int], None] | None = None,
    on_outcome: Callable[[Job, str | None], None] | None = None,
    data_of: Callable[[Fold, Dataset], FoldData] = FoldData.of,
) -> Run:
    """Compute the missing results of a plan and return the whole run.

    Results already in the folder, of the same settings and audio, are kept: a run that was
    interrupted at any moment ends with the same numbers as one that was not. (With another number
    of processes a sum may be taken in another order and differ in its last bit.) Only this process
    writes to the folder.

    `others` has the dataset of every further feature set that some systems need, by name; `context`
    are further settings to show in the report. `on_plan` is called with the number of results
    already there, and of all; `on_outcome` with every job that ends, and the reason if it has no
    result. Another `data_of` can replace test sets.

    Raises:
        FoldError: the corpora do not allow a single fold of the plan.
        FeatureError: a system needs a feature set that is not in `others`, or that has other
            utterances.
    """
    failures: list[dict[str, str]] = []
    datasets = {None: dataset} | dict(others or {})
    _check_features(plan, datasets)
    folds = plan.folds(dataset, lambda fault: failures.append(_failure(str(fault))))
    copies = near_copies(dataset.features, dataset.contents)
    stated = leakage_statements(folds, dataset.utterances, dataset.contents, copies)
    data = {
        name: [data_of(fold, datasets[name]) for fold in folds]
        for name in {system.features for system in plan.systems}
    }
    jobs = _jobs(plan, data)
    folder.remove_unfinished()
    facts = facts_of(dataset, corpora)
    wanted = [job.name for job in jobs]
    missing = set(wanted) - folder.stored(wanted)
    if on_plan is not None:
        on_plan(len(jobs) - len(missing), len(jobs))
    header = Run(
        settings={**plan.settings(), **(context or {})},
        corpora=tuple(corpora),
        versions=versions(),
        note=note,
        leakage={name: statement.plain() for name, statement in stated.items()},
    )
    batches = _batches(job for job in jobs if job.name in missing)
    with (
        closing(_Header(folder, header, wanted, failures)) as kept,
        closing(Schedule(batches, n_jobs).outcomes()) as outcomes,
    ):
        for job, end in outcomes:
            if isinstance(end, Failure):
                failures.append(_failure(end.reason, job.data.fold, job.system.name, str(job.seed)))
            else:
                folder.write_result(end, facts)
            kept.update()
            if on_outcome is not None:
                on_outcome(job, end.reason if isinstance(end, Failure) else None)
    return folder.join()


def _jobs(plan: Plan, data: Mapping[str | None, Sequence[FoldData]]) -> list[Job]:
    """All jobs: seed by seed, and in each the longest first, so that no core is idle at the end."""
    numbers = range(len(next(iter(data.values()))))
    jobs = (
        Job(data[system.features][number], system, plan.options, seed)
        for seed, number, system in product(plan.seeds, numbers, plan.systems)
    )
    return sorted(jobs, key=lambda job: (plan.seeds.index(job.seed), -job.cost()))


def _check_features(plan: Plan, datasets: Mapping[str | None, Dataset]) -> None:
    for system in plan.systems:
        if system.features not in datasets:
            raise FeatureError(
                f"{system.name} needs the features {system.features!r}, which were not prepared; "
                "prepare them, or leave this system out"
            )
        if datasets[system.features].utterances.keys() != datasets[None].utterances.keys():
            raise FeatureError(
                f"the features {system.features!r} of {system.name} have other utterances than the "
                "run's own; prepare both together, so that all systems have the same folds"
            )


def _batches(jobs: Iterable[Job]) -> list[Batch]:
    """Jobs in their order; those that share a net are computed together."""
    by_net: dict[Hashable, Batch] = defaultdict(tuple)
    for job in jobs:
        by_net[job.net_key] += (job,)
    return [*by_net.values()]


def _failure(reason: str, fold: str = "", system: str = "", seed: str = "") -> dict[str, str]:
    """Failure as in the run's header; a fold that cannot be built is named in the reason."""
    fold = fold or reason.partition(":")[0]
    return {"fold": fold, "system": system, "seed": seed, "reason": reason}


class _Header:
    """Writes the run's header: at the start, at failures, every ten seconds, and at the end."""

    def __init__(
        self, folder: RunFolder, run: Run, wanted: Sequence[str], failures: list[dict[str, str]]
    ) -> None:
        self._folder, self._run, self._wanted = folder, run, wanted
        self._failures, self._n_written = failures, 0
        earlier = folder.header()
        same = earlier is not None and earlier.get("results") == wanted
        self._spent_s = float(earlier["wall_s"]) if earlier and same else 0.0
        self._started = self._written = time.perf_counter()
        self.close()

    def update(self) -> None:
        """Write it if it is time."""
        late = time.perf_counter() - self._written > 10
        if late or len(self._failures) > self._n_written:
            self.close()

    def close(self) -> None:
        """Write it now."""
        self._written, self._n_written = time.perf_counter(), len(self._failures)
        wall_s = self._spent_s + self._written - self._started
        current = replace(self._run, failures=tuple(self._failures), wall_s=wall_s)
        self._folder.write_header(current, self._wanted)
