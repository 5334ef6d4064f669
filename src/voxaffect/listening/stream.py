"""One utterance while it lasts: takes samples at any time, and is heard by one thread at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import ListeningError
from voxaffect.features.descriptors.feed import refuse_no_samples
from voxaffect.listening.answer import LiveAnswer
from voxaffect.listening.answering import Answering
from voxaffect.listening.gain import RunningGain
from voxaffect.listening.hearing import Hearing, Turn
from voxaffect.recognizer import Prediction, Recognizer

Floats = NDArray[np.float32]


class TooLongError(ListeningError):
    """A push would make an utterance longer than is kept."""


class Home(Protocol):
    """Whoever opens streams and hears them."""

    recognizer: Recognizer

    def answers(self, streams: Sequence[LiveStream], /) -> list[LiveAnswer]:
        """Hear what was pushed to some streams, and answer for each."""

    def forget(self, stream: LiveStream, /) -> None:
        """Count a stream as open no longer."""


class LiveStream:
    """One utterance while it lasts; `LiveRecognizer.open` makes them.

    Attributes:
        number: of the stream, counted by its recogniser.
        name: what its prediction and errors call it.
        latest: the last answer that was given.
    """

    def __init__(
        self, home: Home, hearing: Hearing[Any], number: int, name: str, longest_s: float
    ) -> None:
        self.number, self.name = number, name
        self.latest = LiveAnswer()
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
            ListeningError: the stream has ended.
        """
        refuse_no_samples(samples)
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

    def answer(self) -> LiveAnswer:
        """Hear what was pushed, and say what the utterance so far comes to."""
        (answer,) = self._home.answers([self])
        return answer

    def finish(self, answering: Answering | None = None) -> Prediction:
        """End the utterance; its prediction is `Recognizer.predict` of all its samples.

        Args:
            answering: who answers; the recogniser that has heard it unless given.

        Raises:
            AudioError: all of it is silent or shorter than a frame; it has ended all the same.
            ListeningError: the stream has ended before.
        """
        answering = answering or self._home.recognizer
        (prediction,) = answering.predict([Waveform(self._end(), self.name)])
        return prediction

    def drop(self) -> None:
        """End the utterance without a prediction; one that has ended stays so."""
        with suppress(ListeningError):
            self._end()

    def _end(self) -> Floats:
        """Let nothing more in, and give all samples away."""
        with self._taking:
            self._refuse_ended()
            self._ended = True
            pieces, self._pieces = self._pieces, []
        self._home.forget(self)
        return np.concatenate([np.zeros(0, np.float32), *pieces])

    def _turn(self) -> tuple[Turn, int] | None:
        """What is new since the last turn, and how many samples in all; None once it has ended."""
        with self._taking:
            if self._ended:
                return None
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
