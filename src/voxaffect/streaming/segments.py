"""A long recording's utterances and what is said of each, in the memory of a few of them.

The recording is decoded twice: once to hear where somebody speaks, once to cut the utterances out.
They are cut at the recording's own rate and then resampled, each by itself, as `decode` does with a
segment of a file; so each is answered as if it were asked for by its times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import BLOCK, AudioStream, at_16_khz, read
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError
from voxaffect.features.frames import merge_blocks
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.vad import (
    DEFAULT_ACTIVITY,
    ActivitySettings,
    ActivityTrack,
    Span,
    find_speech,
    level_of,
)

TOGETHER = 64
"""Utterances that are in memory at once: mostly three minutes of samples, at most sixteen."""

Floats = NDArray[np.float32]
Opener = Callable[[], AbstractContextManager[AudioStream]]
OnFault = Callable[[AudioError], None]
Predict = Callable[[Sequence[Waveform]], Iterable[Prediction]]


@dataclass(frozen=True)
class Timeline:
    """A recording's utterances.

    Args:
        name: of the recording.
        track: its energy and voicing.
        utterances: in their order.
    """

    name: str
    track: ActivityTrack
    utterances: tuple[Prediction, ...]


def timeline(
    predict: Predict,
    opener: Opener,
    *,
    on_fault: OnFault,
    settings: ActivitySettings = DEFAULT_ACTIVITY,
) -> Timeline:
    """Find a recording's utterances and answer for each.

    Args:
        predict: computes a prediction for each of some utterances: `predict_each` or
            `predict_all` with a recognizer.
        opener: opens the recording anew each time.
        on_fault: told of an utterance that cannot be answered for, such as one that is silent.
        settings: what counts as speech.

    Raises:
        AudioError: the recording cannot be decoded, or nobody speaks in it.
    """
    with opener() as recording:
        name, track = recording.name, hear(recording)
    spans = find_speech(track, settings)
    if not spans:
        raise AudioError(f"{name}: no speech found; run without --timeline")
    with opener() as recording:
        waveforms = cut_out(recording, spans)
        predictions = tuple(_predicted(predict, waveforms, spans, name, on_fault))
    return Timeline(name, track, predictions)


def hear(recording: AudioStream) -> ActivityTrack:
    """Energy and voicing of every frame of a recording, in the memory of these two.

    Raises:
        AudioError: a block cannot be read.
    """
    descriptors = LowLevelDescriptors()
    columns = [descriptors.names.index(name) for name in ("energy", "voice_probability")]
    stream, n_samples = descriptors.stream(), 0
    parts = []
    for piece in merge_blocks(at_16_khz(recording)):
        parts.append(stream.push(piece)[:, columns])
        n_samples += len(piece)
    parts.append(stream.finish()[:, columns])
    energy, voicing = np.concatenate(parts).T
    return ActivityTrack(level_of(energy), voicing, descriptors.grid, n_samples / SAMPLE_RATE_HZ)


def cut_out(recording: AudioStream, spans: Iterable[Span]) -> Iterator[Waveform]:
    """The samples of spans at 16 kHz, equal to what `decode` gives for each as a segment.

    Args:
        recording: open, at its beginning.
        spans: in their order, not overlapping.

    Raises:
        AudioError: a block cannot be read.
    """
    reader, rate_hz = _Reader(recording.blocks), recording.rate_hz
    for span in spans:
        samples = reader.take(round(span.start_s * rate_hz), round(span.end_s * rate_hz))
        blocks = (samples[first : first + BLOCK] for first in range(0, len(samples), BLOCK))
        name = f"{recording.name}#{span.start_s:.3f}-{span.end_s:.3f}"
        yield read(AudioStream(name, rate_hz, len(samples), blocks))


class _Reader:
    """Samples of a recording by their numbers, in order, of which one block is kept."""

    def __init__(self, blocks: Iterator[Floats]) -> None:
        self._blocks = blocks
        self._held = np.empty(0, np.float32)
        self._first = 0  # number of the first sample held

    def take(self, start: int, stop: int) -> Floats:
        """Samples from `start` to before `stop`; fewer where the recording ends."""
        parts = [np.empty(0, np.float32)]
        while True:
            end = self._first + len(self._held)
            if start < end:
                parts.append(self._held[max(0, start - self._first) : stop - self._first])
            block = next(self._blocks, None) if stop > end else None
            if block is None:
                return np.concatenate(parts)
            self._first, self._held = end, block


def _predicted(
    predict: Predict,
    waveforms: Iterator[Waveform],
    spans: Sequence[Span],
    name: str,
    on_fault: OnFault,
) -> Iterator[Prediction]:
    each = zip(spans, waveforms, strict=True)
    while together := list(islice(each, TOGETHER)):
        predictions = predict([waveform for _, waveform in together])
        for (span, _), prediction in zip(together, predictions, strict=True):
            if prediction.error is not None:
                on_fault(prediction.error)
            else:
                yield replace(prediction, name=name, start_s=span.start_s, end_s=span.end_s)
