"""Batch inference: predictions of many recordings, computed in parallel, returned in input order.

Recordings of similar length share a batch, since a batch takes as long as its longest. Each worker
computes a batch of its own from file to prediction, so that none waits for another. A long
recording is read in stretches of speech, whose predictions become one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from voxaffect.audio.decode import DecodeLimits, at_16_khz
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform, gain
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, NoSpeechError
from voxaffect.recognizer.prediction import Prediction, no_speech
from voxaffect.recognizer.recording import (
    Opener,
    Recording,
    name_of,
    opener_of,
    waveform_if_short,
)
from voxaffect.recognizer.stretches import combined

WINDOW = 256  # recordings sorted by length among themselves; the first waits for its batch
TOGETHER = 32  # the largest batch
BYTES_TOGETHER = 32 << 20  # beyond which none is added to a batch: long ones are alone
BYTES_PER_S = 2 * SAMPLE_RATE_HZ  # estimated, of a segment, whatever its file's format

LONG_S = 30.0
"""Recordings longer than this are split at their pauses: nobody keeps one emotion for minutes, and
neither samples nor frames of an hour need be in memory together."""

PredictBatch = Callable[[Sequence[Recording]], list[Prediction]]


class Predictor(Protocol):
    """A trained recognizer on any runtime: `TrainedRecognizer` on PyTorch, `OnnxRecognizer`."""

    limits: DecodeLimits

    def predict(self, recordings: Sequence[Recording], /) -> list[Prediction]:
        """Predictions of recordings, in their order.

        Raises:
            AudioError: one of them cannot be analyzed.
        """


def predict_each(
    model: Predictor, recordings: Sequence[Recording | Prediction]
) -> list[Prediction]:
    """Predict recordings in one batch, in order; a faulty one has `error`.

    One longer than `LONG_S` is split at its pauses, and its label is that of most of its speech.
    Predictions in a recording's place are kept.
    """
    found = [_long_or_decoded(model, recording) for recording in recordings]
    waveforms = [waveform for waveform in found if isinstance(waveform, Waveform)]
    predictions = iter(_predict_batch(model, waveforms))
    return [next(predictions) if isinstance(one, Waveform) else one for one in found]


def _long_or_decoded(model: Predictor, recording: Recording | Prediction) -> Waveform | Prediction:
    """The samples of a short recording, the prediction of a long or faulty one."""
    if isinstance(recording, Prediction):
        return recording
    try:
        short = waveform_if_short(recording, model.limits, LONG_S)
        return predict_long(model, opener_of(recording, model.limits)) if short is None else short
    except AudioError as fault:
        return Prediction(name_of(recording), error=fault)


def predict_long(model: Predictor, opener: Opener) -> Prediction:
    """One prediction for a recording, from those of its stretches of speech; in bounded memory.

    Raises:
        AudioError: the recording cannot be decoded, or is silent.
    """
    from voxaffect.streaming.segments import timeline  # noqa: PLC0415 (slow to load)

    try:
        found = timeline(partial(_predict_stretches, model), opener, on_fault=lambda _: None)
    except NoSpeechError:
        return _without_speech(opener)
    return combined(found.name, found.track.duration_s, found.utterances)


def _predict_stretches(model: Predictor, waveforms: Sequence[Waveform]) -> list[Prediction]:
    """Predictions in order, in batches of similar length."""
    found: dict[int, Prediction] = {}
    for rows in batches([waveform.samples.nbytes for waveform in waveforms]):
        predictions = _predict_batch(model, [waveforms[row] for row in rows])
        found |= zip(rows, predictions, strict=True)
    return [found[row] for row in range(len(waveforms))]


def _without_speech(opener: Opener) -> Prediction:
    """The prediction for a recording in which none was found; a silent one is an `AudioError`."""
    n_samples, total, power = 0, 0.0, 0.0
    with opener() as recording:
        for block in at_16_khz(recording):
            n_samples += len(block)
            total += float(block.sum(dtype=np.float64))
            power += float(np.square(block, dtype=np.float64).sum())
    # Around the mean: a constant is as silent as zeros.
    variance = power / n_samples - (total / n_samples) ** 2
    gain(math.sqrt(max(variance, 0.0)), recording.name)
    return no_speech(recording.name, n_samples / SAMPLE_RATE_HZ)


def _predict_batch(model: Predictor, waveforms: Sequence[Waveform]) -> list[Prediction]:
    """Each waveform is predicted alone if one of them is silent or too short."""
    try:
        return [*model.predict(waveforms)]
    except NoSpeechError:
        if len(waveforms) == 1:
            return [no_speech(waveforms[0].name, waveforms[0].duration_s)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [Prediction(waveforms[0].name, error=fault)]
    return [each for waveform in waveforms for each in _predict_batch(model, [waveform])]


class WorkerPool:
    """Workers, `n_workers` once all are ready, each of which predicts one batch at a time."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._idle: SimpleQueue[PredictBatch] = SimpleQueue()

    def add(self, worker: PredictBatch) -> None:
        """Add a worker."""
        self._idle.put(worker)

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        """Predict recordings on the next idle worker; one whose process has died is removed.

        Raises:
            VoxaffectError: an error that is not that of one recording.
        """
        while True:
            worker = self._idle.get()
            try:
                predictions = worker(recordings)
            except BrokenExecutor:
                continue
            except BaseException:
                self.add(worker)
                raise
            self.add(worker)
            return predictions


def thread_pool(model: Predictor, n_threads: int) -> WorkerPool:
    """A pool within this process, whose threads call `model` concurrently."""
    pool = WorkerPool(n_threads)
    for _ in range(n_threads):
        pool.add(partial(predict_each, model))
    return pool


@contextmanager
def process_pool(
    model: Predictor, load: Callable[[], Predictor], n_processes: int
) -> Iterator[WorkerPool]:
    """A pool of this process and others, which join once importable `load` has loaded a model."""
    from voxaffect.parallel.work import WorkerProcess  # noqa: PLC0415 (only where there is much to do)

    pool = WorkerPool(n_processes)
    pool.add(partial(predict_each, model))
    with ExitStack() as stack:
        for _ in range(n_processes - 1):
            one = WorkerProcess(partial(_worker, load), lambda ready: pool.add(ready.call))
            stack.callback(one.close)
        yield pool


def _worker(load: Callable[[], Predictor]) -> PredictBatch:
    return partial(predict_each, load())


def predict_all(
    pool: WorkerPool, recordings: Sequence[Recording], *, prepare: Callable[[], None]
) -> Iterator[Prediction]:
    """Predict recordings; each prediction is yielded as soon as it and all before it are ready.

    Two windows of recordings are in work at a time; a faulty one has `error`. Each thread that uses
    the pool begins with `prepare`; a single recording is predicted in this thread.
    """
    if len(recordings) == 1:
        yield from pool.predict(recordings)
        return
    executor = ThreadPoolExecutor(pool.n_workers, initializer=prepare)
    try:
        in_work: deque[tuple[Future[list[Prediction]], int]] = deque()  # batch, place in it
        for first in range(0, len(recordings), WINDOW):
            window = recordings[first : first + WINDOW]
            places: dict[int, tuple[Future[list[Prediction]], int]] = {}
            for rows in batches([n_bytes(recording) for recording in window]):
                future = executor.submit(pool.predict, [window[row] for row in rows])
                places |= {row: (future, at) for at, row in enumerate(rows)}
            in_work.extend(places[row] for row in range(len(window)))
            while len(in_work) > WINDOW or (in_work and first + WINDOW >= len(recordings)):
                future, at = in_work.popleft()
                yield future.result()[at]
    finally:
        executor.shutdown(cancel_futures=True)


def batches(sizes: Sequence[int]) -> list[list[int]]:
    """Group N recordings of similar size, in bytes: lists of row numbers, that of row 0 first."""
    found: list[list[int]] = []
    total = 0
    for row in sorted(range(len(sizes)), key=lambda row: sizes[row]):
        if not found or len(found[-1]) == TOGETHER or total + sizes[row] > BYTES_TOGETHER:
            found.append([])
            total = 0
        found[-1].append(row)
        total += sizes[row]
    return sorted(found, key=min)


def n_bytes(recording: Recording) -> int:
    """Approximate size of a recording; 0 where it cannot be read."""
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
