"""Hearing an utterance so far as if it were all: for whatever cannot be heard piece by piece.

A trunk that reads backwards hears all frames again each time; where frames cannot be computed while
they come, these are computed again, too. An answer takes time in proportion to what there is of the
utterance, whose length is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.packing import lengths_of
from voxaffect.model.streaming import Carried, StreamingNet
from voxaffect.streaming.decoder import InterimPosterior, StreamInput
from voxaffect.streaming.frontend import FrameSource, FrameUpdate, Frontend
from voxaffect.systems.classifier import NetClassifier
from voxaffect.taxonomy import EMOTION, TASKS

# Functionals of posteriors that are updated, not computed again, as frames come.
#
# Letters: U utterances, M frames of all of them end to end, C classes.

Row = NDArray[np.float64]
"""One utterance's five, side by side: float64 (4 C + 1,) holds each of them exactly."""


class RunningFunctionals(NamedTuple):
    """What the functionals of U utterances are made of (`voxaffect.utterance.functionals`).

    Args:
        highest: float32 (U, C), greatest posterior of each class; -inf before the first frame.
        lowest: float32 (U, C), least.
        total: float64 (U, C), sum.
        above: int64 (U, C), frames beyond the threshold.
        n_frames: int64 (U,).
    """

    highest: NDArray[np.float32]
    lowest: NDArray[np.float32]
    total: NDArray[np.float64]
    above: NDArray[np.int64]
    n_frames: NDArray[np.int64]

    @classmethod
    def nothing(cls, n_utterances: int, n_classes: int) -> RunningFunctionals:
        """Of utterances without a frame."""
        shape = n_utterances, n_classes
        return cls(
            np.full(shape, -np.inf, np.float32),
            np.full(shape, np.inf, np.float32),
            np.zeros(shape),
            np.zeros(shape, np.int64),
            np.zeros(n_utterances, np.int64),
        )

    @classmethod
    def of(
        cls, posteriors: NDArray[np.float32], counts: NDArray[np.int64], threshold: float
    ) -> RunningFunctionals:
        """Of posteriors (M, C), of which the first `counts[0]` are the first utterance's."""
        tally = cls.nothing(len(counts), posteriors.shape[1])
        some = np.flatnonzero(counts)
        if some.size:
            starts = (np.cumsum(counts) - counts)[some]
            beyond = posteriors > np.float32(threshold)
            tally.highest[some] = np.maximum.reduceat(posteriors, starts)
            tally.lowest[some] = np.minimum.reduceat(posteriors, starts)
            tally.total[some] = np.add.reduceat(posteriors, starts, dtype=np.float64)
            tally.above[some] = np.add.reduceat(beyond, starts, dtype=np.int64)
            tally.n_frames[some] = counts[some]
        return tally

    def rows(self) -> list[Row]:
        """Each utterance by itself, as a copy that keeps none of the others in memory."""
        return [row.copy() for row in np.column_stack(self)]

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> RunningFunctionals:
        """The utterances of some rows."""
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
        """Four functionals of some classes, float32 (U, 4 columns), of utterances with frames."""
        share = self.above / np.maximum(self.n_frames, 1)[:, None]
        four = np.stack([self.highest, self.lowest, self.mean, share], axis=2)[:, columns]
        return four.reshape(len(four), -1).astype(np.float32)


FRAMES_TOGETHER = 1 << 14
"""Frames that the net hears in one go at most, unless one utterance has more."""

Floats = NDArray[np.float32]


class DecoderState(NamedTuple):
    """What is known of one utterance: what the trunk carries, and the posteriors' tally."""

    carried: Carried
    tally: Row


@dataclass
class Progress:
    """One utterance so far: the memory of its certain frames, and where they come from."""

    memory: DecoderState
    source: FrameSource = field(default_factory=FrameSource)


class CausalDecoder:
    """Hears what is new of many utterances in one go, each with what it carries.

    Args:
        frontend: gives the frames.
        classifier: answers by their posteriors.
        net: the classifier's.
    """

    def __init__(self, frontend: Frontend, classifier: NetClassifier, net: StreamingNet) -> None:
        self._frontend, self._classifier, self._net = frontend, classifier, net
        self._columns = _columns(tuple(classifier.settings.task_weights))
        self._n_classes = sum(len(columns) for columns in self._columns.values())

    def begin(self) -> Progress:
        """An utterance of which nothing is known."""
        return Progress(self._nothing())

    def advance(
        self, turns: Sequence[StreamInput], *, provisional: bool
    ) -> list[InterimPosterior | None]:
        """Hear what is new of some utterances."""
        several = self._frontend.advance(turns, provisional=provisional)
        told = {row: news for row, news in enumerate(several) if news is not None}
        heard = self._listen([turns[row].progress for row in told], list(told.values()))
        verdicts = dict(zip(told, self._decided(heard), strict=True))
        return [verdicts.get(row) for row in range(len(turns))]

    def _listen(self, several: Sequence[Progress], news: Sequence[FrameUpdate]) -> list[Row]:
        """Tallies of utterances with their news, tails included, which are not remembered."""
        factors = [one.factor for one in news]
        before = [
            self._nothing() if one.again else progress.memory
            for progress, one in zip(several, news, strict=True)
        ]
        certain = self._hear(before, [one.frames for one in news], factors, ended=False)
        for progress, memory in zip(several, certain, strict=True):
            progress.memory = memory
        tails = [one.tail for one in news]
        heard = self._hear(certain, tails, factors, ended=True) if any(map(len, tails)) else certain
        return [memory.tally for memory in heard]

    def _nothing(self) -> DecoderState:
        (tally,) = RunningFunctionals.nothing(1, self._n_classes).rows()
        return DecoderState(self._net.start(), tally)

    def _hear(
        self,
        memories: Sequence[DecoderState],
        frames: Sequence[Floats],
        factors: Sequence[np.float32],
        *,
        ended: bool,
    ) -> list[DecoderState]:
        """The memories of utterances after their next frames."""
        after: list[DecoderState] = []
        for some in _groups([len(own) for own in frames]):
            counts = lengths_of(frames[some])
            scale = np.repeat(np.array(factors[some]), counts)
            scaled = self._frontend.scaled(np.concatenate(frames[some]), scale)
            x = self._classifier.standardizer_.transform(scaled)
            carried = [memory.carried for memory in memories[some]]
            heard = self._net.hear(x, counts, carried, ended=ended)
            threshold = self._classifier.settings.elm.threshold
            latest = RunningFunctionals.of(heard.posteriors, heard.counts, threshold)
            before = RunningFunctionals.of_rows([memory.tally for memory in memories[some]])
            after += map(DecoderState, heard.carried, before.merged(latest).rows())
        return after

    def _decided(self, rows: Sequence[Row]) -> list[InterimPosterior | None]:
        """What is said by tallies; nothing by one without a frame."""
        heard = [number for number, row in enumerate(rows) if row[-1]]
        verdicts: list[InterimPosterior | None] = [None] * len(rows)
        if not heard:
            return verdicts
        tally = RunningFunctionals.of_rows([rows[number] for number in heard])
        seen = np.concatenate([self._columns[t] for t in self._classifier.utterance_tasks])
        probabilities, mean = self._classifier.decide(tally.functionals(seen)), tally.mean
        others = {task: c for task, c in self._columns.items() if task != EMOTION.name}
        for i, number in enumerate(heard):
            subtasks = {task: mean[i, columns] for task, columns in others.items()}
            verdicts[number] = InterimPosterior(probabilities[i], subtasks, int(tally.n_frames[i]))
        return verdicts


def _columns(tasks: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Task -> where its classes stand among those of all tasks."""
    columns: dict[str, NDArray[np.int64]] = {}
    start = 0
    for task in tasks:
        columns[task] = np.arange(start, start + TASKS[task].n_classes)
        start += TASKS[task].n_classes
    return columns


def _groups(counts: Sequence[int]) -> Iterator[slice]:
    """Utterances in a row with no more frames together than the net hears in one go."""
    begin, held = 0, 0
    for row, count in enumerate(counts):
        if row > begin and held + count > FRAMES_TOGETHER:
            yield slice(begin, row)
            begin, held = row, 0
        held += count
    if len(counts) > begin:
        yield slice(begin, len(counts))


@dataclass
class Frames:
    """One utterance so far: where its frames come from, and those that are certain, (n, F) each."""

    certain: list[Floats] = field(default_factory=list)
    source: FrameSource = field(default_factory=FrameSource)


class RecomputingDecoder:
    """Computes frames once and hears all of them each time.

    Args:
        frontend: gives the frames.
        classifier: answers by them.
    """

    def __init__(self, frontend: Frontend, classifier: NetClassifier) -> None:
        self._frontend, self._classifier = frontend, classifier

    def begin(self) -> Frames:
        """An utterance of which nothing is known."""
        return Frames()

    def advance(
        self, turns: Sequence[StreamInput], *, provisional: bool
    ) -> list[InterimPosterior | None]:
        """Hear some utterances so far."""
        several = self._frontend.advance(turns, provisional=provisional)
        known = {
            row: self._all(turns[row].progress, news)
            for row, news in enumerate(several)
            if news is not None
        }
        known = {row: frames for row, frames in known.items() if len(frames)}
        said = dict(zip(known, verdicts(self._classifier, list(known.values())), strict=True))
        return [said.get(row) for row in range(len(turns))]

    def _all(self, progress: Frames, news: FrameUpdate) -> Floats:
        """All frames of an utterance, at its gain."""
        progress.certain = [news.frames] if news.again else [*progress.certain, news.frames]
        frames = np.concatenate([*progress.certain, news.tail])
        return self._frontend.scaled(frames, np.full(len(frames), news.factor))


class RepeatedDecoder:
    """Computes frames again and hears all of them each time.

    Args:
        extractor: computes them.
        classifier: answers by them.
    """

    def __init__(self, extractor: FrameExtractor, classifier: NetClassifier) -> None:
        self._extractor, self._classifier = extractor, classifier

    def begin(self) -> None:
        """Nothing is kept."""

    def advance(
        self,
        turns: Sequence[StreamInput],
        *,
        provisional: bool,  # noqa: ARG002 all is as if the utterance ended here
    ) -> list[InterimPosterior | None]:
        """Hear some utterances so far, one after the other."""
        return [self._one(turn) for turn in turns]

    def _one(self, turn: StreamInput) -> InterimPosterior | None:
        samples = np.concatenate([np.zeros(0, np.float32), *turn.so_far])
        if turn.gain is None or self._extractor.grid.n_frames(len(samples)) == 0:
            return None
        frames = self._extractor.extract([Waveform(samples * turn.gain, "the utterance so far")])
        (verdict,) = verdicts(self._classifier, frames)
        return verdict


def verdicts(classifier: NetClassifier, several: Sequence[Floats]) -> list[InterimPosterior]:
    """What a classifier says of utterances that it hears as a whole, float32 (T, F) each."""
    if not several:
        return []
    answers = classifier.answer(several)
    assert answers.posteriors is not None  # noqa: S101 a net always has them
    means = {
        task: [values.mean(axis=0, dtype=np.float64) for values in by_utterance]
        for task, by_utterance in answers.posteriors.by_task.items()
        if task != EMOTION.name
    }
    return [
        InterimPosterior(
            probabilities, {task: mean[i] for task, mean in means.items()}, len(several[i])
        )
        for i, probabilities in enumerate(answers.probabilities)
    ]
