"""Endpointer: voice activity detection in a stream, while it lasts.

The rules are those of `vad` without a look-ahead: a frame is active if its energy exceeds the noise
floor of the last seconds by a margin. A pause as long as the hangover ends an utterance; its
samples are held until it is known whether it is one. Decisions are made every 0.1 s of the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import ConfigError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import FrameAnalysis, FrameAnalyzer
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.lld.streaming import FrameBuffer, analyze_buffers, check_samples
from voxaffect.streaming.vad import LOUD, QUIET, SpeechSettings, to_db

Floats = NDArray[np.float32]

TICK_FRAMES = 10  # between two decisions, 0.1 s
BLOCK_FRAMES = 100  # of a block whose percentiles are its noise floor and loud level, 1 s
FIRST_FLOOR_DB = -50.0  # at most, in the first block: a stream may begin with speech
HOLD_S = 2.0  # of samples are kept while it is not known whether somebody speaks


@dataclass(frozen=True)
class EndpointSettings(SpeechSettings):
    """Voice activity detection in a stream: `neighborhood_s` is how long levels are remembered.

    An utterance ends with a pause of `hangover_s`, or without one after `longest_s`.
    """

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
        self._grid = FrameGrid()
        self._analyzer = FrameAnalyzer(self._grid, PitchSettings(), "cpu")
        self._buffer = FrameBuffer(self._grid, self._analyzer.reach)
        self._held = SampleBuffer()
        self._history = _LevelHistory(self._frames(self._settings.neighborhood_s))
        self._waiting = np.zeros((0, 2), np.float32)  # level and voicing of frames without a tick
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
        for _, analyses in analyze_buffers(self._analyzer, [self._buffer], [samples]):
            self._waiting = np.concatenate([self._waiting, *map(_level_and_voicing, analyses)])
        n_ticks, n_left = divmod(len(self._waiting), TICK_FRAMES)
        ready = self._waiting[: n_ticks * TICK_FRAMES]
        self._waiting = self._waiting[len(self._waiting) - n_left :]
        found: list[DetectedUtterance] = []
        for level_db, voicing in ready.reshape(n_ticks, TICK_FRAMES, 2).transpose(0, 2, 1):
            found += self._tick(level_db, voicing)
        return found

    def finish(self) -> list[DetectedUtterance]:
        """End the stream and the open utterance; nothing can be pushed afterwards."""
        (rest,) = self._analyzer.analyze([self._buffer.remaining()])
        frames = np.concatenate([self._waiting, _level_and_voicing(rest)])
        found = [*self._tick(*frames.T)] if len(frames) else []
        if self._is_open:
            found += self._emit(self._held.end, ended=True)
        return found

    def _tick(self, level_db: Floats, voicing: Floats) -> Iterator[DetectedUtterance]:
        active = self._settings.is_active(level_db, voicing, *self._history.add(level_db))
        if active.any():
            n_voiced = int((active & (voicing >= self._settings.voicing)).sum())
            frames = self._n_frames + np.flatnonzero(active)
            start, _, before = self._candidate or (int(frames[0]), 0, 0)
            self._candidate = _Candidate(start, int(frames[-1]) + 1, before + n_voiced)
        self._n_frames += len(level_db)
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
        """First sample of the hop around a frame's middle."""
        grid = self._grid
        return frame * grid.hop_samples + (grid.window_samples - grid.hop_samples) // 2

    def _frames(self, seconds: float) -> int:
        return round(seconds * self._grid.frames_per_s)


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


class _LevelHistory:
    """Levels of the last `n_frames` frames, rounded up to blocks."""

    def __init__(self, n_frames: int) -> None:
        self._most = -(-n_frames // BLOCK_FRAMES) * BLOCK_FRAMES
        self._levels = np.zeros(0, np.float32)

    def add(self, level_db: Floats) -> tuple[float, float]:
        """Add levels; noise floor and loud level after them."""
        self._levels = np.concatenate([self._levels, level_db])[-self._most :]
        # Whole blocks, counted back from now; the oldest frames wait to fill one.
        n_blocks = max(1, len(self._levels) // BLOCK_FRAMES)
        blocks = self._levels[-n_blocks * BLOCK_FRAMES :].reshape(n_blocks, -1)
        quiet, loud = np.percentile(blocks, (QUIET, LOUD), axis=1)
        floor = float(quiet.min())
        if len(self._levels) < BLOCK_FRAMES:
            floor = min(floor, FIRST_FLOOR_DB)
        return floor, float(loud.max())


def _level_and_voicing(analysis: FrameAnalysis) -> Floats:
    """Level in dB of full scale and voicing of frames, float32 (T, 2)."""
    voicing = analysis.peaks.height.max(axis=1).clip(0, 1)
    return np.column_stack([to_db(analysis.short_time[:, 0]), voicing]).astype(np.float32)
