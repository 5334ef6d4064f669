"""Jobs of an experiment: one system on one fold with one seed, and what is done when one fails."""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property, partial

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
        test_name: what is left out.
        fold_digest: hash of the fold's train, dev and test utterances.
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

    @property
    def n_train_bytes(self) -> int:
        """Memory of the frames of the training set."""
        return self.n_train_frames * self.train.frames[0][:1].nbytes

    @classmethod
    def of(cls, fold: Fold, dataset: Dataset) -> FoldData:
        """Data of a fold."""
        sets = (fold.train, fold.dev, fold.test)
        train, dev, test = (dataset.examples(ids) for ids in sets)
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


LSTM_COST = 8.0
"""Time of an LSTM for a byte of frames, relative to other systems; it only orders the jobs."""


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
        data = [*self.data.digests]
        return digest([self.data.fold, data, self.system.settings(self.options), self.seed])

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
        """Expected time, in arbitrary units."""
        recurrent = isinstance(self.system, NetSystem) and self.system.recurrent
        return self.data.n_train_bytes * (LSTM_COST if recurrent else 1.0)

    def compute(self) -> FoldResult:
        """Train and test.

        Raises:
            VoxaffectError: the fold's data or the training allow no result.
        """
        started = time.perf_counter()
        classifier = self.system.classifier(self.options)
        classifier.fit(self.data.train, self.data.dev, seed=self.training_seed)
        return self.result(classifier, started)

    def result(self, classifier: UtteranceClassifier, started: float) -> FoldResult:
        """Result on the test set of a classifier whose training started at a `perf_counter`."""
        data = self.data
        answers = classifier.answer(data.test.frames)
        restarted = {"restarted": self.restarted} if self.restarted else {}
        thinned = {"train_share": data.train_share} if data.train_share < 1 else {}
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
            details={
                "n_train": len(data.train),
                "n_dev": len(data.dev),
                **thinned,
                **restarted,
                **classifier.details(),
            },
            conditions=data.conditions,
        )


class RetryPolicy(Enum):
    """How a failed job is tried again."""

    NONE = auto()
    AGAIN = auto()  # a file system was not available
    ALONE = auto()  # memory was taken by other jobs
    OTHER_SEED = auto()  # weights diverged, and would again with the same seed


@dataclass(frozen=True)
class Failure:
    """Why jobs have no result, in a sentence, and how to try again."""

    reason: str
    remedy: RetryPolicy = RetryPolicy.NONE


REMEDIES: tuple[tuple[tuple[type[Exception], ...], RetryPolicy], ...] = (
    ((TrainingError, np.linalg.LinAlgError), RetryPolicy.OTHER_SEED),
    ((MemoryError, RuntimeError), RetryPolicy.ALONE),  # out of memory in PyTorch is a RuntimeError
    ((FeatureError, OSError), RetryPolicy.AGAIN),
    ((VoxaffectError,), RetryPolicy.NONE),
)
EXPECTED = tuple(kind for kinds, _ in REMEDIES for kind in kinds)

Batch = tuple[Job, ...]
"""Jobs that are computed together: one, or several that share a net."""


def compute(batch: Batch) -> list[FoldResult]:
    """Results of the jobs of a batch.

    Raises:
        VoxaffectError: a job has none.
    """
    if len(batch) == 1:
        return [batch[0].compute()]
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
    except EXPECTED as fault:
        remedy = next(remedy for kinds, remedy in REMEDIES if isinstance(fault, kinds))
        return Failure(f"{type(fault).__name__}: {fault}", remedy)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a job: a result on disk, or the reason why there is none."""

    fold: str
    system: str
    seed: int
    failure: str | None = None


class Schedule:
    """Computes batches of jobs; every job ends with a result or a failure.

    The jobs of a batch of several that fails are computed one by one. A job that fails by itself is
    retried once, after all others, by the policy of its failure. Batches start in their order,
    `n_jobs` in parallel.
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
        if failure.remedy is RetryPolicy.NONE:
            return [(job, failure)]
        if job.name in self._retried:
            return [(job, Failure(f"{failure.reason} (tried twice)"))]
        self._retried.add(job.name)
        if failure.remedy is RetryPolicy.OTHER_SEED:
            job = replace(job, restarted=failure.reason)
        queue = self._alone if failure.remedy is RetryPolicy.ALONE else self._parallel
        queue.append((job,))
        return ()
