"""What a recognizer needs for its first answer is loaded and compiled before anybody waits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.batch import Predictor
from voxaffect.streaming.endpointer import DetectedUtterance, Endpointer
from voxaffect.streaming.online import LiveRecognizer, LiveStream

Floats = NDArray[np.float32]

NAME = "live"
"""What predictions of a stream are called, where those of a file have its path."""


class StreamSession:
    """Takes the samples of an endless stream and tells of its utterances.

    Args:
        live: hears them.
        endpointer: finds where they begin and end. Without one all is one utterance, or several
            where it is longer than the longest that is heard.
        model: computes the predictions of utterances that have ended; the recognizer unless given.
    """

    def __init__(
        self,
        live: LiveRecognizer,
        endpointer: Endpointer | None,
        model: Predictor | None = None,
    ) -> None:
        self._live, self._endpointer, self._model = live, endpointer, model
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

    def push(self, samples: Floats) -> list[Prediction]:
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

    def answer(self) -> Prediction | None:
        """Interim prediction of the utterance so far; None between utterances."""
        return None if self._stream is None else self.placed(self._stream.answer())

    def placed(self, prediction: Prediction) -> Prediction:
        """The prediction of the utterance that lasts, with its times in the stream."""
        start_s, end_s = prediction.interval_s
        first_s = self._start_s
        return replace(prediction, name=NAME, start_s=first_s + start_s, end_s=first_s + end_s)

    def finish(self) -> list[Prediction]:
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

    def _take(self, samples: Floats, start_s: float, *, ended: bool) -> list[Prediction]:
        """Push a passage, in pieces where it is longer than an utterance may be."""
        finished: list[Prediction] = []
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

    def _end(self, stream: LiveStream) -> Prediction:
        self._stream = None
        try:
            prediction = stream.finish(self._model)
        except AudioError as fault:
            prediction = Prediction(NAME, is_final=True, error=fault)
        end_s = self._start_s + stream.pushed_s
        return replace(prediction, name=NAME, start_s=self._start_s, end_s=end_s)


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
