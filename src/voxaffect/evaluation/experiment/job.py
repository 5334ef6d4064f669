"""Jobs of an experiment: one system on one fold with one seed, and what is done when one fails."""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from voxaffect.corpora.table import NOT_STATED
from voxaffect.errors import FeatureError, TrainingError, VoxaffectError
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.run import CorpusSummary, FoldResult, result_name
from voxaffect.evaluation.experiment.utterance_facts import rms_column, signal_to_noise_db
from voxaffect.evaluation.results import FACTS
from voxaffect.evaluation.splits.folds import Fold, Protocol
from voxaffect.features.cache.index import StoredFrames
from voxaffect.files import digest
from voxaffect.model.data import Examples
from voxaffect.parallel.clusters import threads_per_job
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.parallel.work import WorkerDied, compute_all
from voxaffect.systems.classifier import UtteranceClassifier
from voxaffect.systems.systems import NetSystem, Options, System
from voxaffect.taxonomy import EMOTION


@dataclass(frozen=True)
class FoldData:
    """Data of a fold for all systems and seeds; stored frames are not read.

    Args:
        test_name: what is left out, as in `Fold`.
        ids: of the test utterances.
        digests: hashes of features and targets of train, dev and test.
        conditions: degradation of each test utterance, None where all are clean.
    """

    fold: str
    protocol: Protocol
    test_name: str
    fold_digest: str
    ids: tuple[str, ...]
    train: Examples
    dev: Examples
    test: Examples
    digests: tuple[str, ...]
    n_train_frames: int
    train_share: float = 1.0
    conditions: tuple[str, ...] | None = None

    @classmethod
    def of(cls, fold: Fold, dataset: Dataset) -> FoldData:
        """Data of a fold."""
        sets = (fold.train, fold.dev, fold.test)
        train = dataset.training(fold.train)
        dev, test = (dataset.examples(ids) for ids in sets[1:])
        return cls(
            fold=fold.name,
            protocol=fold.protocol,
            test_name=fold.test_name,
            fold_digest=digest([fold.name, *map(list, sets)]),
            ids=fold.test,
            train=train,
            dev=dev,
            test=test,
            digests=tuple(dataset.digest(ids) for ids in sets),
            n_train_frames=int(lengths_of(train).sum()),
            train_share=fold.train_share,
        )


def lengths_of(examples: Examples) -> NDArray[np.integer]:
    """Number of frames of every example (N,); stored frames are not read."""
    frames = examples.frames
    return frames.lengths if isinstance(frames, StoredFrames) else np.array([*map(len, frames)])


def facts_of(dataset: Dataset, corpora: Sequence[CorpusSummary]) -> pd.DataFrame:
    """Columns `FACTS` of every utterance, by its id; corpora state languages where these do not."""
    languages = {c.name: c.language for c in corpora if c.language != NOT_STATED}
    examples = dataset.examples(list(dataset.utterances))
    grid, column = dataset.grid, rms_column(dataset.feature_settings)
    known = [
        (u.corpus, u.speaker, u.gender, u.language or languages.get(u.corpus), u.naturalness)
        for u in dataset.utterances.values()
    ]
    names = ["corpus", "speaker", "gender", "language", "style"]
    facts = pd.DataFrame(known, index=list(dataset.utterances), columns=names, dtype=object)
    # From the beginning of the first frame to the end of the last.
    facts["duration_s"] = grid.window_s + (lengths_of(examples).astype(np.float64) - 1) * grid.hop_s
    facts["snr_db"] = np.nan if column is None else signal_to_noise_db(examples.frames, column)
    facts["content"] = [dataset.contents[i] for i in dataset.utterances]
    return facts[[*FACTS]]


@dataclass(frozen=True)
class Job:
    """One system on one fold with one seed; `restarted` is why a first attempt diverged, if so."""

    data: FoldData
    system: System
    options: Options
    seed: int
    restarted: str = ""

    @cached_property
    def settings_digest(self) -> str:
        """Hash of everything that the result depends on: fold, audio, settings, seed."""
        settings = self.system.settings(self.options)
        return digest([self.data.fold, [*self.data.digests], settings, self.seed])

    @property
    def name(self) -> str:
        """Name of the result."""
        return result_name(self.data.protocol, self.system.name, self.seed, self.settings_digest)

    @property
    def training_seed(self) -> int:
        """The seed, or one derived from it where training with it diverged."""
        if not self.restarted:
            return self.seed
        return int(np.random.SeedSequence([self.seed, 1]).generate_state(1)[0])

    @cached_property
    def net_key(self) -> Hashable:
        """Key of jobs that share a net, such as of `lstm-stl` and `lstm-mean`; else the name."""
        if not isinstance(self.system, NetSystem):
            return self.name
        net = self.system.net_settings(self.options).net
        return digest([self.data.fold, [*self.data.digests], repr(net), self.training_seed])

    def cost(self) -> float:
        """Expected time, in arbitrary units, to order jobs by."""
        recurrent = isinstance(self.system, NetSystem) and self.system.recurrent
        n_bytes = self.data.n_train_frames * self.data.train.frames[0][:1].nbytes
        return n_bytes * (8.0 if recurrent else 1.0)  # an LSTM takes as much longer

    def result(self, classifier: UtteranceClassifier, started: float) -> FoldResult:
        """Result on the test set of a classifier whose training started at a `perf_counter`."""
        data = self.data
        answers = classifier.answer(data.test.frames)
        return FoldResult(
            protocol=data.protocol,
            fold=data.fold,
            test_name=data.test_name,
            system=self.system.name,
            seed=self.seed,
            fold_digest=data.fold_digest,
            settings_digest=self.settings_digest,
            ids=data.ids,
            y_true=data.test.targets[EMOTION.name],
            y_pred=answers.classes,
            probabilities=answers.probabilities,
            high_level=answers.high_level,
            seconds=time.perf_counter() - started,
            train_share=data.train_share,
            details={
                "n_train": len(data.train),
                "n_dev": len(data.dev),
                "restarted": self.restarted or None,
                **classifier.details(),
            },
            conditions=data.conditions,
        )


Retry = Literal["", "again", "alone", "other seed"]
"""How a failed job is tried again: not at all; as a file system was not available; as memory was
taken by other jobs; as weights diverged, and would again with the same seed."""


@dataclass(frozen=True)
class Failure:
    """Why jobs have no result, in a sentence, and how to try again."""

    reason: str
    retry: Retry = ""


RETRIES: dict[type[Exception], Retry] = {
    TrainingError: "other seed",
    np.linalg.LinAlgError: "other seed",
    MemoryError: "alone",
    RuntimeError: "alone",  # out of memory in PyTorch
    FeatureError: "again",
    OSError: "again",
    VoxaffectError: "",
}
"""Expected exceptions; the first that fits counts."""

Batch = tuple[Job, ...]
"""Jobs that are computed together: one, or several that share a net."""


def compute(batch: Batch) -> list[FoldResult]:
    """Results of the jobs of a batch; a `VoxaffectError` if one has none."""
    started = time.perf_counter()
    classifiers: list[UtteranceClassifier] = []
    for job in batch:
        classifier, data = job.system.classifier(job.options), job.data
        shared = {"same_net": classifiers[0]} if classifiers else {}
        classifier.fit(data.train, data.dev, seed=job.training_seed, **shared)  # type: ignore[arg-type]
        classifiers.append(classifier)
    share = (time.perf_counter() - started) / len(batch)
    return [
        job.result(classifier, time.perf_counter() - share)
        for job, classifier in zip(batch, classifiers, strict=True)
    ]


def attempt(batch: Batch, n_threads: int | None) -> list[FoldResult] | Failure:
    """Compute a batch in a process with so many threads; None leaves them as they are."""
    if n_threads is not None:
        torch.set_num_threads(n_threads)
        keep_freed_memory()
    try:
        return compute(batch)
    except tuple(RETRIES) as fault:
        retry = next(retry for kind, retry in RETRIES.items() if isinstance(fault, kind))
        return Failure(f"{type(fault).__name__}: {fault}", retry)


class Schedule:
    """Computes batches of jobs, `n_jobs` in parallel; every job ends with a result or a failure.

    The jobs of a batch of several that fails are computed one by one. A job that fails by itself is
    retried once, after all others, as its failure says.
    """

    def __init__(self, batches: Sequence[Batch], n_jobs: int) -> None:
        self._n_jobs = n_jobs
        self._parallel: list[Batch] = [*batches]
        self._alone: list[Batch] = []
        self._retried: set[str] = set()

    def outcomes(self) -> Generator[tuple[Job, FoldResult | Failure], None, None]:
        """Every job with its result or failure, in the order in which they end."""
        work = partial(attempt, n_threads=threads_per_job(self._n_jobs))
        while self._parallel or self._alone:
            alone = not self._parallel
            batches, self._parallel = self._parallel, []
            if alone:
                batches, self._alone = self._alone, []
            with closing(compute_all(work, batches, self._n_jobs, alone=alone)) as ended:
                for batch, results in ended:
                    yield from self._outcomes_of(batch, results)

    def _outcomes_of(
        self, batch: Batch, results: list[FoldResult] | Failure | WorkerDied
    ) -> Iterable[tuple[Job, FoldResult | Failure]]:
        """Final outcomes of a batch; the rest of it is scheduled again."""
        if isinstance(results, list):
            return zip(batch, results, strict=True)
        if len(batch) > 1:
            self._parallel += [(job,) for job in batch]
            return ()
        failure = Failure(results.reason) if isinstance(results, WorkerDied) else results
        (job,) = batch
        if not failure.retry:
            return [(job, failure)]
        if job.name in self._retried:
            return [(job, Failure(f"{failure.reason} (tried twice)"))]
        self._retried.add(job.name)
        if failure.retry == "other seed":
            job = replace(job, restarted=failure.reason)
        queue = self._alone if failure.retry == "alone" else self._parallel
        queue.append((job,))
        return ()
