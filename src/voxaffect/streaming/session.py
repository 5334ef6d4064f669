"""What a recognizer needs for its first answer is loaded and compiled before anybody waits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import AudioError
from voxaffect.recognizer.recognizer import Prediction
from voxaffect.streaming.batch import Answering
from voxaffect.streaming.endpointer import DetectedUtterance, Endpointer
from voxaffect.streaming.online import LiveAnswer, LiveRecognizer, LiveStream

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class StreamedUtterance:
    """One that has ended.

    Args:
        start_s: where in the stream it began, in seconds.
        end_s: where it ended.
        outcome: its prediction, or why there is none: it was silent, or shorter than a frame.
    """

    start_s: float
    end_s: float
    outcome: Prediction | AudioError


class StreamSession:
    """Takes the samples of an endless stream and tells of its utterances.

    Args:
        live: hears them.
        endpointer: finds where they begin and end. Without one all is one utterance, or several
            where it is longer than the longest that is heard.
        answering: who answers for utterances that have ended; the recognizer unless given.
    """

    def __init__(
        self,
        live: LiveRecognizer,
        endpointer: Endpointer | None,
        answering: Answering | None = None,
    ) -> None:
        self._live, self._endpointer, self._answering = live, endpointer, answering
        self._stream: LiveStream | None = None
        self._start_s = 0.0
        self._n_samples = 0

    @property
    def start_s(self) -> float:
        """Where the utterance that is heard now began."""
        return self._start_s

    @property
    def stream(self) -> LiveStream | None:
        """The utterance that is heard now; None between utterances."""
        return self._stream

    @property
    def left_s(self) -> float:
        """Seconds until an utterance must end: the one that is heard now, or else the next."""
        return self._live.settings.longest_s if self._stream is None else self._stream.left_s

    def push(self, samples: Floats) -> list[StreamedUtterance]:
        """Take samples, float32 (n_samples,) at 16 kHz.

        Returns:
            the utterances that have ended.

        Raises:
            FeatureError: the samples are not as stated.
        """
        return [
            ended
            for passage in self._passages(samples)
            for ended in self._take(passage.samples, passage.start_s, ended=passage.ended)
        ]

    def answer(self) -> LiveAnswer | None:
        """What is said of the utterance so far; None between utterances."""
        return None if self._stream is None else self._stream.answer()

    def finish(self) -> list[StreamedUtterance]:
        """End the stream, and the utterance that is heard now."""
        ended = []
        for passage in self._endpointer.finish() if self._endpointer else ():
            ended += self._take(passage.samples, passage.start_s, ended=passage.ended)
        return ended + ([] if self._stream is None else [self._end(self._stream)])

    def _passages(self, samples: Floats) -> list[DetectedUtterance]:
        if self._endpointer is not None:
            return self._endpointer.push(samples)
        start_s = self._n_samples / SAMPLE_RATE_HZ
        self._n_samples += len(samples)
        return [DetectedUtterance(samples, start_s, ended=False)] if len(samples) else []

    def _take(self, samples: Floats, start_s: float, *, ended: bool) -> list[StreamedUtterance]:
        """Push a passage, in pieces where it is longer than an utterance may be."""
        finished: list[StreamedUtterance] = []
        while len(samples):
            stream = self._open(start_s)
            n = min(len(samples), round(stream.left_s * SAMPLE_RATE_HZ))
            stream.push(samples[:n])
            samples, start_s = samples[n:], start_s + n / SAMPLE_RATE_HZ
            if len(samples):
                finished.append(self._end(stream))
        if ended and self._stream is not None:
            finished.append(self._end(self._stream))
        return finished

    def _open(self, start_s: float) -> LiveStream:
        if self._stream is None:
            self._start_s = start_s
            self._stream = self._live.open(f"utterance at {start_s:.2f} s")
        return self._stream

    def _end(self, stream: LiveStream) -> StreamedUtterance:
        self._stream = None
        end_s = self._start_s + stream.pushed_s
        try:
            return StreamedUtterance(self._start_s, end_s, stream.finish(self._answering))
        except AudioError as fault:
            return StreamedUtterance(self._start_s, end_s, fault)


def warm_up(live: LiveRecognizer) -> None:
    """Have a hiss heard, as an endless stream and as an utterance."""
    listener = StreamSession(live, Endpointer())
    listener.push(hiss())
    listener.finish()
    stream = live.open("warm-up")
    stream.push(hiss()[: round(stream.left_s * SAMPLE_RATE_HZ)])
    stream.answer()
    stream.finish()


def hiss() -> Floats:
    """Two seconds of faint noise, float32 at 16 kHz, always the same."""
    noise = np.random.default_rng(0).normal(scale=0.01, size=2 * SAMPLE_RATE_HZ)
    return noise.astype(np.float32)
