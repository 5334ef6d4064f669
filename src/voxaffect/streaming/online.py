"""Live recognition: samples are pushed as they come, an answer can be had at any time.

One rule for threads: any thread may call anything. `push` only takes samples and never waits for
the net; what is asked of a stream is answered one call after the other, and calls for different
streams do not wait for each other. So a service pushes where samples arrive, hears all its streams
in one thread, whose batches are the larger for it, and ends utterances in another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from typing import Any, Protocol
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, StreamingError, TrainingError
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.streaming import check_samples
from voxaffect.features.runtime import torch_threads
from voxaffect.model.streaming import causal_net
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.streaming.batch import Predictor, predict_decoded
from voxaffect.streaming.decoder import IncrementalDecoder, StreamInput, interim_prediction
from voxaffect.streaming.frontend import Frontend, RunningGain
from voxaffect.streaming.incremental import CausalDecoder, RecomputingDecoder, RepeatedDecoder

Floats = NDArray[np.float32]


class TooLongError(StreamingError):
    """A push would make an utterance longer than is kept."""


class StreamHost(Protocol):
    """Whoever opens streams and hears them."""

    recognizer: NetRecognizer

    def answers(self, streams: Sequence[LiveStream], /) -> list[Prediction]:
        """Hear what was pushed to some streams, and answer for each."""

    def forget(self, stream: LiveStream, /) -> None:
        """Count a stream as open no longer."""


class LiveStream:
    """One utterance while it lasts; `LiveRecognizer.open` makes them.

    Attributes:
        number: of the stream, counted by its recognizer.
        name: what its prediction and errors call it.
        latest: the last answer that was given.
    """

    def __init__(
        self,
        home: StreamHost,
        hearing: IncrementalDecoder[Any],
        number: int,
        name: str,
        longest_s: float,
    ) -> None:
        self.number, self.name = number, name
        self.latest = Prediction(name, start_s=0.0, end_s=0.0, is_final=False)
        self._home, self._hearing = home, hearing
        self._most = round(longest_s * SAMPLE_RATE_HZ)
        self._heard_by_one = Lock()  # guards progress; taken before the other where both are
        self._progress = hearing.begin()
        self._taking = Lock()  # guards all below
        self._pieces: list[Floats] = []  # all samples
        self._n_heard = 0  # pieces of these
        self._n_samples = self._n_samples_heard = 0
        self._gain = RunningGain()
        self._ended = False

    @property
    def has_ended(self) -> bool:
        """Whether it was finished or dropped."""
        return self._ended

    @property
    def pushed_s(self) -> float:
        """Seconds that were pushed."""
        return self._n_samples / SAMPLE_RATE_HZ

    @property
    def unheard_s(self) -> float:
        """Seconds of these that no answer rests on."""
        return (self._n_samples - self._n_samples_heard) / SAMPLE_RATE_HZ

    @property
    def left_s(self) -> float:
        """Seconds that can still be pushed."""
        return (self._most - self._n_samples) / SAMPLE_RATE_HZ

    def push(self, samples: Floats) -> None:
        """Take the next samples; nothing is computed.

        Args:
            samples: float32 (n_samples,) at 16 kHz, mono, full scale 1, finite; from none to any
                number. They are copied.

        Raises:
            FeatureError: the samples are not as stated; none is taken.
            TooLongError: there are more than fit; none is taken.
            StreamingError: the stream has ended.
        """
        check_samples(samples)
        with self._taking:
            self._refuse_ended()
            if self._n_samples + len(samples) > self._most:
                raise TooLongError(
                    f"{self.name}: {self.pushed_s:.1f} s and {len(samples)} samples more pass the "
                    f"limit of {self._most / SAMPLE_RATE_HZ:g} s; finish it and open another"
                )
            self._pieces.append(samples.copy())
            self._n_samples += len(samples)
            self._gain.add(samples)

    def answer(self) -> Prediction:
        """Hear what was pushed, and say what the utterance so far comes to."""
        (answer,) = self._home.answers([self])
        return answer

    def finish(self, model: Predictor | None = None) -> Prediction:
        """End the utterance; its prediction is `Recognizer.predict` of all its samples.

        Args:
            model: computes the prediction; the recognizer of the stream unless given.

        Raises:
            AudioError: all of it is silent or shorter than a frame; it has ended all the same.
            StreamingError: the stream has ended before.
        """
        model = model or self._home.recognizer
        (prediction,) = model.predict([Waveform(self._end(), self.name)])
        return _final(prediction)

    def drop(self) -> None:
        """End the utterance without a prediction; one that has ended stays so."""
        with suppress(StreamingError):
            self._end()

    def _end(self) -> Floats:
        """Let nothing more in, and give all samples away."""
        with self._taking:
            self._refuse_ended()
            self._ended = True
            pieces, self._pieces = self._pieces, []
        self._home.forget(self)
        return np.concatenate([np.zeros(0, np.float32), *pieces])

    def _turn(self) -> tuple[StreamInput, int] | None:
        """What is new since the last turn, and how many samples in all; None once it has ended."""
        with self._taking:
            if self._ended:
                return None
            new = self._pieces[self._n_heard :]
            self._n_heard, self._n_samples_heard = len(self._pieces), self._n_samples
            samples = np.concatenate([np.zeros(0, np.float32), *new])
            turn = StreamInput(self._progress, samples, list(self._pieces), self._gain.factor)
            return turn, self._n_samples

    def _hear_again(self) -> None:
        """Forget what was computed: the next turn brings all samples."""
        with self._taking:
            self._progress = self._hearing.begin()
            self._n_heard = self._n_samples_heard = 0

    def _refuse_ended(self) -> None:
        if self._ended:
            raise StreamingError(f"{self.name}: has ended; open another stream")


__all__ = ["LiveRecognizer", "LiveSettings", "LiveStream", "TooLongError", "choose"]


@dataclass(frozen=True)
class LiveSettings:
    """How utterances are heard while they last. What `finish` says does not depend on it.

    Args:
        longest_s: an utterance's length at most, in seconds: its samples are kept until its end,
            64 kB a second.
        provisional: whether answers rest also on the last half second, whose pitch is not certain
            yet and is taken as if the utterance ended here. It is heard anew for each answer, which
            at four answers a second triples the net's work; without it the first answer comes
            after a second.
        gain_tolerance_db: how far the gain of the utterance so far may move before all of it is
            heard again, at the gain of then; infinite, it never is.

    Raises:
        StreamingError: a setting is impossible.
    """

    longest_s: float = 60.0
    provisional: bool = True
    gain_tolerance_db: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.longest_s < math.inf:
            raise StreamingError(f"longest_s = {self.longest_s}; choose a positive number")
        if not self.gain_tolerance_db > 0:
            raise StreamingError(
                f"gain_tolerance_db = {self.gain_tolerance_db}; choose a positive number"
            )


class LiveRecognizer:
    """Hears many utterances at once with one recognizer.

    Args:
        recognizer: a trained one; it must not be trained again meanwhile.
        settings: how utterances are heard while they last.

    Raises:
        TrainingError: the recognizer was never trained.
    """

    def __init__(self, recognizer: NetRecognizer, settings: LiveSettings | None = None) -> None:
        if not hasattr(recognizer.classifier, "net_"):
            raise TrainingError("this recognizer was never trained; fit it, or load a trained one")
        self.recognizer, self.settings = recognizer, settings or LiveSettings()
        self._hearing = choose(recognizer, self.settings)
        self._numbers, self._registry = count(), Lock()
        self._open: WeakValueDictionary[int, LiveStream] = WeakValueDictionary()

    def open(self, name: str = "live") -> LiveStream:
        """Begin an utterance.

        Args:
            name: what its prediction and errors call it.
        """
        with self._registry:
            stream = LiveStream(
                self, self._hearing, next(self._numbers), name, self.settings.longest_s
            )
            self._open[stream.number] = stream
        return stream

    def due(self, seconds: float = 0.0) -> list[LiveStream]:
        """Open streams of which more than so many seconds were pushed and not heard."""
        with self._registry:
            streams = list(self._open.values())
        return [stream for stream in streams if stream.unheard_s > seconds]

    def answers(
        self, streams: Sequence[LiveStream], *, provisional: bool | None = None
    ) -> list[Prediction]:
        """Hear what was pushed to some streams, and answer for each.

        The frames of all of them go through the net together, which costs far less than one stream
        after the other. The answers are the same, but for rounding.

        Args:
            streams: opened here; for one that has ended, its last answer is given again.
            provisional: whether these answers rest also on what is not certain yet; as the settings
                say unless given.

        Raises:
            StreamingError: a stream is another recognizer's.
        """
        if any(stream._home is not self for stream in streams):
            raise StreamingError("a stream of another recognizer; ask that one for its answer")
        provisional = self.settings.provisional if provisional is None else provisional
        ordered = sorted(set(streams), key=lambda stream: stream.number)
        with ExitStack() as stack, torch_threads(1):
            for stream in ordered:  # in one order everywhere, so that no two wait for each other
                stack.enter_context(stream._heard_by_one)
            new = [s for s in ordered if s.unheard_s > 0 and not s.has_ended]
            self._hear(new, provisional=provisional)
            return [stream.latest for stream in streams]

    def finish(self, streams: Sequence[LiveStream]) -> list[Prediction]:
        """End several utterances, and predict them together, which costs an LSTM about half.

        The predictions are those of each stream's own `finish` but for rounding.

        Returns:
            for each its prediction; one that is silent or shorter than a frame has `error`.

        Raises:
            StreamingError: a stream has ended before; those before it in order have ended now.
        """
        ended = [(stream._end(), stream.name) for stream in streams]
        predictions = predict_decoded(self.recognizer, [_waveform(*one) for one in ended])
        return [_final(prediction) for prediction in predictions]

    def forget(self, stream: LiveStream) -> None:
        """Count a stream as open no longer."""
        with self._registry:
            self._open.pop(stream.number, None)

    def _hear(self, streams: Sequence[LiveStream], *, provisional: bool) -> None:
        grid = self.recognizer.extractor.grid
        with _again_unless_well(streams):
            taken = [(stream, *news) for stream in streams if (news := stream._turn()) is not None]
            turns = [turn for _, turn, _ in taken]
            verdicts = self._hearing.advance(turns, provisional=provisional)
            for (stream, _, n_samples), verdict in zip(taken, verdicts, strict=True):
                stream.latest = interim_prediction(stream.name, verdict, n_samples, grid)


def choose(recognizer: NetRecognizer, settings: LiveSettings) -> IncrementalDecoder[Any]:
    """The cheapest way of hearing utterances while they last that a recognizer allows."""
    extractor, classifier = recognizer.extractor, recognizer.classifier
    if not isinstance(extractor, LowLevelDescriptors):
        return RepeatedDecoder(extractor, classifier)
    frontend = Frontend(extractor, settings.gain_tolerance_db)
    net = causal_net(classifier.net_)
    if net is None:
        return RecomputingDecoder(frontend, classifier)
    return CausalDecoder(frontend, classifier, net)


def _waveform(samples: NDArray[np.float32], name: str) -> Waveform | Prediction:
    try:
        return Waveform(samples, name)
    except AudioError as fault:
        return Prediction(name, error=fault)


def _final(prediction: Prediction) -> Prediction:
    """The prediction of a stream's whole utterance, whose times begin with it."""
    return replace(prediction, start_s=0.0, end_s=prediction.duration_s, is_final=True)


@contextmanager
def _again_unless_well(streams: Sequence[LiveStream]) -> Iterator[None]:
    """A pass that breaks off has lost frames of any of its streams: these are heard again."""
    try:
        yield
    except BaseException:
        for stream in streams:
            stream._hear_again()
        raise
