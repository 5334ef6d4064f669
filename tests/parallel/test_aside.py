"""A process beside this one answers, and its death is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from functools import partial
from queue import Queue

import pytest

from voxaffect.errors import FeatureError
from voxaffect.parallel.aside import Aside

READY_S = 60.0


def made(factor: int) -> Callable[[int], tuple[int, int]]:
    """Multiplies, and says where."""
    return partial(multiplied, factor)


def multiplied(factor: int, item: int) -> tuple[int, int]:
    if item < 0:
        raise FeatureError(f"{item} is less than nothing")
    return factor * item, os.getpid()


def not_made() -> Callable[[int], tuple[int, int]]:
    raise FeatureError("a library is missing")


@contextmanager
def beside(factor: int) -> Iterator[Aside[int, tuple[int, int]]]:
    ready: Queue[Aside[int, tuple[int, int]]] = Queue()
    aside = Aside(partial(made, factor), ready.put)
    try:
        assert ready.get(timeout=READY_S) is aside
        yield aside
    finally:
        aside.close()


def test_it_answers_elsewhere_with_what_it_made_and_goes_on_after_a_fault() -> None:
    with beside(3) as aside:
        answer, where = aside.ask(4)
        assert answer == 12
        assert where != os.getpid()
        with pytest.raises(FeatureError, match="-1 is less than nothing"):
            aside.ask(-1)
        assert aside.ask(5) == (15, where)


def test_its_death_is_told() -> None:
    with beside(3) as aside:
        os.kill(aside.ask(1)[1], signal.SIGKILL)
        with pytest.raises(BrokenExecutor):
            aside.ask(4)


def test_no_process_is_left() -> None:
    with beside(3) as aside:
        where = aside.ask(1)[1]
    with pytest.raises(ProcessLookupError):
        os.kill(where, 0)


def test_one_that_cannot_begin_is_never_ready() -> None:
    ready: Queue[Aside[int, tuple[int, int]]] = Queue()
    aside = Aside(not_made, ready.put)
    with pytest.raises(NameError):
        aside.ask(1)
    aside.close()
    assert ready.empty()
