"""Parallel map that survives the death of worker processes, and a single worker process.

joblib's backend decides where tasks run: here, or on the cluster of `clusters.workers`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import joblib
from joblib.externals.loky.process_executor import ProcessPoolExecutor

from voxaffect.parallel.processes import follow_parent_process

Item = TypeVar("Item")
Result = TypeVar("Result")

_function: Callable[[Any], Any]
"""In a `WorkerProcess`: what its `make` returned."""


class WorkerProcess(Generic[Item, Result]):
    """One worker process, which ends with this one.

    Args:
        make: importable in the worker; called there once, returns the function to be called.
        on_ready: called on another thread when the worker is ready; never if `make` fails.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[Item], Result]],
        on_ready: Callable[[WorkerProcess[Item, Result]], None],
    ) -> None:
        self._pool = ProcessPoolExecutor(
            1, initializer=follow_parent_process, initargs=(os.getpid(),)
        )

        def when_done(made: Any) -> None:
            if not made.cancelled() and made.exception() is None:
                on_ready(self)

        self._pool.submit(_initialize, make).add_done_callback(when_done)

    def call(self, item: Item) -> Result:
        """Result of the function, or its exception; `BrokenExecutor` if the worker has died."""
        result: Result = self._pool.submit(_call, item).result()
        return result

    def close(self) -> None:
        """Kill the worker."""
        self._pool.shutdown(wait=True, kill_workers=True)


def _initialize(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _function  # noqa: PLW0603 the process has no other purpose
    _function = make()


def _call(item: Any) -> Any:
    return _function(item)


MAX_DEATHS = 2  # during an item until it runs alone, where it has all memory and harms no other


@dataclass(frozen=True)
class WorkerDied:
    """Result of an item whose workers died again and again, and the reason in a few words."""

    reason: str


def compute_all(
    function: Callable[[Item], Result], items: Iterable[Item], n_jobs: int, *, alone: bool = False
) -> Generator[tuple[Item, Result | WorkerDied], None, None]:
    """Map a function over items in parallel; yield results in the order of completion.

    A killed local process breaks joblib's whole pool; unfinished items then go on in a new one. An
    item that was running when workers died is retried with the others, `MAX_DEATHS` times, then
    alone in a process of its own; if that dies too, the result is `WorkerDied`.

    The function must be importable in the workers, and what it raises ends all work. One job on
    this machine needs no other process; `alone` runs one item at a time, each in a process of its
    own if `n_jobs` is above 1.
    """
    waiting = dict(enumerate(items))
    deaths: Counter[int] = Counter()
    while waiting:
        together = [] if alone else [n for n in waiting if deaths[n] < MAX_DEATHS]
        chosen = together or [*islice(waiting, 1)]
        for n, result in _run_pool(function, {n: waiting[n] for n in chosen}, n_jobs):
            if together and isinstance(result, WorkerDied):
                deaths[n] += 1
            else:
                yield waiting.pop(n), result


def _run_pool(
    function: Callable[[Item], Result], items: Mapping[int, Item], n_jobs: int
) -> Iterator[tuple[int, Result | WorkerDied]]:
    """Results by number; if the pool breaks, `WorkerDied` for the running items."""
    running: set[int] = set()

    def tasks() -> Iterator[Any]:
        for number, item in items.items():
            running.add(number)
            yield joblib.delayed(_numbered)(number, function, item)

    pool = joblib.Parallel(
        n_jobs,
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=n_jobs,  # dispatched items count as running
        max_nbytes=None,
        initializer=follow_parent_process,
        initargs=(os.getpid(),),
    )
    try:
        for number, result in pool(tasks()):
            running.discard(number)
            yield number, result
    except BrokenProcessPool:
        reason = "the process that computed it was killed, most often for lack of memory"
        yield from ((number, WorkerDied(reason)) for number in running)


def _numbered(number: int, function: Callable[[Item], Result], item: Item) -> tuple[int, Result]:
    return number, function(item)
