"""Who answers for recordings side by side: threads of this process, or processes beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from queue import SimpleQueue

from voxaffect.listening.answering import Answering, Outcome, answer_each
from voxaffect.recording import Recording

Ask = Callable[[Sequence[Recording]], list[Outcome]]


class Crew:
    """Those who answer, each for one batch at a time.

    Args:
        n_members: batches at once, when all have joined.
    """

    def __init__(self, n_members: int) -> None:
        self.n_members = n_members
        self._idle: SimpleQueue[Ask] = SimpleQueue()

    @property
    def n_idle(self) -> int:
        """Members who wait for work."""
        return self._idle.qsize()

    def join(self, ask: Ask) -> None:
        """One more member, from now on."""
        self._idle.put(ask)

    def answer(self, recordings: Sequence[Recording]) -> list[Outcome]:
        """Outcomes of recordings, by whoever is idle or will be first.

        A member whose process has died is not asked again, and another answers in its place.

        Raises:
            VoxaffectError: what is no fault of one recording.
        """
        while True:
            ask = self._idle.get()
            try:
                outcomes = ask(recordings)
            except BrokenExecutor:
                continue
            except BaseException:
                self.join(ask)
                raise
            self.join(ask)
            return outcomes


def threads(recognizer: Answering, n_threads: int) -> Crew:
    """A crew within this process.

    Args:
        recognizer: may be asked by several threads at once.
        n_threads: members.
    """
    crew = Crew(n_threads)
    for _ in range(n_threads):
        crew.join(partial(answer_each, recognizer))
    return crew


@contextmanager
def processes(
    recognizer: Answering, load: Callable[[], Answering], n_processes: int
) -> Iterator[Crew]:
    """A crew of this process and others, which join once they have loaded what this one has.

    Args:
        recognizer: answers here.
        load: loads its like there; importable.
        n_processes: members, this process among them.
    """
    from voxaffect.parallel.aside import Aside  # noqa: PLC0415 (only where there is much to do)

    crew = Crew(n_processes)
    crew.join(partial(answer_each, recognizer))
    with ExitStack() as beside:
        for _ in range(n_processes - 1):
            one = Aside(partial(_answerer, load), lambda ready: crew.join(ready.ask))
            beside.callback(one.close)
        yield crew


def _answerer(load: Callable[[], Answering]) -> Callable[[Sequence[Recording]], list[Outcome]]:
    return partial(answer_each, load())
