"""Live recognition: push samples as they come, get an interim prediction at any time.

Any thread may call anything. `push` only takes samples and never waits for the net; calls that
compute are serialized for each stream, and calls for different streams do not wait for each other.
So a service can push where samples arrive, decode all its streams in one thread, whose batches are
the larger for it, and end utterances in another.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.streaming_vad import StreamingVad
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, StreamingError
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.streaming import check_samples
from voxaffect.features.runtime import torch_threads
from voxaffect.model.streaming import streaming_net
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.streaming.batch import Predictor, predict_each
from voxaffect.streaming.frontend import Frontend, Progress, StreamInput, gain_so_far
from voxaffect.streaming.incremental import (
    CausalDecoder,
    IncrementalDecoder,
    RunningMeanDecoder,
    interim_prediction,
)
from voxaffect.streaming.recomputing import RecomputingDecoder, RepeatedDecoder
from voxaffect.streaming.speech_gate import SpeechGate
from voxaffect.systems.classifier import NetClassifier
from voxaffect.systems.row_classifier import RowClassifier

Floats = NDArray[np.float32]


class TooLongError(StreamingError):
    """A push would exceed the longest utterance."""


class LiveStream:
    """One utterance while it lasts; made by `LiveRecognizer.open`."""

    def __init__(self, live: LiveRecognizer, number: int, name: str) -> None:
        self.number, self.name = number, name
        self.latest = Prediction(name, start_s=0.0, end_s=0.0, is_final=False)
        self._live = live
        self._most = round(live.settings.longest_s * SAMPLE_RATE_HZ)
        self._decoding = Lock()  # guards progress; taken before the other where both are
        self._progress, self._gate = Progress(), SpeechGate()
        self._pushing = Lock()  # guards all below
        self._pieces: list[Floats] = []  # all samples
        self._n_heard = 0  # pieces of these that are in the speech
        self._vad = StreamingVad()
        self._speech: list[Floats] = []  # samples of active frames
        self._n_decoded = 0  # pieces of these
        self._n_samples = self._n_samples_decoded = 0
        self._power = 0.0  # sum of squares of the speech
        self.has_ended = False

    @property
    def pushed_s(self) -> float:
        """Seconds pushed so far."""
        return self._n_samples / SAMPLE_RATE_HZ

    @property
    def pending_s(self) -> float:
        """Seconds pushed that are in no prediction yet."""
        return (self._n_samples - self._n_samples_decoded) / SAMPLE_RATE_HZ

    @property
    def left_s(self) -> float:
        """Seconds that can still be pushed."""
        return (self._most - self._n_samples) / SAMPLE_RATE_HZ

    def push(self, samples: Floats) -> None:
        """Copy the next samples, float32 (n_samples,) at 16 kHz, mono, full scale 1, finite.

        Raises:
            FeatureError: they are of another type or shape, or not finite; none is taken.
            TooLongError: they exceed the longest utterance; none is taken.
            StreamingError: the stream has ended.
        """
        check_samples(samples)
        with self._pushing:
            self._check_open()
            if self._n_samples + len(samples) > self._most:
                raise TooLongError(
                    f"{self.name}: {self.pushed_s:.1f} s and {len(samples)} samples exceed the "
                    f"limit of {self._most / SAMPLE_RATE_HZ:g} s; finish it and open another"
                )
            self._pieces.append(samples.copy())
            self._n_samples += len(samples)

    def predict(self) -> Prediction:
        """Interim prediction of the utterance so far."""
        (prediction,) = self._live.predict([self])
        return prediction

    def finish(self, model: Predictor | None = None) -> Prediction:
        """End the utterance; equals `Recognizer.predict` of all its samples, or that of `model`.

        Raises:
            AudioError: all of it is silent, or there is none; it has ended nevertheless.
            StreamingError: the stream had ended.
        """
        waveform = Waveform(self._end(), self.name)
        (prediction,) = predict_each(model or self._live.recognizer, [waveform])
        if prediction.error is not None:
            raise prediction.error
        return _final(prediction)

    def drop(self) -> None:
        """End the utterance without a prediction."""
        with suppress(StreamingError):
            self._end()

    def _end(self) -> Floats:
        with self._pushing:
            self._check_open()
            self.has_ended = True
            pieces, self._pieces = self._pieces, []
        return np.concatenate([np.zeros(0, np.float32), *pieces])

    def _next_input(self) -> tuple[StreamInput, Sequence[Floats]] | None:
        """New speech, and all samples in pieces; None once it has ended."""
        with self._pushing:
            if self.has_ended:
                return None
            self._hear(self._pieces[self._n_heard :])
            new = self._speech[self._n_decoded :]
            self._n_decoded, self._n_samples_decoded = len(self._speech), self._n_samples
            gain = gain_so_far(self._power, sum(map(len, self._speech)))
            samples = np.concatenate([np.zeros(0, np.float32), *new])
            return StreamInput(self._progress, samples, [*self._speech], gain), [*self._pieces]

    def _hear(self, pieces: Sequence[Floats]) -> None:
        """Find the speech in new pieces: interim predictions are of what is active so far."""
        self._n_heard += len(pieces)
        ticks = self._vad.push(np.concatenate([np.zeros(0, np.float32), *pieces]))
        speech = [tick.speech for tick in ticks if tick.active.any()]
        self._speech += speech
        self._power += sum(float(np.square(of, dtype=np.float64).sum()) for of in speech)

    def _restart(self) -> None:
        """Forget what was computed: the next input holds all samples."""
        with self._pushing:
            self._progress = Progress()
            self._n_decoded = self._n_samples_decoded = 0

    def _check_open(self) -> None:
        if self.has_ended:
            raise StreamingError(f"{self.name}: the stream has ended; open another")


@dataclass(frozen=True)
class LiveSettings:
    """Settings of interim predictions; final ones do not depend on them, except on `longest_s`.

    Provisional ones use the last half second, whose pitch is not final and is taken as if the
    utterance ended here. It is decoded anew each time, which triples the net's work at four
    predictions a second; without it the first comes after a second.

    Raises:
        StreamingError: a setting is not positive.
    """

    longest_s: float = 60.0  # an utterance, whose samples are kept, 64 kB a second
    provisional: bool = True
    gain_tolerance_db: float = 3.0  # the gain may move so far before all is recomputed; inf: never

    def __post_init__(self) -> None:
        for name, most in {"longest_s": sys.float_info.max, "gain_tolerance_db": math.inf}.items():
            if not 0 < (value := getattr(self, name)) <= most:
                raise StreamingError(f"{name} = {value} is out of range; choose a positive number")


class LiveRecognizer:
    """Recognize many utterances at once with one recognizer, which must not be trained meanwhile.

    Raises:
        TrainingError: the recognizer is not trained.
    """

    def __init__(self, recognizer: TrainedRecognizer, settings: LiveSettings | None = None) -> None:
        recognizer.refuse_untrained()
        self.recognizer, self.settings = recognizer, settings or LiveSettings()
        self.decoder = self._fastest_decoder()
        self._numbers, self._registry = count(), Lock()
        self._open: WeakValueDictionary[int, LiveStream] = WeakValueDictionary()

    def _fastest_decoder(self) -> IncrementalDecoder:
        extractor, classifier = self.recognizer.extractor, self.recognizer.classifier
        if not isinstance(extractor, LowLevelDescriptors):
            return RepeatedDecoder(extractor, classifier)
        frontend = Frontend(extractor, self.settings.gain_tolerance_db)
        if isinstance(classifier, NetClassifier):
            net = streaming_net(classifier.net_)
            if net is not None:
                return CausalDecoder(frontend, classifier, net)
        if isinstance(classifier, RowClassifier) and classifier.row_summary.by_frame is not None:
            return RunningMeanDecoder(frontend, classifier)
        return RecomputingDecoder(frontend, classifier)

    def open(self, name: str = "live") -> LiveStream:
        """Begin an utterance."""
        with self._registry:
            number = next(self._numbers)
            self._open[number] = stream = LiveStream(self, number, name)
        return stream

    def pending(self, seconds: float = 0.0) -> list[LiveStream]:
        """Open streams with more than so many seconds that are in no prediction yet."""
        with self._registry:
            streams = list(self._open.values())
        return [s for s in streams if s.pending_s > seconds and not s.has_ended]

    def predict(
        self, streams: Sequence[LiveStream], *, provisional: bool | None = None
    ) -> list[Prediction]:
        """Interim predictions of streams opened here, in one batch, which costs far less.

        One that has ended gets its last. `provisional` is by default that of the settings.

        Raises:
            StreamingError: a stream belongs to another recognizer.
        """
        if any(stream._live is not self for stream in streams):
            raise StreamingError("a stream belongs to another recognizer; call that one's predict")
        provisional = self.settings.provisional if provisional is None else provisional
        ordered = sorted(set(streams), key=lambda stream: stream.number)
        with ExitStack() as stack, torch_threads(1):
            for stream in ordered:  # in one order everywhere, so that no two wait for each other
                stack.enter_context(stream._decoding)
            new = [s for s in ordered if s.pending_s > 0 and not s.has_ended]
            self._decode(new, provisional=provisional)
            return [stream.latest for stream in streams]

    def finish(self, streams: Sequence[LiveStream]) -> list[Prediction]:
        """End utterances in one batch, as their `finish` but for rounding; costs an LSTM half.

        One that is silent, or has no samples, has `error`.

        Raises:
            StreamingError: a stream had ended; those before it in order have ended now.
        """
        ended = [(stream._end(), stream.name) for stream in streams]
        predictions = predict_each(self.recognizer, [_waveform(*one) for one in ended])
        return [_final(prediction) for prediction in predictions]

    def _decode(self, streams: Sequence[LiveStream], *, provisional: bool) -> None:
        try:
            taken = [(s, *new) for s in streams if (new := s._next_input()) is not None]
            inputs = [new_input for _, new_input, _ in taken]
            found = self.decoder.advance(inputs, provisional=provisional)
            for row, (stream, _, heard) in enumerate(taken):
                posterior = found.get(row) if stream._gate.look(heard) else None
                stream.latest = interim_prediction(stream.name, posterior, sum(map(len, heard)))
        except BaseException:  # frames of any of the streams are lost
            for stream in streams:
                stream._restart()
            raise


def _waveform(samples: Floats, name: str) -> Waveform | Prediction:
    try:
        return Waveform(samples, name)
    except AudioError as fault:
        return Prediction(name, error=fault)


def _final(prediction: Prediction) -> Prediction:
    """The prediction of a stream's whole utterance, whose times begin with it."""
    return replace(prediction, start_s=0.0, end_s=prediction.duration_s, is_final=True)
