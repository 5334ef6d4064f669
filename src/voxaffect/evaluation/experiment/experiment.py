"""Folds x systems x seeds, in parallel, each result on disk as it ends; what is there is kept."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from math import ceil
from typing import Any

from voxaffect.errors import ArtefactError, FeatureError, FoldError
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.described import facts_of
from voxaffect.evaluation.experiment.fold_data import FoldData
from voxaffect.evaluation.experiment.job import Batch, Failure, Job, Outcome
from voxaffect.evaluation.experiment.plan import Plan
from voxaffect.evaluation.experiment.results import load_result
from voxaffect.evaluation.experiment.run import CorpusSummary, Run, RunFolder
from voxaffect.evaluation.experiment.schedule import Schedule
from voxaffect.evaluation.protocol.folds import Fold
from voxaffect.evaluation.protocol.leakage import Ledger
from voxaffect.provenance import versions

HEADER_S = 10.0
"""How often the time spent is written while results come: what a killed run may forget of it."""


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
    on_outcome: Callable[[Outcome], None] | None = None,
    data_of: Callable[[Fold, Dataset, str], FoldData] = FoldData.of,
) -> Run:
    """Compute what is missing of a plan and return the whole run.

    Results that are already in the folder, made with the same settings of the same audio, are kept;
    a run that was interrupted at any moment ends with the same numbers as one that was not. (With
    another number of processes a sum may be taken in another order, and end in another last bit.)

    Args:
        plan: what to compute.
        dataset: the corpora's utterances and frames.
        corpora: what to say of the corpora.
        folder: where results lie; only this process writes there.
        n_jobs: jobs at once; where they run is up to joblib's backend.
        note: a sentence to stand wherever a number is shown.
        others: name of a feature set that some systems need -> the same utterances with it.
        context: settings beyond the plan that the report should show.
        on_plan: told how many results are there already, and how many there will be.
        on_outcome: told of every job as it ends.
        data_of: what a fold is computed from; another one asks about other test sets.

    Raises:
        FoldError: the corpora do not allow a single fold of the plan.
        FeatureError: a system needs a feature set that is not among the others, or that is of
            other utterances.
    """
    failures: list[dict[str, str]] = []
    datasets = {None: dataset} | dict(others or {})
    _refuse_unlike(plan, datasets)
    folds = plan.folds(dataset, lambda fault: failures.append(_refusal(fault)))
    ledger = Ledger.of(dataset.utterances, dataset.features, dataset.contents)
    stated = {fold.name: ledger.statement(fold) for fold in folds}
    jobs = _jobs(
        plan,
        {
            name: [data_of(f, datasets[name], stated[f.name].sentence()) for f in folds]
            for name in {system.features for system in plan.systems}
        },
    )
    folder.remove_unfinished()
    folder.write_utterances(facts_of(dataset, corpora))
    missing = {job.name for job in jobs if not _is_done(job, folder)}
    if on_plan is not None:
        on_plan(len(jobs) - len(missing), len(jobs))
    header = Run(
        settings={**plan.settings(), **(context or {})},
        corpora=tuple(corpora),
        versions=versions(),
        results=(),
        note=note,
        leakage={name: statement.plain() for name, statement in stated.items()},
    )
    wanted = [job.name for job in jobs]
    with (
        closing(_Header(folder, header, wanted, failures)) as kept,
        closing(Schedule(_unfinished(_batches(jobs, n_jobs), missing), n_jobs).ends()) as ends,
    ):
        for job, end in ends:
            if job.name not in missing:
                continue
            outcome = Outcome(job.data.fold, job.system.name, job.seed)
            if isinstance(end, Failure):
                outcome = replace(outcome, failure=end.reason)
                failures.append(outcome.plain())
            else:
                folder.write_result(end)
            kept.update()
            if on_outcome is not None:
                on_outcome(outcome)
    return folder.load()


def _jobs(plan: Plan, data: Mapping[str | None, Sequence[FoldData]]) -> list[Job]:
    """All jobs: seed by seed, and in each the longest first, so that no core waits at the end.

    Args:
        plan: what is asked for.
        data: feature set -> data of every fold; None is the run's own.
    """
    n_folds = len(next(iter(data.values())))
    jobs = [
        Job(data[system.features][number], system, plan.options, seed)
        for seed in plan.seeds
        for number in range(n_folds)
        for system in plan.systems
    ]
    return sorted(jobs, key=lambda job: (plan.seeds.index(job.seed), -job.cost()))


def _refuse_unlike(plan: Plan, datasets: Mapping[str | None, Dataset]) -> None:
    """Every system's features must be there, and of the utterances that the folds are made of."""
    for system in plan.systems:
        if system.features not in datasets:
            raise FeatureError(
                f"{system.name} needs the features {system.features!r}, which were not prepared; "
                "prepare them, or leave it out"
            )
        if datasets[system.features].utterances.keys() != datasets[None].utterances.keys():
            raise FeatureError(
                f"the features {system.features!r} of {system.name} are of other utterances than "
                "the run's own; prepare both together, so that all systems have the same folds"
            )


def _batches(jobs: Sequence[Job], n_jobs: int) -> list[Batch]:
    """Jobs in their order; those of one net are taken together, and nets that may train as one.

    As many nets as pay, no more than leaves every process its part, and than fit into memory
    together.
    """
    stacks: dict[Hashable, dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, job in enumerate(jobs):
        stacks[job.stack_key or number][job.net_key].append(number)
    batches: list[list[int]] = []
    for stack in stacks.values():
        nets = [*stack.values()]
        size = min(jobs[nets[0][0]].stack_size, ceil(len(nets) / n_jobs))
        batches += [[*chain(*nets[i : i + size])] for i in range(0, len(nets), size)]
    return [tuple(jobs[number] for number in batch) for batch in sorted(batches)]


def _unfinished(batches: Sequence[Batch], missing: Collection[str]) -> list[Batch]:
    """Batches that lack a result: whole, since nets of a stack differ in a last bit by company."""
    return [batch for batch in batches if any(job.name in missing for job in batch)]


def _is_done(job: Job, folder: RunFolder) -> bool:
    """Whether a sound result is there; a damaged one is computed again."""
    path = folder.path(job.name)
    try:
        return path.exists() and load_result(path).settings_digest == job.settings_digest
    except ArtefactError:
        return False


def _refusal(fault: FoldError) -> dict[str, str]:
    """A fold or protocol that the corpora do not allow, as the run's header keeps it."""
    return {"fold": str(fault).partition(":")[0], "system": "", "seed": "", "reason": str(fault)}


class _Header:
    """The run's header on disk: at first, with every failure, now and then, and at the end.

    Args:
        folder: where it lies.
        run: what it says.
        wanted: names of all results that belong to the run.
        failures: those so far; more are added while the run lasts.
    """

    def __init__(
        self, folder: RunFolder, run: Run, wanted: Sequence[str], failures: list[dict[str, str]]
    ) -> None:
        self._folder, self._run, self._wanted = folder, run, wanted
        self._failures, self._n_told = failures, 0
        self._spent_s = _spent(folder, wanted)
        self._started = self._written = time.perf_counter()
        self.close()

    def update(self) -> None:
        """Write it if there is something to tell."""
        late = time.perf_counter() - self._written > HEADER_S
        if late or len(self._failures) > self._n_told:
            self.close()

    def close(self) -> None:
        """Write it."""
        self._written, self._n_told = time.perf_counter(), len(self._failures)
        wall_s = self._spent_s + self._written - self._started
        current = replace(self._run, failures=tuple(self._failures), wall_s=wall_s)
        self._folder.write_header(current, self._wanted)


def _spent(folder: RunFolder, wanted: Sequence[str]) -> float:
    """Wall time that earlier sessions of the same run have spent, in seconds."""
    earlier = folder.header()
    return float(earlier["wall_s"]) if earlier and earlier.get("results") == wanted else 0.0
