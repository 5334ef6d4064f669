"""Folds x systems x seeds, in parallel, each result on disk as it ends; what is there is kept."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import joblib
import torch

from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ArtefactError, FoldError, TrainingError, VoxaffectError
from voxaffect.evaluation.dataset import Dataset
from voxaffect.evaluation.folds import (
    Dev,
    Fold,
    Protocol,
    Refused,
    aggregated,
    cross,
    within,
)
from voxaffect.evaluation.leakage import leakage
from voxaffect.evaluation.results import FoldResult, load_result
from voxaffect.evaluation.run import CorpusSummary, Run, RunFolder, result_name
from voxaffect.files import digest
from voxaffect.memory import keep_freed_memory
from voxaffect.provenance import versions
from voxaffect.systems import NetSystem, Options, System

LSTM_COST = 8.0
"""Time that an LSTM takes for a frame, relative to the other systems; only orders the work."""


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
        split_seed: decides who is dev, and who is test when all corpora are shuffled.
    """

    protocols: tuple[Protocol, ...]
    systems: tuple[System, ...]
    seeds: tuple[int, ...] = (0,)
    options: Options = Options()
    dev: Dev = "utterances"
    split_style: tuple[str, ...] = ()
    split_seed: int = 0

    def settings(self) -> dict[str, Any]:
        """The plan as plain values, for the report."""
        return {
            "protocols": list(self.protocols),
            "systems": {s.name: s.settings(self.options) for s in self.systems},
            "seeds": list(self.seeds),
            "dev": self.dev,
            "split_style": list(self.split_style),
            "split_seed": self.split_seed,
        }

    def folds(self, dataset: Dataset, on_refused: Refused) -> tuple[Fold, ...]:
        """Every fold of every protocol that the corpora allow.

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
        return tuple(folds)

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


@dataclass(frozen=True)
class Job:
    """One system on one fold with one seed.

    Args:
        fold: who trains, stops and is tested.
        system: what is trained.
        options: settings that the systems share.
        seed: seed of all its random choices.
        dataset: at least the fold's utterances.
    """

    fold: Fold
    system: System
    options: Options
    seed: int
    dataset: Dataset

    @cached_property
    def settings_digest(self) -> str:
        """Hash of everything that decides the result: who, which audio, how, which seed."""
        fold = self.fold
        parts = [self.dataset.digest(ids) for ids in (fold.train, fold.dev, fold.test)]
        return digest([fold.name, parts, self.system.settings(self.options), self.seed])

    @property
    def name(self) -> str:
        """Name of the result."""
        return result_name(self.fold.protocol, self.system.name, self.seed, self.settings_digest)

    def cost(self) -> float:
        """Expected work, in arbitrary units."""
        n_frames = sum(len(self.dataset.features[i]) for i in self.fold.train)
        recurrent = isinstance(self.system, NetSystem) and self.system.recurrent
        return n_frames * (LSTM_COST if recurrent else 1.0)

    def compute(self) -> FoldResult:
        """Train and test.

        Raises:
            VoxaffectError: the fold's data or the training do not allow a result.
        """
        started = time.perf_counter()
        fold, data = self.fold, self.dataset
        classifier = self.system.classifier(self.options)
        classifier.fit(data.examples(fold.train), data.examples(fold.dev), seed=self.seed)
        answers = classifier.answer([data.features[i] for i in fold.test])
        shared = leakage(fold, data.utterances)
        return FoldResult(
            protocol=fold.protocol,
            fold=fold.name,
            test_name=fold.test_name,
            system=self.system.name,
            seed=self.seed,
            settings_digest=self.settings_digest,
            ids=fold.test,
            y_true=data.emotions(fold.test),
            y_pred=answers.classes,
            probabilities=answers.probabilities,
            high_level=answers.high_level,
            seconds=time.perf_counter() - started,
            details={
                "n_train": len(fold.train),
                "n_dev": len(fold.dev),
                "leakage": shared.sentence(),
                **classifier.details(),
            },
        )


@dataclass(frozen=True)
class Outcome:
    """How a job ended: a result on disk, or a reason why there is none.

    Args:
        fold: name of the fold.
        system: name of the system.
        seed: the seed.
        failure: why there is no result; None where there is one.
    """

    fold: str
    system: str
    seed: int
    failure: str | None = None

    def plain(self) -> dict[str, str]:
        """The failure as the run's header keeps it."""
        named = {"fold": self.fold, "system": self.system, "seed": str(self.seed)}
        return {**named, "reason": self.failure or ""}


def run(
    plan: Plan,
    dataset: Dataset,
    corpora: Sequence[CorpusSummary],
    folder: RunFolder,
    *,
    n_jobs: int = 1,
    note: str = "",
    context: Mapping[str, Any] | None = None,
    on_plan: Callable[[int, int], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Run:
    """Compute what is missing of a plan and return the whole run.

    Results that are already in the folder, made with the same settings of the same audio, are kept;
    a run that was interrupted at any moment ends with the same numbers as one that was not. (With
    another number of processes a sum may be taken in another order, and end in another last bit.)

    Args:
        plan: what to compute.
        dataset: the corpora's utterances and frames.
        corpora: what to say of the corpora.
        folder: where results lie.
        n_jobs: processes; each gets its share of the cores.
        note: a sentence to stand wherever a number is shown.
        context: settings beyond the plan that the report should show.
        on_plan: told how many results are there already, and how many there will be.
        on_outcome: told of every job as it ends.

    Raises:
        FoldError: the corpora do not allow a single fold of the plan.
        TrainingError: a process was killed.
    """
    started = time.perf_counter()
    failures: list[dict[str, str]] = []
    jobs = _jobs(plan, dataset, lambda fault: failures.append(_refusal(fault)))
    missing = [job for job in jobs if not _is_done(job, folder)]
    if on_plan is not None:
        on_plan(len(jobs) - len(missing), len(jobs))
    wanted = [job.name for job in jobs]
    header = _header(plan, corpora, note, context or {}, _spent(folder, wanted))

    def write_header() -> None:
        wall_s = header.wall_s + time.perf_counter() - started
        folder.write_header(replace(header, failures=tuple(failures), wall_s=wall_s), wanted)

    write_header()
    for outcome in _outcomes(missing, folder, n_jobs):
        if outcome.failure is not None:
            failures.append(outcome.plain())
        write_header()
        if on_outcome is not None:
            on_outcome(outcome)
    return folder.load()


def _jobs(plan: Plan, dataset: Dataset, on_refused: Refused) -> list[Job]:
    """All jobs: seed by seed, and in each the longest first, so that no core waits at the end."""
    folds = [
        (fold, dataset.subset([*fold.train, *fold.dev, *fold.test]))
        for fold in plan.folds(dataset, on_refused)
    ]
    jobs = [
        Job(fold, system, plan.options, seed, part)
        for seed in plan.seeds
        for fold, part in folds
        for system in plan.systems
    ]
    return sorted(jobs, key=lambda job: (plan.seeds.index(job.seed), -job.cost()))


def _is_done(job: Job, folder: RunFolder) -> bool:
    """Whether a sound result is there; a damaged one is computed again."""
    path = folder.path(job.name)
    try:
        return path.exists() and load_result(path).settings_digest == job.settings_digest
    except ArtefactError:
        return False


def _outcomes(jobs: Sequence[Job], folder: RunFolder, n_jobs: int) -> Iterator[Outcome]:
    """Outcomes as they come; processes only where there is more than one."""
    n_threads = max(1, (os.cpu_count() or 1) // n_jobs) if n_jobs > 1 else None
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    try:
        yield from parallel(joblib.delayed(_attempt)(job, folder, n_threads) for job in jobs)
    except BrokenProcessPool as fault:
        raise TrainingError(
            "a process was killed, often for lack of memory; finished results are kept: run the "
            "same command again, with fewer --jobs"
        ) from fault


def _attempt(job: Job, folder: RunFolder, n_threads: int | None) -> Outcome:
    """Compute a job and write its result; one process of several keeps to its share of cores."""
    if n_threads is not None:
        torch.set_num_threads(n_threads)
        keep_freed_memory()
    ended = Outcome(job.fold.name, job.system.name, job.seed)
    try:
        folder.write_result(job.compute())
    except (VoxaffectError, MemoryError, OSError, RuntimeError) as fault:
        # PyTorch reports a lack of memory as a RuntimeError.
        return replace(ended, failure=f"{type(fault).__name__}: {fault}")
    return ended


def _refusal(fault: FoldError) -> dict[str, str]:
    """A fold or protocol that the corpora do not allow, as the run's header keeps it."""
    return {"fold": str(fault).partition(":")[0], "system": "", "seed": "", "reason": str(fault)}


def _spent(folder: RunFolder, wanted: Sequence[str]) -> float:
    """Wall time that earlier sessions of the same run have spent, in seconds."""
    earlier = folder.header()
    return float(earlier["wall_s"]) if earlier and earlier.get("results") == wanted else 0.0


def _header(
    plan: Plan,
    corpora: Sequence[CorpusSummary],
    note: str,
    context: Mapping[str, Any],
    wall_s: float,
) -> Run:
    return Run(
        settings={**plan.settings(), **context},
        corpora=tuple(corpora),
        versions=versions(),
        results=(),
        note=note,
        wall_s=wall_s,
    )


def _by_corpus(utterances: Sequence[Utterance]) -> list[list[Utterance]]:
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        groups[utterance.corpus].append(utterance)
    return list(groups.values())
