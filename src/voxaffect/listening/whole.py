"""Hearing an utterance so far as if it were all: for whatever cannot be heard piece by piece.

A trunk that reads backwards hears all frames again each time; where frames cannot be computed while
they come, these are computed again, too. An answer takes time in proportion to what there is of the
utterance, whose length is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.classifier import NetClassifier
from voxaffect.features.frames import FrameExtractor
from voxaffect.listening.frames import Frontend, News, Source
from voxaffect.listening.hearing import Turn, Verdict
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float32]


@dataclass
class Frames:
    """One utterance so far: where its frames come from, and those that are certain, (n, F) each."""

    certain: list[Floats] = field(default_factory=list)
    source: Source = field(default_factory=Source)


class WholeHearing:
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

    def advance(self, turns: Sequence[Turn], *, provisional: bool) -> list[Verdict | None]:
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

    def _all(self, progress: Frames, news: News) -> Floats:
        """All frames of an utterance, at its gain."""
        progress.certain = [news.frames] if news.again else [*progress.certain, news.frames]
        frames = np.concatenate([*progress.certain, news.tail])
        return self._frontend.scaled(frames, np.full(len(frames), news.factor))


class RepeatedHearing:
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
        turns: Sequence[Turn],
        *,
        provisional: bool,  # noqa: ARG002 all is as if the utterance ended here
    ) -> list[Verdict | None]:
        """Hear some utterances so far, one after the other."""
        return [self._one(turn) for turn in turns]

    def _one(self, turn: Turn) -> Verdict | None:
        samples = np.concatenate([np.zeros(0, np.float32), *turn.so_far])
        if turn.gain is None or self._extractor.grid.n_frames(len(samples)) == 0:
            return None
        frames = self._extractor.extract([Waveform(samples * turn.gain, "the utterance so far")])
        (verdict,) = verdicts(self._classifier, frames)
        return verdict


def verdicts(classifier: NetClassifier, several: Sequence[Floats]) -> list[Verdict]:
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
        Verdict(probabilities, {task: mean[i] for task, mean in means.items()}, len(several[i]))
        for i, probabilities in enumerate(answers.probabilities)
    ]
