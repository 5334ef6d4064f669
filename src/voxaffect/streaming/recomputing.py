"""Decoders of utterances while they last that compute again what they have computed before.

`RecomputingDecoder` keeps frames, and serves classifiers that need all of them at once, such as
nets that read backwards. `RepeatedDecoder` serves extractors whose frames cannot be computed
incrementally: it repeats everything, from the speech so far to the decision. Both compute when an
utterance is `GROWTH` times as long as when they did last, so that all passes together cost at most
GROWTH / (GROWTH - 1) = 5 times the last; in between the answer stays. Final predictions do not
depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.features.frames import FrameExtractor
from voxaffect.streaming.frontend import Frontend, StreamInput
from voxaffect.streaming.incremental import Interim, InterimPosterior
from voxaffect.systems.classifier import UtteranceClassifier
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float32]

GROWTH = 1.25


@dataclass
class Answered:
    """State of one utterance: the last answer, and what it was computed from."""

    length: int = 0  # frames or samples, whichever the decoder counts
    posterior: InterimPosterior | None = None  # None before the first
    frames: list[Floats] = field(default_factory=list)  # final ones, where they are kept

    def is_due(self, length: int) -> bool:
        """Whether an utterance of a length is to be computed again."""
        return length >= GROWTH * self.length


class RecomputingDecoder:
    """Compute frames once, keep them, and decode all of them at growing lengths."""

    def __init__(self, frontend: Frontend, classifier: UtteranceClassifier) -> None:
        self._frontend, self._classifier = frontend, classifier

    def advance(self, inputs: Sequence[StreamInput], *, provisional: bool) -> Interim:
        """Decode utterances so far."""
        answered: dict[int, Answered] = {}
        several: dict[int, tuple[Floats, int]] = {}
        for row, update in self._frontend.advance(inputs, provisional=provisional).items():
            known = answered[row] = _answered(inputs[row])
            known.frames = [*([] if update.restarted else known.frames), update.frames]
            n_frames = sum(map(len, known.frames)) + len(update.tail)
            if n_frames and known.is_due(n_frames):
                known.length = n_frames
                frames = np.concatenate([*known.frames, update.tail])
                scaled = self._frontend.scaled(frames, np.full(n_frames, update.factor))
                several[row] = scaled, self._frontend.grid.extent(n_frames)
        return _answers(self._classifier, answered, several)


class RepeatedDecoder:
    """Compute and decode all frames at growing lengths."""

    def __init__(self, extractor: FrameExtractor, classifier: UtteranceClassifier) -> None:
        self._extractor, self._classifier = extractor, classifier

    def advance(
        self,
        inputs: Sequence[StreamInput],
        *,
        provisional: bool,  # noqa: ARG002 all is as if the utterance ended here
    ) -> Interim:
        """Decode utterances so far."""
        answered = {row: _answered(one) for row, one in enumerate(inputs)}
        several: dict[int, tuple[Floats, int]] = {}
        for row, known in answered.items():
            so_far, gain = inputs[row].so_far, inputs[row].gain
            n_samples = sum(map(len, so_far))
            if gain is None or self._extractor.grid.n_frames(n_samples) == 0:
                continue
            if known.is_due(n_samples):
                known.length = n_samples
                waveform = Waveform(np.concatenate(so_far) * gain, "the utterance so far")
                several[row] = self._extractor.extract([waveform])[0], n_samples
        return _answers(self._classifier, answered, several)


def _answered(one: StreamInput) -> Answered:
    if one.progress.decoded is None:
        one.progress.decoded = Answered()
    known: Answered = one.progress.decoded
    return known


def _answers(
    classifier: UtteranceClassifier,
    answered: Mapping[int, Answered],
    several: Mapping[int, tuple[Floats, int]],
) -> Interim:
    """Answers of all utterances, new ones for the frames of several, (T, F), of so many samples."""
    if several:
        output = classifier.answer([frames for frames, _ in several.values()])
        others = {t: of for t, of in (output.posteriors or {}).items() if t != EMOTION.name}
        for place, (row, (_, n_samples)) in enumerate(several.items()):
            means = {t: of[place].mean(axis=0, dtype=np.float64) for t, of in others.items()}
            posterior = InterimPosterior(output.probabilities[place], means, n_samples)
            answered[row].posterior = posterior
    return {row: a.posterior for row, a in answered.items() if a.posterior is not None}
