"""Answers for many recordings: computed side by side, given in the order of asking.

Recordings of similar length are answered together, since a batch takes as long as its longest. Each
member of a crew computes a batch of its own from file to answer, so that none waits for another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.listening.answering import Outcome
from voxaffect.listening.crew import Crew
from voxaffect.recording import Recording

WINDOW = 256
"""Recordings that are sorted by length among themselves; the first of them waits for its batch."""

TOGETHER = 32
"""Recordings of a batch at most."""

BYTES_TOGETHER = 32 << 20
"""Bytes of the files of a batch, beyond which none is added to it: long ones are alone."""

BYTES_PER_S = 2 * SAMPLE_RATE_HZ
"""What a second of a segment counts as, whatever its file's format is."""

Batch = tuple[list[int], Future[list[Outcome]]]


def answer_all(
    crew: Crew, recordings: Sequence[Recording], *, prepare: Callable[[], None]
) -> Iterator[Outcome]:
    """Answers for recordings, each as soon as it and all before it are there.

    Args:
        crew: who answers. A single recording is answered without a thread.
        recordings: N of them; two windows of them are at work at a time.
        prepare: called at its beginning by each thread that asks a member.

    Yields:
        N predictions, or why there can be none.
    """
    if len(recordings) == 1:
        yield from crew.answer(recordings)
        return
    with _workers(crew.n_members, prepare) as pool:
        at_work: deque[list[Batch]] = deque()
        for first in range(0, len(recordings), WINDOW):
            window = recordings[first : first + WINDOW]
            at_work.append(
                [
                    (rows, pool.submit(crew.answer, [window[row] for row in rows]))
                    for rows in batches([n_bytes(recording) for recording in window])
                ]
            )
            if len(at_work) > 1:
                yield from _in_order(at_work.popleft())
        for window_batches in at_work:
            yield from _in_order(window_batches)


@contextmanager
def _workers(n_threads: int, prepare: Callable[[], None]) -> Iterator[ThreadPoolExecutor]:
    """Threads that begin nothing more once nobody waits for them."""
    pool = ThreadPoolExecutor(n_threads, initializer=prepare)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(window: Sequence[Batch]) -> Iterator[Outcome]:
    """The answers of a window, each as soon as it and those before it are there."""
    batch_of = {row: (future, at) for rows, future in window for at, row in enumerate(rows)}
    for row in range(len(batch_of)):
        future, at = batch_of[row]
        yield future.result()[at]


def batches(sizes: Sequence[int]) -> list[list[int]]:
    """Rows of recordings of similar size that are answered together.

    Args:
        sizes: bytes of N recordings.

    Returns:
        lists of row numbers, in which each of the N is once; the batch of the first row first.
    """
    found: list[list[int]] = []
    held = 0
    for row in sorted(range(len(sizes)), key=lambda row: sizes[row]):
        if not found or len(found[-1]) == TOGETHER or held + sizes[row] > BYTES_TOGETHER:
            found.append([])
            held = 0
        found[-1].append(row)
        held += sizes[row]
    return sorted(found, key=min)


def n_bytes(recording: Recording) -> int:
    """About how much a recording holds; 0 where only decoding tells what is wrong with it."""
    if isinstance(recording, Waveform):
        return recording.samples.nbytes
    if isinstance(recording, bytes):
        return len(recording)
    if isinstance(recording, Utterance):
        if recording.end_s is not None:
            return round(BYTES_PER_S * max(0.0, recording.end_s - recording.start_s))
        recording = recording.path
    try:
        return Path(recording).stat().st_size
    except (OSError, ValueError):
        return 0
