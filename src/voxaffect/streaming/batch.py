"""Answers for many recordings: computed side by side, given in the order of asking.

Recordings of similar length are answered together, since a batch takes as long as its longest. Each
member of a crew computes a batch of its own from file to answer, so that none waits for another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from voxaffect.audio.decode import DecodeLimits
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recording import Recording, name_of, waveform_of


class Predictor(Protocol):
    """A trained recognizer on any runtime: `NetRecognizer` on PyTorch, `OnnxRecognizer`."""

    limits: DecodeLimits

    def predict(self, recordings: Sequence[Recording], /) -> list[Prediction]:
        """Predictions for recordings, in their order.

        Raises:
            AudioError: one of them cannot be analyzed.
        """


def predict_each(model: Predictor, recordings: Sequence[Recording]) -> list[Prediction]:
    """Predictions for recordings in their order, computed together; a faulty one has `error`."""
    return predict_decoded(model, [_decoded(one, model.limits) for one in recordings])


def predict_decoded(model: Predictor, decoded: Sequence[Waveform | Prediction]) -> list[Prediction]:
    """Predictions for waveforms, computed together; those in a waveform's place stay."""
    waveforms = [waveform for waveform in decoded if isinstance(waveform, Waveform)]
    predictions = iter(_together(model, waveforms))
    return [next(predictions) if isinstance(one, Waveform) else one for one in decoded]


def _decoded(recording: Recording, limits: DecodeLimits) -> Waveform | Prediction:
    try:
        return waveform_of(recording, limits)
    except AudioError as fault:
        return Prediction(name_of(recording), error=fault)


def _together(model: Predictor, waveforms: Sequence[Waveform]) -> list[Prediction]:
    """Predictions for waveforms; if one is silent or too short, each is computed alone."""
    try:
        return [*model.predict(waveforms)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [Prediction(waveforms[0].name, error=fault)]
    return [each for waveform in waveforms for each in _together(model, [waveform])]


Ask = Callable[[Sequence[Recording]], list[Prediction]]


class WorkerPool:
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

    def answer(self, recordings: Sequence[Recording]) -> list[Prediction]:
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


def threads(recognizer: Predictor, n_threads: int) -> WorkerPool:
    """A crew within this process.

    Args:
        recognizer: may be asked by several threads at once.
        n_threads: members.
    """
    crew = WorkerPool(n_threads)
    for _ in range(n_threads):
        crew.join(partial(predict_each, recognizer))
    return crew


@contextmanager
def processes(
    recognizer: Predictor, load: Callable[[], Predictor], n_processes: int
) -> Iterator[WorkerPool]:
    """A crew of this process and others, which join once they have loaded what this one has.

    Args:
        recognizer: answers here.
        load: loads its like there; importable.
        n_processes: members, this process among them.
    """
    from voxaffect.parallel.work import WorkerProcess  # noqa: PLC0415 (only where there is much to do)

    crew = WorkerPool(n_processes)
    crew.join(partial(predict_each, recognizer))
    with ExitStack() as beside:
        for _ in range(n_processes - 1):
            one = WorkerProcess(partial(_answerer, load), lambda ready: crew.join(ready.call))
            beside.callback(one.close)
        yield crew


def _answerer(load: Callable[[], Predictor]) -> Callable[[Sequence[Recording]], list[Prediction]]:
    return partial(predict_each, load())


WINDOW = 256
"""Recordings that are sorted by length among themselves; the first of them waits for its batch."""

TOGETHER = 32
"""Recordings of a batch at most."""

BYTES_TOGETHER = 32 << 20
"""Bytes of the files of a batch, beyond which none is added to it: long ones are alone."""

BYTES_PER_S = 2 * SAMPLE_RATE_HZ
"""What a second of a segment counts as, whatever its file's format is."""

Batch = tuple[list[int], Future[list[Prediction]]]


def predict_all(
    crew: WorkerPool, recordings: Sequence[Recording], *, prepare: Callable[[], None]
) -> Iterator[Prediction]:
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


def _in_order(window: Sequence[Batch]) -> Iterator[Prediction]:
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
