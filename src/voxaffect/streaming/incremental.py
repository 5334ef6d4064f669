"""Incremental decoders: emotion posteriors of utterances while they last.

`CausalDecoder` serves nets, and `RunningMeanDecoder` machines on the mean of frames: both decode
each frame once. Those of `voxaffect.streaming.recomputing` serve everything else.

Letters: U utterances, M frames of all of them end to end, F features, C classes of all tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.model.streaming import RecurrentState, StreamingNet
from voxaffect.recognizer.prediction import Prediction, label_of, named
from voxaffect.streaming.frontend import FrameUpdate, Frontend, Progress, StreamInput
from voxaffect.systems.classifier import NetClassifier
from voxaffect.systems.row_classifier import RowClassifier
from voxaffect.systems.summaries import MEAN
from voxaffect.taxonomy import EMOTION, TASKS

Floats = NDArray[np.float32]

FRAMES_TOGETHER = 1 << 14
"""Frames in one batch of the net, unless one utterance has more."""


class InterimPosterior(NamedTuple):
    """Output of a decoder for an utterance so far."""

    probabilities: NDArray[np.float64]  # (C,), of the emotion classes
    subtasks: dict[str, NDArray[np.float64]]  # task -> (C,), mean posterior
    n_samples: int  # that they were computed from


Interim = dict[int, InterimPosterior]
"""Posteriors of inputs by their rows; none where there is no frame."""


class IncrementalDecoder(Protocol):
    """Decode utterances while they last."""

    def advance(self, inputs: Sequence[StreamInput], *, provisional: bool) -> Interim:
        """Decode new samples of utterances, also frames that are not final if `provisional`."""


Running = NDArray[np.float64]
"""Functionals of posteriors so far, float64 (U, 5, C), which is exact for each of them: maximum,
minimum, sum, number of frames above the threshold, number of frames."""


def no_frames(n_classes: int) -> Running:
    """Functionals of one utterance before its first frame, (5, C)."""
    return np.repeat([[-np.inf], [np.inf], [0.0], [0.0], [0.0]], n_classes, axis=1)


def running_functionals(posteriors: Floats, counts: NDArray[np.int64], threshold: float) -> Running:
    """Functionals of posteriors (M, C), `counts[0]` of them of the first utterance, etc."""
    running = np.tile(no_frames(posteriors.shape[1]), (len(counts), 1, 1))
    some = np.flatnonzero(counts)
    if some.size:
        starts = (np.cumsum(counts) - counts)[some]
        above = posteriors > np.float32(threshold)
        running[some, 0] = np.maximum.reduceat(posteriors, starts)
        running[some, 1] = np.minimum.reduceat(posteriors, starts)
        running[some, 2] = np.add.reduceat(posteriors, starts, dtype=np.float64)
        running[some, 3] = np.add.reduceat(above, starts, dtype=np.int64)
        running[some, 4] = counts[some, None]
    return running


def merged(before: Running, following: Running) -> Running:
    """Functionals of frames and those that follow in each utterance."""
    both = before + following
    both[:, 0] = np.maximum(before[:, 0], following[:, 0])
    both[:, 1] = np.minimum(before[:, 1], following[:, 1])
    return both


def functionals_so_far(running: Running, columns: NDArray[np.int64]) -> Floats:
    """`voxaffect.utterance.functionals` of some classes, float32 (U, 4 columns), given frames."""
    four = running[:, :4].copy()
    four[:, 2:] /= running[:, 4:]
    by_class = four.transpose(0, 2, 1)[:, columns]
    return by_class.reshape(len(four), -1).astype(np.float32)


class DecoderState(NamedTuple):
    """State of one utterance: that of the trunk, and its functionals, (5, C)."""

    trunk: RecurrentState
    functionals: Running


class CausalDecoder:
    """Decode new frames of many utterances in one batch, from the state of each."""

    def __init__(self, frontend: Frontend, classifier: NetClassifier, net: StreamingNet) -> None:
        self._frontend, self._classifier, self._net = frontend, classifier, net
        tasks = [TASKS[name] for name in classifier.settings.task_weights]
        ends = np.cumsum([task.n_classes for task in tasks])
        self._columns = {
            task.name: np.arange(end - task.n_classes, end)
            for task, end in zip(tasks, ends, strict=True)
        }
        self._empty = DecoderState(net.start(), no_frames(int(ends[-1])))

    def advance(self, inputs: Sequence[StreamInput], *, provisional: bool) -> Interim:
        """Decode new samples of utterances."""
        updates = self._frontend.advance(inputs, provisional=provisional)
        running = self._update([inputs[row].progress for row in updates], [*updates.values()])
        heard = {row: own for row, own in zip(updates, running, strict=True) if own[4, 0]}
        return dict(zip(heard, self._decide([*heard.values()]), strict=True))

    def _update(self, several: Sequence[Progress], updates: Sequence[FrameUpdate]) -> list[Running]:
        """Functionals after new frames and their tails; the tails leave no trace in the state."""
        factors = [update.factor for update in updates]
        before = [
            self._empty if update.restarted else progress.decoded
            for progress, update in zip(several, updates, strict=True)
        ]
        states = self._decode(before, [update.frames for update in updates], factors, ended=False)
        for progress, state in zip(several, states, strict=True):
            progress.decoded = state
        tails = [update.tail for update in updates]
        if any(map(len, tails)):
            states = self._decode(states, tails, factors, ended=True)
        return [state.functionals for state in states]

    def _decode(
        self,
        states: Sequence[DecoderState],
        frames: Sequence[Floats],
        factors: Sequence[np.float32],
        *,
        ended: bool,
    ) -> list[DecoderState]:
        after: list[DecoderState] = []
        for some in _batches([len(own) for own in frames]):
            counts = np.array([len(own) for own in frames[some]])
            scale = np.repeat(np.array(factors[some]), counts)
            scaled = self._frontend.scaled(np.concatenate(frames[some]), scale)
            x = self._classifier.standardizer_.transform(scaled)
            carried = [state.trunk for state in states[some]]
            output = self._net.process(x, counts, carried, ended=ended)
            threshold = self._classifier.settings.elm.threshold
            new = running_functionals(output.posteriors, output.counts, threshold)
            both = merged(np.stack([state.functionals for state in states[some]]), new)
            after += map(DecoderState, output.states, map(np.copy, both))
        return after

    def _decide(self, several: Sequence[Running]) -> list[InterimPosterior]:
        if not several:
            return []
        running = np.stack(several)
        used = np.concatenate([self._columns[t] for t in self._classifier.utterance_tasks])
        probabilities = self._classifier.decide(functionals_so_far(running, used))
        mean, counts = running[:, 2] / running[:, 4], running[:, 4, 0].astype(int).tolist()
        n_samples = [self._frontend.grid.extent(n) for n in counts]
        others = {task: c for task, c in self._columns.items() if task != EMOTION.name}
        subtasks = [{task: own[c] for task, c in others.items()} for own in mean]
        return list(map(InterimPosterior, probabilities, subtasks, n_samples))


class Sums(NamedTuple):
    """State of one utterance: sums over its frames."""

    n_frames: int
    of_frames: NDArray[np.float64]  # (F,)
    of_squares: NDArray[np.float64]  # (F,)

    def plus(self, frames: Floats) -> Sums:
        """Sums over these frames (T, F), too."""
        x = frames.astype(np.float64)
        squares = self.of_squares + np.square(x).sum(axis=0)
        return Sums(self.n_frames + len(x), self.of_frames + x.sum(axis=0), squares)


class RunningMeanDecoder:
    """Decide by the mean, or mean and deviation, of the frames so far; frames are not kept."""

    def __init__(self, frontend: Frontend, classifier: RowClassifier) -> None:
        self._frontend, self._classifier = frontend, classifier

    def advance(self, inputs: Sequence[StreamInput], *, provisional: bool) -> Interim:
        """Decode new samples of utterances."""
        several: dict[int, tuple[int, NDArray[np.float64]]] = {}
        for row, update in self._frontend.advance(inputs, provisional=provisional).items():
            progress = inputs[row].progress
            before = progress.decoded
            if before is None or update.restarted:
                zeros = np.zeros(update.frames.shape[1])
                before = Sums(0, zeros, zeros)
            progress.decoded = before.plus(update.frames)
            sums = progress.decoded.plus(update.tail)
            if sums.n_frames:
                several[row] = sums.n_frames, self._row(sums, update.factor)
        if not several:
            return {}
        probabilities = self._classifier.decide(np.stack([row for _, row in several.values()]))
        n_samples = [self._frontend.grid.extent(n) for n, _ in several.values()]
        each = map(InterimPosterior, probabilities, [{} for _ in several], n_samples)
        return dict(zip(several, each, strict=True))

    def _row(self, sums: Sums, factor: np.float32) -> NDArray[np.float64]:
        """The utterance's row, its gain that of the utterance so far."""
        mean = sums.of_frames / sums.n_frames
        deviation = np.sqrt(np.maximum(sums.of_squares / sums.n_frames - mean**2, 0.0))
        both = self._frontend.scaled(np.stack([mean, deviation]), np.repeat(factor, 2))
        return both[0] if self._classifier.row_summary == MEAN else both.ravel()


def _batches(counts: Sequence[int]) -> Iterator[slice]:
    """Consecutive utterances with at most `FRAMES_TOGETHER` frames in all."""
    begin, total = 0, 0
    for row, count in enumerate(counts):
        if row > begin and total + count > FRAMES_TOGETHER:
            yield slice(begin, row)
            begin, total = row, 0
        total += count
    if len(counts) > begin:
        yield slice(begin, len(counts))


def interim_prediction(name: str, posterior: InterimPosterior | None, n_samples: int) -> Prediction:
    """The prediction for an utterance of `n_samples` so far; no label without a posterior."""
    so_far = Prediction(name, start_s=0.0, end_s=n_samples / SAMPLE_RATE_HZ, is_final=False)
    if posterior is None:
        return so_far
    probabilities, subtasks, n_analyzed = posterior
    return replace(
        so_far,
        label=label_of(EMOTION.classes, probabilities, so_far.warnings),
        probabilities=named(EMOTION.classes, probabilities),
        subtasks={task: named(TASKS[task].classes, values) for task, values in subtasks.items()},
        duration_s=n_analyzed / SAMPLE_RATE_HZ,
    )
