"""Items of work, each done by whichever process is free; the death of a process loses no other.

Where processes run is up to joblib's backend: on this machine, or on the cluster that
`clusters.workers` has connected to.
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

_made: Callable[[Any], Any]
"""In the process beside: what answers."""


class WorkerProcess(Generic[Item, Result]):
    """A process of its own, which ends when this one does.

    Args:
        make: makes what answers, importable there; called once, at once.
        on_ready: told, on another thread, when it can be asked; never if `make` fails.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[Item], Result]],
        on_ready: Callable[[WorkerProcess[Item, Result]], None],
    ) -> None:
        self._pool = ProcessPoolExecutor(
            1, initializer=follow_parent_process, initargs=(os.getpid(),)
        )
        begun = self._pool.submit(_begin, make)
        begun.add_done_callback(lambda done: on_ready(self) if _succeeded(done) else None)

    def call(self, item: Item) -> Result:
        """The answer to an item.

        Raises:
            BrokenExecutor: the process has died.
            Exception: what answering raises.
        """
        answer: Result = self._pool.submit(_answer, item).result()
        return answer

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._pool.shutdown(wait=True, kill_workers=True)


def _succeeded(future: Any) -> bool:
    return not future.cancelled() and future.exception() is None


def _begin(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _made  # noqa: PLW0603 the process is there for it
    _made = make()


def _answer(item: Any) -> Any:
    return _made(item)


SUSPECT = 2
"""Times that an item may be at work when processes die; from then on it works with nothing beside
it, so that its neighbors are safe, and have the memory to themselves."""

KILLED = "the process that computed it was killed, most often for lack of memory"


@dataclass(frozen=True)
class WorkerDied:
    """What is left of an item on which one process after the other has died.

    Args:
        reason: what is known of it, in a few words.
    """

    reason: str


def compute_all(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    n_jobs: int,
    *,
    alone: bool = False,
) -> Generator[tuple[Item, Result | WorkerDied], None, None]:
    """Results of all items in the order in which they are done.

    One of joblib's local processes that is killed breaks the whole pool. What was not done goes on
    in a new one. On a cluster only the item itself is lost. Either way an item that was at work
    when processes died goes on with the others, `SUSPECT` times; then it is done alone, in a
    process of its own, and lost if that dies too.

    Args:
        function: what is done, importable where the processes run.
        items: what it is done to.
        n_jobs: items at once; one on this machine needs no other process.
        alone: do one item at a time, in a process of its own where there are several.

    Raises:
        Exception: what `function` raises ends all work.
    """
    waiting = dict(enumerate(items))
    losses: Counter[int] = Counter()
    while waiting:
        crowd = [] if alone else [n for n in waiting if losses[n] < SUSPECT]
        chosen = crowd or [*islice(waiting, 1)]
        for n, result in _at_once(function, {n: waiting[n] for n in chosen}, n_jobs):
            if crowd and isinstance(result, WorkerDied):
                losses[n] += 1
            else:
                yield waiting.pop(n), result


def _at_once(
    function: Callable[[Item], Result], items: Mapping[int, Item], n_jobs: int
) -> Iterator[tuple[int, Result | WorkerDied]]:
    """Results by number until all are done or the pool breaks; then those at work are lost."""
    at_work: set[int] = set()

    def tasks() -> Iterator[Any]:
        for number, item in items.items():
            at_work.add(number)
            yield joblib.delayed(_numbered)(number, function, item)

    pool = joblib.Parallel(
        n_jobs,
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=n_jobs,  # no more than can be at work, so that few are suspected
        max_nbytes=None,
        initializer=follow_parent_process,
        initargs=(os.getpid(),),
    )
    try:
        results: Iterator[tuple[int, Result | WorkerDied]] = pool(tasks())
        for number, result in results:
            at_work.discard(number)
            yield number, result
    except BrokenProcessPool:
        yield from ((number, WorkerDied(KILLED)) for number in at_work)


def _numbered(number: int, function: Callable[[Item], Result], item: Item) -> tuple[int, Result]:
    return number, function(item)
