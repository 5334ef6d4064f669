"""Folds x systems x seeds, in parallel, each result on disk as it ends; what is there is kept."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import joblib
import torch

import voxaffect
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ArtefactError, VoxaffectError
from voxaffect.evaluation.dataset import Dataset
from voxaffect.evaluation.folds import Dev, Fold, Protocol, aggregated, cross, within
from voxaffect.evaluation.leakage import leakage
from voxaffect.evaluation.results import FoldResult, load_result
from voxaffect.evaluation.run import CorpusSummary, Run, RunFolder
from voxaffect.files import digest
from voxaffect.systems import NetSystem, Options, System

LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "soundfile", "soxr", "joblib")
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
            "systems": [system.name for system in self.systems],
            "seeds": list(self.seeds),
            "dev": self.dev,
            "split_style": list(self.split_style),
            "split_seed": self.split_seed,
            **asdict(self.options),
        }

    def folds(self, dataset: Dataset) -> tuple[Fold, ...]:
        """Every fold of every protocol.

        Raises:
            FoldError: the corpora do not allow a protocol.
        """
        labels = dataset.labels()
        everything = list(dataset.utterances.values())
        builders: Mapping[Protocol, Callable[[], tuple[Fold, ...]]] = {
            "within": lambda: tuple(
                fold
                for corpus in _by_corpus(everything)
                for fold in within(corpus, labels, self.split_seed, self.dev)
            ),
            "cross": lambda: cross(everything, labels, self.split_seed, self.dev, self.split_style),
            "aggregated": lambda: (aggregated(everything, labels, self.split_seed),),
        }
        return tuple(fold for protocol in self.protocols for fold in builders[protocol]())


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

    def settings_digest(self) -> str:
        """Hash of everything that decides the result."""
        fold = [self.fold.name, self.fold.train, self.fold.dev, self.fold.test]
        settings = self.system.settings(self.options)
        return digest([fold, settings, self.seed, self.dataset.digest])

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
            settings_digest=self.settings_digest(),
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
    on_plan: Callable[[int, int], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Run:
    """Compute what is missing of a plan and return the whole run.

    Results that are already in the folder, made with the same settings on the same data, are kept;
    a run that was interrupted at any moment ends with the same numbers as one that was not.

    Args:
        plan: what to compute.
        dataset: the corpora's utterances and frames.
        corpora: what to say of the corpora.
        folder: where results lie.
        n_jobs: processes; each gets its share of the cores.
        note: a sentence to stand wherever a number is shown.
        on_plan: told how many results are there already, and how many there will be.
        on_outcome: told of every job as it ends.

    Raises:
        FoldError: the corpora do not allow a protocol of the plan.
    """
    started = time.perf_counter()
    jobs = _jobs(plan, dataset)
    missing = [job for job in jobs if not _is_done(job, folder)]
    if on_plan is not None:
        on_plan(len(jobs) - len(missing), len(jobs))
    header = _header(plan, corpora, note, folder)
    folder.write_header(header)
    failures: list[dict[str, str]] = []
    for outcome in _outcomes(missing, folder, n_jobs):
        if outcome.failure is not None:
            failures.append(outcome.plain())
        spent = header.wall_s + time.perf_counter() - started
        folder.write_header(replace(header, failures=tuple(failures), wall_s=spent))
        if on_outcome is not None:
            on_outcome(outcome)
    wanted = {(job.fold.name, job.system.name, job.seed) for job in jobs}
    whole = folder.load()
    kept = tuple(r for r in whole.results if (r.fold, r.system, r.seed) in wanted)
    return replace(whole, results=kept)


def _jobs(plan: Plan, dataset: Dataset) -> list[Job]:
    """All jobs: seed by seed, and in each the longest first, so that no core waits at the end."""
    folds = [
        (fold, dataset.subset([*fold.train, *fold.dev, *fold.test])) for fold in plan.folds(dataset)
    ]
    jobs = [
        Job(fold, system, plan.options, seed, part)
        for seed in plan.seeds
        for fold, part in folds
        for system in plan.systems
    ]
    return sorted(jobs, key=lambda job: (plan.seeds.index(job.seed), -job.cost()))


def _is_done(job: Job, folder: RunFolder) -> bool:
    """Whether a sound result of the same settings is there; a damaged one is computed again."""
    path = folder.path(job.fold.name, job.system.name, job.seed)
    try:
        return path.exists() and load_result(path).settings_digest == job.settings_digest()
    except ArtefactError:
        return False


def _outcomes(jobs: Sequence[Job], folder: RunFolder, n_jobs: int) -> Iterator[Outcome]:
    """Outcomes as they come; processes only where there is more than one."""
    n_threads = max(1, (os.cpu_count() or 1) // n_jobs) if n_jobs > 1 else None
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    yield from parallel(joblib.delayed(_attempt)(job, folder, n_threads) for job in jobs)


def _attempt(job: Job, folder: RunFolder, n_threads: int | None) -> Outcome:
    """Compute a job and write its result; one process of several keeps to its share of cores."""
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    ended = Outcome(job.fold.name, job.system.name, job.seed)
    try:
        folder.write_result(job.compute())
    except (VoxaffectError, MemoryError, RuntimeError, ValueError) as fault:
        return replace(ended, failure=f"{type(fault).__name__}: {fault}")
    return ended


def _header(plan: Plan, corpora: Sequence[CorpusSummary], note: str, folder: RunFolder) -> Run:
    earlier = folder.header()
    return Run(
        settings=plan.settings(),
        corpora=tuple(corpora),
        versions=versions(),
        results=(),
        note=note,
        wall_s=float(earlier["wall_s"]) if earlier else 0.0,
    )


def versions() -> dict[str, str]:
    """Versions of this program and of what its numbers rest on, and the machine."""
    return {
        "voxaffect": voxaffect.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def _by_corpus(utterances: Sequence[Utterance]) -> list[list[Utterance]]:
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        groups[utterance.corpus].append(utterance)
    return list(groups.values())
