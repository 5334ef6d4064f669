"""Hearing with a trunk that does not read backwards: it hears each frame once, as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.classifier import NetClassifier
from voxaffect.features.ragged import counts_of
from voxaffect.listening.frames import Frontend, News, Source
from voxaffect.listening.hearing import Turn, Verdict
from voxaffect.listening.tally import Row, Tally
from voxaffect.model.carried import Carried, CausalNet
from voxaffect.taxonomy import EMOTION, TASKS

FRAMES_TOGETHER = 1 << 14
"""Frames that the net hears in one go at most, unless one utterance has more."""

Floats = NDArray[np.float32]


class Memory(NamedTuple):
    """What is known of one utterance: what the trunk carries, and the posteriors' tally."""

    carried: Carried
    tally: Row


@dataclass
class Progress:
    """One utterance so far: the memory of its certain frames, and where they come from."""

    memory: Memory
    source: Source = field(default_factory=Source)


class CausalHearing:
    """Hears what is new of many utterances in one go, each with what it carries.

    Args:
        frontend: gives the frames.
        classifier: answers by their posteriors.
        net: the classifier's.
    """

    def __init__(self, frontend: Frontend, classifier: NetClassifier, net: CausalNet) -> None:
        self._frontend, self._classifier, self._net = frontend, classifier, net
        self._columns = _columns(tuple(classifier.settings.task_weights))
        self._n_classes = sum(len(columns) for columns in self._columns.values())

    def begin(self) -> Progress:
        """An utterance of which nothing is known."""
        return Progress(self._nothing())

    def advance(self, turns: Sequence[Turn], *, provisional: bool) -> list[Verdict | None]:
        """Hear what is new of some utterances."""
        several = self._frontend.advance(turns, provisional=provisional)
        told = {row: news for row, news in enumerate(several) if news is not None}
        heard = self._listen([turns[row].progress for row in told], list(told.values()))
        verdicts = dict(zip(told, self._decided(heard), strict=True))
        return [verdicts.get(row) for row in range(len(turns))]

    def _listen(self, several: Sequence[Progress], news: Sequence[News]) -> list[Row]:
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

    def _nothing(self) -> Memory:
        (tally,) = Tally.nothing(1, self._n_classes).rows()
        return Memory(self._net.start(), tally)

    def _hear(
        self,
        memories: Sequence[Memory],
        frames: Sequence[Floats],
        factors: Sequence[np.float32],
        *,
        ended: bool,
    ) -> list[Memory]:
        """The memories of utterances after their next frames."""
        after: list[Memory] = []
        for some in _groups([len(own) for own in frames]):
            counts = counts_of(frames[some])
            scale = np.repeat(np.array(factors[some]), counts)
            scaled = self._frontend.scaled(np.concatenate(frames[some]), scale)
            x = self._classifier.standardizer_.transform(scaled)
            carried = [memory.carried for memory in memories[some]]
            heard = self._net.hear(x, counts, carried, ended=ended)
            threshold = self._classifier.settings.elm.threshold
            latest = Tally.of(heard.posteriors, heard.counts, threshold)
            before = Tally.of_rows([memory.tally for memory in memories[some]])
            after += map(Memory, heard.carried, before.merged(latest).rows())
        return after

    def _decided(self, rows: Sequence[Row]) -> list[Verdict | None]:
        """What is said by tallies; nothing by one without a frame."""
        heard = [number for number, row in enumerate(rows) if row[-1]]
        verdicts: list[Verdict | None] = [None] * len(rows)
        if not heard:
            return verdicts
        tally = Tally.of_rows([rows[number] for number in heard])
        seen = np.concatenate([self._columns[t] for t in self._classifier.utterance_tasks])
        probabilities, mean = self._classifier.decide(tally.functionals(seen)), tally.mean
        others = {task: c for task, c in self._columns.items() if task != EMOTION.name}
        for i, number in enumerate(heard):
            subtasks = {task: mean[i, columns] for task, columns in others.items()}
            verdicts[number] = Verdict(probabilities[i], subtasks, int(tally.n_frames[i]))
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
