"""A process beside this one that makes something once and is asked with it again and again."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from joblib.externals.loky.process_executor import ProcessPoolExecutor

from voxaffect.parallel.following import follow_main_process

Item = TypeVar("Item")
Result = TypeVar("Result")

_made: Callable[[Any], Any]
"""In the process beside: what answers."""


class Aside(Generic[Item, Result]):
    """A process of its own, which ends when this one does.

    Args:
        make: makes what answers, importable there; called once, at once.
        on_ready: told, on another thread, when it can be asked; never if `make` fails.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[Item], Result]],
        on_ready: Callable[[Aside[Item, Result]], None],
    ) -> None:
        self._pool = ProcessPoolExecutor(
            1, initializer=follow_main_process, initargs=(os.getpid(),)
        )
        begun = self._pool.submit(_begin, make)
        begun.add_done_callback(lambda done: on_ready(self) if _succeeded(done) else None)

    def ask(self, item: Item) -> Result:
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
