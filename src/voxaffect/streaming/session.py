"""Stream sessions: an endless stream in, its utterances out."""

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

NAME = "live"  # of a stream's predictions, where those of a file have its path


class StreamSession:
    """Predict the utterances of an endless stream.

    Without an endpointer all is one utterance, or several where it is longer than the longest.
    Final predictions are those of `model`, by default the live recognizer's.
    """

    def __init__(
        self, live: LiveRecognizer, endpointer: Endpointer | None, model: Predictor | None = None
    ) -> None:
        self._live, self._endpointer, self._model = live, endpointer, model
        self.stream: LiveStream | None = None  # the current utterance, None between utterances
        self.start_s = 0.0  # where it began
        self._n_samples = 0

    @property
    def left_s(self) -> float:
        """Seconds until an utterance must end: the current one, or else the next."""
        return self._live.settings.longest_s if self.stream is None else self.stream.left_s

    def push(self, samples: Floats) -> list[Prediction]:
        """Take samples, float32 (n_samples,) at 16 kHz; return the utterances that have ended.

        Raises:
            FeatureError: the samples are of another type or shape, or not finite.
        """
        if self._endpointer is not None:
            return self._take(self._endpointer.push(samples))
        start_s = self._n_samples / SAMPLE_RATE_HZ
        self._n_samples += len(samples)
        return self._take([DetectedUtterance(samples, start_s, ended=False)])

    def predict(self) -> Prediction | None:
        """Interim prediction of the current utterance; None between utterances."""
        return None if self.stream is None else self.placed(self.stream.predict())

    def placed(self, prediction: Prediction) -> Prediction:
        """A prediction of the current utterance with its times in the stream."""
        start_s, end_s = (self.start_s + at_s for at_s in prediction.interval_s)
        return replace(prediction, name=NAME, start_s=start_s, end_s=end_s)

    def finish(self) -> list[Prediction]:
        """End the stream and the current utterance."""
        ended = self._take(self._endpointer.finish()) if self._endpointer else []
        return ended + ([] if self.stream is None else [self._end(self.stream)])

    def _take(self, detected: list[DetectedUtterance]) -> list[Prediction]:
        """Push detected speech, in pieces where it is longer than the longest utterance."""
        finished: list[Prediction] = []
        for samples, start_s, ended in detected:
            first = 0
            while first < len(samples):
                stream = self._open(start_s + first / SAMPLE_RATE_HZ)
                end = first + min(len(samples) - first, round(stream.left_s * SAMPLE_RATE_HZ))
                stream.push(samples[first:end])
                first = end
                if first < len(samples):
                    finished.append(self._end(stream))
            if ended and self.stream is not None:
                finished.append(self._end(self.stream))
        return finished

    def _open(self, start_s: float) -> LiveStream:
        if self.stream is None:
            self.start_s = start_s
            self.stream = self._live.open(f"utterance at {start_s:.2f} s")
        return self.stream

    def _end(self, stream: LiveStream) -> Prediction:
        self.stream = None
        try:
            prediction = stream.finish(self._model)
        except AudioError as fault:
            prediction = Prediction(NAME, is_final=True, error=fault)
        end_s = self.start_s + stream.pushed_s
        return replace(prediction, name=NAME, start_s=self.start_s, end_s=end_s)


def warm_up(live: LiveRecognizer) -> None:
    """Process a voice as a stream and as an utterance, so that all is loaded and compiled."""
    session = StreamSession(live, Endpointer())
    session.push(made_up_voice())
    session.finish()
    stream = live.open("warm-up")
    stream.push(made_up_voice()[: round(stream.left_s * SAMPLE_RATE_HZ)])
    stream.predict()
    stream.finish()


def made_up_voice() -> Floats:
    """Two seconds of gliding harmonics in syllables, which pass for speech; float32 at 16 kHz."""
    time = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (140 * time + 5 * np.sin(3 * time))
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 12))
    syllables = np.square(np.sin(2 * np.pi * 1.5 * time))
    noise = np.random.default_rng(0).normal(scale=1e-3, size=time.size)
    return np.asarray(0.1 * syllables * harmonics + noise, np.float32)
