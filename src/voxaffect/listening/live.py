"""Live recognition: samples are pushed as they come, an answer can be had at any time.

One rule for threads: any thread may call anything. `push` only takes samples and never waits for
the net; what is asked of a stream is answered one call after the other, and calls for different
streams do not wait for each other. So a service pushes where samples arrive, and hears its streams
in as many threads as there are cores, each stream always in the same one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import ListeningError, TrainingError
from voxaffect.features.descriptors.feed import refuse_no_samples
from voxaffect.features.descriptors.lld import LowLevelDescriptors
from voxaffect.features.threads import threads
from voxaffect.listening.causal import CausalHearing
from voxaffect.listening.frames import Frontend
from voxaffect.listening.gain import RunningGain
from voxaffect.listening.hearing import Hearing, Turn, Verdict
from voxaffect.listening.whole import RepeatedHearing, WholeHearing
from voxaffect.model.carried import causal_net
from voxaffect.recognizer import Prediction, Recognizer
from voxaffect.taxonomy import EMOTION, TASKS

Floats = NDArray[np.float32]


class TooLongError(ListeningError):
    """A push would make an utterance longer than is kept."""


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
        ListeningError: a setting is impossible.
    """

    longest_s: float = 60.0
    provisional: bool = True
    gain_tolerance_db: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.longest_s < math.inf:
            raise ListeningError(f"longest_s = {self.longest_s}; choose a positive number")
        if not self.gain_tolerance_db > 0:
            raise ListeningError(
                f"gain_tolerance_db = {self.gain_tolerance_db}; choose a positive number"
            )


@dataclass(frozen=True)
class LiveAnswer:
    """What is said of an utterance so far.

    Args:
        label: the emotion class of the highest probability; None where nothing was heard yet: all
            samples are silent, or there are too few.
        probabilities: emotion class -> probability; empty where nothing was heard.
        subtasks: task -> class -> mean posterior, for the subtasks that the net has learned.
        heard_s: seconds of the utterance that the answer rests on.
        pushed_s: seconds of it that had been pushed.
    """

    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    subtasks: dict[str, dict[str, float]] = field(default_factory=dict)
    heard_s: float = 0.0
    pushed_s: float = 0.0


class LiveRecognizer:
    """Hears many utterances at once with one recogniser.

    Args:
        recognizer: a trained one; it must not be trained again meanwhile.
        settings: how utterances are heard while they last.

    Raises:
        TrainingError: the recogniser was never trained.
    """

    def __init__(self, recognizer: Recognizer, settings: LiveSettings | None = None) -> None:
        if not hasattr(recognizer.classifier, "net_"):
            raise TrainingError("this recogniser was never trained; fit it, or load a trained one")
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
            stream = LiveStream(self, self._hearing, next(self._numbers), name)
            self._open[stream.number] = stream
        return stream

    def due(self, seconds: float = 0.0) -> list[LiveStream]:
        """Open streams of which more than so many seconds were pushed and not heard."""
        with self._registry:
            streams = list(self._open.values())
        return [stream for stream in streams if stream.unheard_s > seconds]

    def answers(self, streams: Sequence[LiveStream]) -> list[LiveAnswer]:
        """Hear what was pushed to some streams, and answer for each.

        The frames of all of them go through the net together, which costs far less than one stream
        after the other. The answers are the same, but for rounding.

        Args:
            streams: of this recogniser; for one that has ended, its last answer is given again.
        """
        ordered = sorted(set(streams), key=lambda stream: stream.number)
        with ExitStack() as stack, threads(1):
            for stream in ordered:  # in one order everywhere, so that no two wait for each other
                stack.enter_context(stream._heard_by_one)
            self._hear([s for s in ordered if s.unheard_s > 0 and not s.has_ended])
            return [stream.latest for stream in streams]

    def _hear(self, streams: Sequence[LiveStream]) -> None:
        with _again_unless_well(streams):
            turns, pushed = zip(*(s._turn() for s in streams), strict=True) if streams else ((), ())
            verdicts = self._hearing.advance(turns) if turns else []
            for stream, verdict, n_samples in zip(streams, verdicts, pushed, strict=True):
                stream.latest = self._answer(verdict, n_samples)

    def _answer(self, verdict: Verdict | None, n_samples: int) -> LiveAnswer:
        pushed_s = n_samples / SAMPLE_RATE_HZ
        if verdict is None:
            return LiveAnswer(pushed_s=pushed_s)
        grid = self.recognizer.extractor.grid
        heard = (verdict.n_frames - 1) * grid.hop_samples + grid.window_samples
        return LiveAnswer(
            EMOTION.classes[int(verdict.probabilities.argmax())],
            _named(EMOTION.name, verdict.probabilities),
            {task: _named(task, values) for task, values in verdict.subtasks.items()},
            heard / SAMPLE_RATE_HZ,
            pushed_s,
        )

    def _forget(self, stream: LiveStream) -> None:
        with self._registry:
            self._open.pop(stream.number, None)


class LiveStream:
    """One utterance while it lasts; `LiveRecognizer.open` makes them.

    Attributes:
        number: of the stream, counted by its recogniser.
        name: what its prediction and errors call it.
        latest: the last answer that was given.
    """

    def __init__(self, live: LiveRecognizer, hearing: Hearing[Any], number: int, name: str) -> None:
        self.number, self.name = number, name
        self.latest = LiveAnswer()
        self._live, self._hearing = live, hearing
        self._most = round(live.settings.longest_s * SAMPLE_RATE_HZ)
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
            ListeningError: the stream has ended.
        """
        refuse_no_samples(samples)
        with self._taking:
            self._refuse_ended()
            if self._n_samples + len(samples) > self._most:
                raise TooLongError(
                    f"{self.name}: {self.pushed_s:.1f} s and {len(samples)} samples more pass the "
                    f"limit of {self._live.settings.longest_s:g} s; finish it and open another"
                )
            self._pieces.append(samples.copy())
            self._n_samples += len(samples)
            self._gain.add(samples)

    def answer(self) -> LiveAnswer:
        """Hear what was pushed, and say what the utterance so far comes to."""
        (answer,) = self._live.answers([self])
        return answer

    def finish(self) -> Prediction:
        """End the utterance; its prediction is `Recognizer.predict` of all its samples.

        Raises:
            AudioError: all of it is silent or shorter than a frame; it has ended all the same.
            ListeningError: the stream has ended before.
        """
        (prediction,) = self._live.recognizer.predict([Waveform(self._end(), self.name)])
        return prediction

    def drop(self) -> None:
        """End the utterance without a prediction; one that has ended stays so."""
        if not self._ended:
            self._end()

    def _end(self) -> Floats:
        """Let nothing more in, and give all samples away."""
        with self._taking:
            self._refuse_ended()
            self._ended = True
            pieces, self._pieces = self._pieces, []
        self._live._forget(self)
        return np.concatenate([np.zeros(0, np.float32), *pieces])

    def _turn(self) -> tuple[Turn, int]:
        """What is new since the last turn, and how many samples there are in all."""
        with self._taking:
            new = self._pieces[self._n_heard :]
            self._n_heard, self._n_samples_heard = len(self._pieces), self._n_samples
            samples = np.concatenate([np.zeros(0, np.float32), *new])
            turn = Turn(self._progress, samples, list(self._pieces), self._gain.factor)
            return turn, self._n_samples

    def _hear_again(self) -> None:
        """Forget what was computed: the next turn brings all samples."""
        with self._taking:
            self._progress = self._hearing.begin()
            self._n_heard = self._n_samples_heard = 0

    def _refuse_ended(self) -> None:
        if self._ended:
            raise ListeningError(f"{self.name}: has ended; open another stream")


def choose(recognizer: Recognizer, settings: LiveSettings) -> Hearing[Any]:
    """The cheapest way of hearing utterances while they last that a recogniser allows."""
    extractor, classifier = recognizer.extractor, recognizer.classifier
    if not isinstance(extractor, LowLevelDescriptors):
        return RepeatedHearing(extractor, classifier)
    tolerance_db, provisional = settings.gain_tolerance_db, settings.provisional
    frontend = Frontend(extractor, tolerance_db, provisional=provisional)
    net = causal_net(classifier.net_)
    if net is None:
        return WholeHearing(frontend, classifier)
    return CausalHearing(frontend, classifier, net)


@contextmanager
def _again_unless_well(streams: Sequence[LiveStream]) -> Iterator[None]:
    """A pass that breaks off has lost frames of any of its streams: these are heard again."""
    went_well = False
    try:
        yield
        went_well = True
    finally:
        for stream in () if went_well else streams:
            stream._hear_again()


def _named(task: str, values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(v) for name, v in zip(TASKS[task].classes, values, strict=True)}
