"""Folds x systems x seeds, in parallel, each result on disk as it ends; what is there is kept."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from math import ceil
from typing import Any

from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ArtifactError, FeatureError, FoldError
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.job import (
    Batch,
    Failure,
    FoldData,
    Job,
    Outcome,
    Schedule,
    facts_of,
)
from voxaffect.evaluation.experiment.run import CorpusSummary, Run, RunFolder, load_result
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
from voxaffect.evaluation.splits.leakage import LeakageCounts
from voxaffect.provenance import versions
from voxaffect.systems.systems import Options, System


@dataclass(frozen=True)
class Plan:
    """What an evaluation computes.

    Args:
        protocols: questions asked.
        systems: systems compared.
        seeds: each repeats every fold with other weights, orders and crops.
        options: settings that the systems share.
        dev: whether the dev set shares speakers with the training set.
        split_style: corpora whose natural and acted parts are left out in turn.
        split_seed: decides who is dev, who is test when all corpora are shuffled, and who is left
            where training sets are thinned.
        train_shares: shares of the training sets that are learned from, each in folds of its own;
            1 is all.
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
        """The plan as plain values, for the report."""
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
        """Every fold of every protocol that the corpora allow, with every share of its training.

        Args:
            dataset: the corpora's utterances.
            on_refused: told of every fold or protocol that they do not allow.

        Raises:
            FoldError: there is no fold at all.
        """
        refused: list[FoldError] = []
        folds: list[Fold] = []
        for build in self._builders(dataset, refused.append):
            try:
                folds += build()
            except FoldError as fault:
                refused.append(fault)
        if not folds:
            raise refused[0]
        for refusal in refused:
            on_refused(refusal)
        return tuple(self._thinned(folds, dataset))

    def _thinned(self, folds: Sequence[Fold], dataset: Dataset) -> Iterator[Fold]:
        people, labels, seed = dataset.utterances, dataset.labels(), self.split_seed
        for share in self.train_shares:
            for fold in folds:
                yield thinned(fold, share, people, labels, seed)

    def _builders(
        self, dataset: Dataset, on_refused: Refused
    ) -> Iterator[Callable[[], tuple[Fold, ...]]]:
        labels, seed, dev = dataset.labels(), self.split_seed, self.dev
        everything = list(dataset.utterances.values())
        if "within" in self.protocols:
            for corpus in _by_corpus(everything):
                yield partial(within, corpus, labels, seed, dev, on_refused=on_refused)
        if "cross" in self.protocols:
            split = self.split_style
            yield partial(cross, everything, labels, seed, dev, split, on_refused=on_refused)
        if "aggregated" in self.protocols:
            yield lambda: (aggregated(everything, labels, seed),)


def _by_corpus(utterances: Sequence[Utterance]) -> list[list[Utterance]]:
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        groups[utterance.corpus].append(utterance)
    return list(groups.values())


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
    ledger = LeakageCounts.of(dataset.utterances, dataset.features, dataset.contents)
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
    except ArtifactError:
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
