"""The order of an experiment's work, and what becomes of jobs that fail or whose process dies."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import partial

from voxaffect.evaluation.experiment.job import Batch, Failure, Job, Remedy, attempt, restart
from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.parallel.clusters import threads_a_job
from voxaffect.parallel.work import Lost, compute_all


class Schedule:
    """Computes batches of jobs; every job ends with a result or a failure.

    A batch of several that fails is taken apart. A job that fails by itself is tried once more,
    after all others, in the way that may help: again, with nothing beside it, or with another seed.

    Args:
        batches: in the order in which they begin.
        n_jobs: batches at work at once.
    """

    def __init__(self, batches: Sequence[Batch], n_jobs: int) -> None:
        self._n_jobs = n_jobs
        self._beside_others: list[Batch] = [*batches]
        self._alone: list[Batch] = []
        self._tried_again: set[str] = set()

    def ends(self) -> Generator[tuple[Job, FoldResult | Failure], None, None]:
        """Every job as it ends."""
        work = partial(attempt, n_threads=threads_a_job(self._n_jobs))
        while self._beside_others or self._alone:
            alone = not self._beside_others
            batches, self._beside_others = self._beside_others, []
            if alone:
                batches, self._alone = self._alone, []
            with closing(compute_all(work, batches, self._n_jobs, alone=alone)) as ended:
                for batch, results in ended:
                    yield from self._ends_of(batch, results)

    def _ends_of(
        self, batch: Batch, results: list[FoldResult] | Failure | Lost
    ) -> Iterable[tuple[Job, FoldResult | Failure]]:
        """What has ended of a batch; the rest of it is scheduled once more."""
        if isinstance(results, list):
            return zip(batch, results, strict=True)
        if len(batch) > 1:
            self._beside_others += [(job,) for job in batch]
            return ()
        failure = Failure(results.reason) if isinstance(results, Lost) else results
        (job,) = batch
        if failure.remedy is Remedy.NONE:
            return [(job, failure)]
        if job.name in self._tried_again:
            return [(job, Failure(f"{failure.reason} (tried twice)"))]
        self._tried_again.add(job.name)
        queue = self._alone if failure.remedy is Remedy.ALONE else self._beside_others
        queue.append((restart(job, failure),))
        return ()
