"""Endpointer: voice activity detection in a stream, while it lasts.

A pause as long as the hangover ends an utterance; its samples are held until it is known whether it
is one. Decisions are made every 0.1 s of the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.streaming_vad import Activity, StreamingVad
from voxaffect.audio.vad import HOP
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import ConfigError
from voxaffect.features.lld.streaming import check_samples
from voxaffect.streaming.spans import UtteranceSettings

Floats = NDArray[np.float32]

HOLD_S = 2.0  # of samples are kept while it is not known whether somebody speaks


@dataclass(frozen=True)
class EndpointSettings(UtteranceSettings):
    """Utterances in a stream: they end with a pause of `hangover_s`, or after `longest_s`."""

    hangover_s: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.1 <= self.hangover_s <= HOLD_S:
            raise ConfigError(
                f"hangover_s = {self.hangover_s} is out of range; choose 0.1 to {HOLD_S:g}"
            )
        shortest_s = max(1.0, 2 * self.shortest_s)
        if self.longest_s < shortest_s:
            raise ConfigError(
                f"longest_s = {self.longest_s} is too short; choose at least {shortest_s:g}"
            )


class DetectedUtterance(NamedTuple):
    """The next samples of an utterance."""

    samples: Floats  # (n_samples,), continuing those before of the same utterance
    start_s: float  # position of the first in the stream
    ended: bool  # whether the utterance ends with them; the next samples begin another


class Endpointer:
    """Split one endless stream into utterances."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self._settings = settings or EndpointSettings()
        self._edge = round(self._settings.edge_s * SAMPLE_RATE_HZ)
        self._vad = StreamingVad(self._settings.vad)
        self._held = SampleBuffer()
        self._n_frames = 0
        self._candidate: _Candidate | None = None
        self._is_open = False  # whether the candidate is an utterance

    def push(self, samples: Floats) -> list[DetectedUtterance]:
        """Take samples, float32 (n_samples,) at 16 kHz; return those known to be in utterances.

        Raises:
            FeatureError: the samples are of another type or shape, or not finite.
        """
        check_samples(samples)
        self._held.add(samples)
        return [found for tick in self._vad.push(samples) for found in self._tick(tick)]

    def finish(self) -> list[DetectedUtterance]:
        """End the stream and the open utterance; nothing can be pushed afterwards."""
        found = [found for tick in self._vad.finish() for found in self._tick(tick)]
        if self._is_open:
            found += self._emit(self._held.end, ended=True)
        return found

    def _tick(self, tick: Activity) -> Iterator[DetectedUtterance]:
        active = tick.active
        if active.any():
            n_voiced = int(tick.voiced.sum())
            frames = self._n_frames + np.flatnonzero(active)
            start, _, before = self._candidate or (int(frames[0]), 0, 0)
            self._candidate = _Candidate(start, int(frames[-1]) + 1, before + n_voiced)
        self._n_frames += len(active)
        if self._candidate is None:
            self._drop_before(self._n_frames)
        else:
            yield from self._decide(self._candidate)

    def _decide(self, candidate: _Candidate) -> Iterator[DetectedUtterance]:
        settings = self._settings
        self._is_open = self._is_open or (
            candidate.n_voiced >= self._frames(settings.voiced_s)
            and candidate.end - candidate.start >= self._frames(settings.shortest_s)
        )
        is_over = self._n_frames - candidate.end >= self._frames(settings.hangover_s)
        earliest = self._n_frames - self._frames(HOLD_S)
        if self._is_open:
            is_long = self._n_frames - candidate.start >= self._frames(settings.longest_s)
            yield from self._emit(self._sample(self._n_frames), ended=is_over or is_long)
        elif is_over:
            self._candidate = None
            self._drop_before(self._n_frames)
        elif candidate.start < earliest:  # a noise that goes on
            self._candidate = candidate._replace(start=earliest)
            self._drop_before(earliest)

    def _emit(self, n_known: int, *, ended: bool) -> Iterator[DetectedUtterance]:
        """New samples of the utterance and an edge after it, of the `n_known` analyzed so far."""
        assert self._candidate is not None  # noqa: S101 an utterance is open
        self._drop_before(self._candidate.start)
        first, end = self._held.first, self._sample(self._candidate.end) + self._edge
        samples = self._held.take_until(min(end, n_known))
        if ended:
            self._candidate, self._is_open = None, False
        if len(samples) or ended:
            yield DetectedUtterance(samples, first / SAMPLE_RATE_HZ, ended)

    def _drop_before(self, frame: int) -> None:
        """Drop samples before a frame, except the edge that an utterance may begin with."""
        self._held.take_until(self._sample(frame) - self._edge)

    def _sample(self, frame: int) -> int:
        """First sample of a frame's hop."""
        return frame * HOP

    def _frames(self, seconds: float) -> int:
        return self._settings.frames(seconds)


class _Candidate(NamedTuple):
    """Active frames without a pause that could end an utterance: first, one past last, voiced."""

    start: int
    end: int
    n_voiced: int


class SampleBuffer:
    """The latest samples of a stream, by their positions."""

    def __init__(self) -> None:
        self.first = 0
        self._samples = np.zeros(0, np.float32)

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self.first + len(self._samples)

    def add(self, samples: Floats) -> None:
        """Append samples."""
        self._samples = np.concatenate([self._samples, samples])

    def take_until(self, end: int) -> Floats:
        """Remove and return the samples before a position."""
        n = max(0, end - self.first)
        taken, self._samples = self._samples[:n], self._samples[n:]
        self.first += len(taken)
        return taken
