"""Segmentation of long recordings: their utterances and the prediction of each, in bounded memory.

The recording is decoded twice: once to find speech, once to cut the utterances out. They are cut at
the recording's own rate and then resampled, each by itself, as `decode` does with a segment of a
file; so predictions equal those of the segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import BLOCK, AudioStream, at_16_khz, read
from voxaffect.audio.rumble import RumbleFilter
from voxaffect.audio.speech import REMEDY
from voxaffect.audio.streaming_vad import TrackStream
from voxaffect.audio.vad import ActivityTrack
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, NoSpeechError
from voxaffect.features.frames import merge_blocks
from voxaffect.recognizer.prediction import NO_SPEECH, Prediction
from voxaffect.recognizer.recording import Opener
from voxaffect.streaming.endpointer import SampleBuffer
from voxaffect.streaming.spans import Span, find_speech

TOGETHER = 64
"""Utterances in memory at once: mostly three minutes of samples, at most sixteen."""

Floats = NDArray[np.float32]
OnFault = Callable[[AudioError], None]
Predict = Callable[[Sequence[Waveform]], Iterable[Prediction]]


class Timeline(NamedTuple):
    """A recording's name, levels, and utterances in order."""

    name: str
    track: ActivityTrack
    utterances: tuple[Prediction, ...]


def timeline(predict: Predict, opener: Opener, *, on_fault: OnFault) -> Timeline:
    """Find a recording's utterances and predict each; `opener` opens it anew each time.

    `on_fault` gets the error of an utterance without a prediction, such as a silent one. What turns
    out to be no speech is left out.

    Raises:
        AudioError: the recording cannot be decoded.
        NoSpeechError: it holds no speech.
    """
    with opener() as recording:
        name, track = recording.name, activity_track(recording)
    spans = find_speech(track)
    utterances: list[Prediction] = []
    n_faults = 0
    with opener() as recording:
        segments = zip(spans, cut_segments(recording, spans), strict=True)
        while together := list(islice(segments, TOGETHER)):
            predictions = predict([waveform for _, waveform in together])
            for (span, _), one in zip(together, predictions, strict=True):
                if one.error is not None:
                    on_fault(one.error)
                    n_faults += 1
                elif one.label != NO_SPEECH:
                    utterances.append(replace(one, name=name, **span._asdict()))
    if not utterances and not n_faults:
        raise NoSpeechError(f"{name}: no speech found; {REMEDY}")
    return Timeline(name, track, tuple(utterances))


def activity_track(recording: AudioStream) -> ActivityTrack:
    """Level and voicing of every frame of a recording, in the memory of these two.

    Raises:
        AudioError: a block cannot be read.
    """
    rumble, track, n_samples = RumbleFilter(), TrackStream(), 0
    parts = []
    for piece in merge_blocks(at_16_khz(recording)):
        parts.append(track.push(rumble.push(piece)))
        n_samples += len(piece)
    parts += [track.push(rumble.finish()), track.finish()]
    level_db = np.concatenate([part.level_db for part in parts])
    voicing = np.concatenate([part.voicing for part in parts])
    return ActivityTrack(level_db, voicing, n_samples / SAMPLE_RATE_HZ)


def cut_segments(recording: AudioStream, spans: Iterable[Span]) -> Iterator[Waveform]:
    """Samples of segments at 16 kHz, in order, not overlapping; equal to those of `decode`.

    Raises:
        AudioError: a block cannot be read.
    """
    buffer, rate_hz = SampleBuffer(), recording.rate_hz
    for span in spans:
        start, end = round(span.start_s * rate_hz), round(span.end_s * rate_hz)
        while buffer.end < end and (block := next(recording.blocks, None)) is not None:
            buffer.take_until(start)
            buffer.add(block)
        buffer.take_until(start)
        samples = buffer.take_until(end)
        blocks = (samples[first : first + BLOCK] for first in range(0, len(samples), BLOCK))
        name = f"{recording.name}#{span.start_s:.3f}-{span.end_s:.3f}"
        yield read(AudioStream(name, rate_hz, len(samples), blocks))
