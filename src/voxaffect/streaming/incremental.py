"""Incremental decoders: emotion posteriors of utterances while they last.

`CausalDecoder` decodes each frame once. `RecomputingDecoder` serves trunks that read backwards: it
keeps frames and decodes all of them each time. `RepeatedDecoder` serves extractors whose frames
cannot be computed incrementally: it repeats everything. The cost of the last two grows with the
utterance, whose length is bounded.

Letters: U utterances, M frames of all of them end to end, F features, C classes of all tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.features.frames import FrameExtractor, FrameGrid
from voxaffect.features.packing import lengths_of
from voxaffect.model.streaming import RecurrentState, StreamingNet
from voxaffect.recognizer.prediction import Prediction, named
from voxaffect.streaming.frontend import FrameSource, FrameUpdate, Frontend, StreamInput
from voxaffect.systems.classifier import NetClassifier
from voxaffect.taxonomy import EMOTION, TASKS

Floats = NDArray[np.float32]
Row = NDArray[np.float64]
"""One utterance's `RunningFunctionals`, float64 (4 C + 1,), which is exact for each of them."""

FRAMES_TOGETHER = 1 << 14
"""Frames in one batch of the net, unless one utterance has more."""


class InterimPosterior(NamedTuple):
    """Output of a decoder for an utterance so far.

    Args:
        probabilities: float64 (C,), of the emotion classes.
        subtasks: task -> float64 (C,), mean posterior.
        n_frames: number of frames decoded.
    """

    probabilities: NDArray[np.float64]
    subtasks: dict[str, NDArray[np.float64]]
    n_frames: int


class IncrementalDecoder(Protocol):
    """Decode utterances while they last."""

    def begin(self) -> Any:
        """State of a new utterance."""

    def advance(
        self, inputs: Sequence[StreamInput], *, provisional: bool
    ) -> list[InterimPosterior | None]:
        """Decode new samples of some utterances, also frames that are not final if `provisional`.

        Posteriors of each utterance, None where there is no frame.
        """


class RunningFunctionals(NamedTuple):
    """Functionals of posteriors (`voxaffect.utterance.functionals`), updated as frames come.

    Args:
        highest: float32 (U, C), maximum of each class; -inf before the first frame.
        lowest: float32 (U, C), minimum.
        total: float64 (U, C), sum.
        above: int64 (U, C), frames above the threshold.
        n_frames: int64 (U,).
    """

    highest: NDArray[np.float32]
    lowest: NDArray[np.float32]
    total: NDArray[np.float64]
    above: NDArray[np.int64]
    n_frames: NDArray[np.int64]

    @classmethod
    def empty(cls, n_utterances: int, n_classes: int) -> RunningFunctionals:
        """Utterances without frames."""
        shape = n_utterances, n_classes
        return cls(
            np.full(shape, -np.inf, np.float32),
            np.full(shape, np.inf, np.float32),
            np.zeros(shape),
            np.zeros(shape, np.int64),
            np.zeros(n_utterances, np.int64),
        )

    @classmethod
    def from_posteriors(
        cls, posteriors: NDArray[np.float32], counts: NDArray[np.int64], threshold: float
    ) -> RunningFunctionals:
        """Functionals of posteriors (M, C), `counts[0]` of them of the first utterance, etc."""
        running = cls.empty(len(counts), posteriors.shape[1])
        some = np.flatnonzero(counts)
        if some.size:
            starts = (np.cumsum(counts) - counts)[some]
            above = posteriors > np.float32(threshold)
            running.highest[some] = np.maximum.reduceat(posteriors, starts)
            running.lowest[some] = np.minimum.reduceat(posteriors, starts)
            running.total[some] = np.add.reduceat(posteriors, starts, dtype=np.float64)
            running.above[some] = np.add.reduceat(above, starts, dtype=np.int64)
            running.n_frames[some] = counts[some]
        return running

    def rows(self) -> list[Row]:
        """Each utterance by itself, a copy that keeps no other in memory."""
        return [row.copy() for row in np.column_stack(self)]

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> RunningFunctionals:
        """Inverse of `rows`."""
        table = np.stack(rows)
        highest, lowest, total, above = np.split(table[:, :-1], 4, axis=1)
        return cls(
            highest.astype(np.float32),
            lowest.astype(np.float32),
            total,
            above.astype(np.int64),
            table[:, -1].astype(np.int64),
        )

    def merged(self, following: RunningFunctionals) -> RunningFunctionals:
        """With the frames that follow in each utterance."""
        return RunningFunctionals(
            np.maximum(self.highest, following.highest),
            np.minimum(self.lowest, following.lowest),
            self.total + following.total,
            self.above + following.above,
            self.n_frames + following.n_frames,
        )

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean posteriors, (U, C)."""
        return self.total / np.maximum(self.n_frames, 1)[:, None]

    def functionals(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Functionals of some classes, float32 (U, 4 columns); every utterance must have frames."""
        share = self.above / np.maximum(self.n_frames, 1)[:, None]
        four = np.stack([self.highest, self.lowest, self.mean, share], axis=2)[:, columns]
        return four.reshape(len(four), -1).astype(np.float32)


class DecoderState(NamedTuple):
    """State of one utterance: that of the trunk, and its functionals."""

    trunk: RecurrentState
    functionals: Row


@dataclass
class Progress:
    """One utterance so far: the decoder's state after its final frames, and their source."""

    state: DecoderState
    source: FrameSource = field(default_factory=FrameSource)


class CausalDecoder:
    """Decode new frames of many utterances in one batch, from the state of each.

    Args:
        frontend: computes the frames.
        classifier: decides by their posteriors.
        net: the classifier's.
    """

    def __init__(self, frontend: Frontend, classifier: NetClassifier, net: StreamingNet) -> None:
        self._frontend, self._classifier, self._net = frontend, classifier, net
        tasks = [TASKS[name] for name in classifier.settings.task_weights]
        ends = np.cumsum([task.n_classes for task in tasks])
        self._columns = {
            task.name: np.arange(end - task.n_classes, end)
            for task, end in zip(tasks, ends, strict=True)
        }
        self._n_classes = int(ends[-1])

    def begin(self) -> Progress:
        """State of a new utterance."""
        return Progress(self._empty())

    def advance(
        self, inputs: Sequence[StreamInput], *, provisional: bool
    ) -> list[InterimPosterior | None]:
        """Decode new samples of some utterances."""
        updates = self._frontend.advance(inputs, provisional=provisional)
        some = {row: update for row, update in enumerate(updates) if update is not None}
        rows = self._update([inputs[row].progress for row in some], list(some.values()))
        posteriors = dict(zip(some, self._decide(rows), strict=True))
        return [posteriors.get(row) for row in range(len(inputs))]

    def _update(self, several: Sequence[Progress], updates: Sequence[FrameUpdate]) -> list[Row]:
        """Functionals after new frames and their tails; the tails leave no trace in the state."""
        factors = [update.factor for update in updates]
        before = [
            self._empty() if update.restarted else progress.state
            for progress, update in zip(several, updates, strict=True)
        ]
        states = self._decode(before, [update.frames for update in updates], factors, ended=False)
        for progress, state in zip(several, states, strict=True):
            progress.state = state
        tails = [update.tail for update in updates]
        if any(map(len, tails)):
            states = self._decode(states, tails, factors, ended=True)
        return [state.functionals for state in states]

    def _empty(self) -> DecoderState:
        (row,) = RunningFunctionals.empty(1, self._n_classes).rows()
        return DecoderState(self._net.start(), row)

    def _decode(
        self,
        states: Sequence[DecoderState],
        frames: Sequence[Floats],
        factors: Sequence[np.float32],
        *,
        ended: bool,
    ) -> list[DecoderState]:
        """The states of utterances after their next frames."""
        after: list[DecoderState] = []
        for some in _batches([len(own) for own in frames]):
            counts = lengths_of(frames[some])
            scale = np.repeat(np.array(factors[some]), counts)
            scaled = self._frontend.scaled(np.concatenate(frames[some]), scale)
            x = self._classifier.standardizer_.transform(scaled)
            carried = [state.trunk for state in states[some]]
            output = self._net.process(x, counts, carried, ended=ended)
            threshold = self._classifier.settings.elm.threshold
            new = RunningFunctionals.from_posteriors(output.posteriors, output.counts, threshold)
            before = RunningFunctionals.from_rows([state.functionals for state in states[some]])
            after += map(DecoderState, output.states, before.merged(new).rows())
        return after

    def _decide(self, rows: Sequence[Row]) -> list[InterimPosterior | None]:
        """Posteriors by functionals; None for those without a frame."""
        some = [number for number, row in enumerate(rows) if row[-1]]
        posteriors: list[InterimPosterior | None] = [None] * len(rows)
        if not some:
            return posteriors
        running = RunningFunctionals.from_rows([rows[number] for number in some])
        used = np.concatenate([self._columns[t] for t in self._classifier.utterance_tasks])
        probabilities, mean = self._classifier.decide(running.functionals(used)), running.mean
        others = {task: c for task, c in self._columns.items() if task != EMOTION.name}
        for i, number in enumerate(some):
            subtasks = {task: mean[i, columns] for task, columns in others.items()}
            n_frames = int(running.n_frames[i])
            posteriors[number] = InterimPosterior(probabilities[i], subtasks, n_frames)
        return posteriors


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


@dataclass
class Frames:
    """One utterance so far: its final frames, (n, F) each, and their source."""

    final: list[Floats] = field(default_factory=list)
    source: FrameSource = field(default_factory=FrameSource)


class RecomputingDecoder:
    """Compute frames once and decode all of them each time."""

    def __init__(self, frontend: Frontend, classifier: NetClassifier) -> None:
        self._frontend, self._classifier = frontend, classifier

    def begin(self) -> Frames:
        """State of a new utterance."""
        return Frames()

    def advance(
        self, inputs: Sequence[StreamInput], *, provisional: bool
    ) -> list[InterimPosterior | None]:
        """Decode some utterances so far."""
        updates = self._frontend.advance(inputs, provisional=provisional)
        frames = {
            row: self._all_frames(inputs[row].progress, update)
            for row, update in enumerate(updates)
            if update is not None
        }
        some = {row: own for row, own in frames.items() if len(own)}
        posteriors = dict(
            zip(some, whole_posteriors(self._classifier, list(some.values())), strict=True)
        )
        return [posteriors.get(row) for row in range(len(inputs))]

    def _all_frames(self, progress: Frames, update: FrameUpdate) -> Floats:
        progress.final = [*([] if update.restarted else progress.final), update.frames]
        frames = np.concatenate([*progress.final, update.tail])
        return self._frontend.scaled(frames, np.full(len(frames), update.factor))


class RepeatedDecoder:
    """Compute and decode all frames each time."""

    def __init__(self, extractor: FrameExtractor, classifier: NetClassifier) -> None:
        self._extractor, self._classifier = extractor, classifier

    def begin(self) -> None:
        """No state."""

    def advance(
        self,
        inputs: Sequence[StreamInput],
        *,
        provisional: bool,  # noqa: ARG002 all is as if the utterance ended here
    ) -> list[InterimPosterior | None]:
        """Decode some utterances so far, one after the other."""
        return [self._decode(one) for one in inputs]

    def _decode(self, one: StreamInput) -> InterimPosterior | None:
        samples = np.concatenate([np.zeros(0, np.float32), *one.so_far])
        if one.gain is None or self._extractor.grid.n_frames(len(samples)) == 0:
            return None
        frames = self._extractor.extract([Waveform(samples * one.gain, "the utterance so far")])
        (posterior,) = whole_posteriors(self._classifier, frames)
        return posterior


def whole_posteriors(
    classifier: NetClassifier, several: Sequence[Floats]
) -> list[InterimPosterior]:
    """Posteriors of utterances that are decoded as a whole, float32 (T, F) each."""
    if not several:
        return []
    answers = classifier.answer(several)
    assert answers.posteriors is not None  # noqa: S101 a net always has them
    means = {
        task: [values.mean(axis=0, dtype=np.float64) for values in by_utterance]
        for task, by_utterance in answers.posteriors.items()
        if task != EMOTION.name
    }
    return [
        InterimPosterior(
            probabilities, {task: mean[i] for task, mean in means.items()}, len(several[i])
        )
        for i, probabilities in enumerate(answers.probabilities)
    ]


def interim_prediction(
    name: str, posterior: InterimPosterior | None, n_samples: int, grid: FrameGrid
) -> Prediction:
    """The prediction for an utterance of `n_samples` so far; no label without a posterior."""
    so_far = Prediction(name, start_s=0.0, end_s=n_samples / SAMPLE_RATE_HZ, is_final=False)
    if posterior is None:
        return so_far
    processed = (posterior.n_frames - 1) * grid.hop_samples + grid.window_samples
    return replace(
        so_far,
        label=EMOTION.classes[int(posterior.probabilities.argmax())],
        probabilities=named(EMOTION.classes, posterior.probabilities),
        subtasks={
            task: named(TASKS[task].classes, values) for task, values in posterior.subtasks.items()
        },
        duration_s=processed / SAMPLE_RATE_HZ,
    )
