"""Where the utterances of an endless stream begin and end, told while it lasts.

The rules are those of a file's timeline, as far as they need not know what is to come: a frame is
active if its energy stands well above the floor of the last seconds, or a little where it is
voiced. A pause as long as the hangover ends an utterance. The sound of a pause is held back until
it is known whether it is one. Decisions fall every tenth of a second, whatever is pushed at a time.
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
from voxaffect.streaming.vad import LOUD, QUIET, SpeechSettings, level_of

Floats = NDArray[np.float32]

TICK_FRAMES = 10
"""Frames between two decisions, 0.1 s."""

BLOCK_FRAMES = 100
"""Stretches whose quiet and loud levels stand for them, 1 s."""

FIRST_FLOOR_DB = -50.0
"""The floor is not above this before a block was heard: a stream may begin with speech."""

HOLD_S = 2.0
"""Sound that is held while it is not known whether somebody speaks."""


@dataclass(frozen=True)
class EndpointSettings(SpeechSettings):
    """What counts as speech in a stream: `neighborhood_s` is how long levels are remembered.

    A pause of `hangover_s` ends an utterance, and so does `longest_s` without one.

    Raises:
        ConfigError: a setting is impossible.
    """

    hangover_s: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.1 <= self.hangover_s <= HOLD_S:
            raise ConfigError(
                f"hangover_s = {self.hangover_s} ends no utterance well; choose 0.1 to {HOLD_S:g}"
            )
        if self.longest_s < max(1.0, 2 * self.shortest_s):
            raise ConfigError(
                f"longest_s = {self.longest_s} leaves no room for utterances; choose more"
            )


class DetectedUtterance(NamedTuple):
    """The next stretch of an utterance.

    Args:
        samples: float32 (n_samples,), following on the passage before of the same utterance.
        start_s: where in the stream the passage begins, in seconds.
        ended: whether the utterance ends with it; the next passage begins another.
    """

    samples: Floats
    start_s: float
    ended: bool


class Endpointer:
    """Cuts one endless stream into utterances.

    Args:
        settings: what counts as speech and as a pause.
    """

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self._settings = settings or EndpointSettings()
        self._grid = FrameGrid()
        self._analyzer = FrameAnalyzer(self._grid, PitchSettings(), "cpu")
        self._buffer = FrameBuffer(self._grid, self._analyzer.reach)
        self._held = _Held()
        self._surroundings = _Surroundings(self._frames(self._settings.neighborhood_s))
        self._waiting = np.zeros((0, 2), np.float32)  # level and voicing of frames without a tick
        self._n_frames = 0
        self._candidate: _Candidate | None = None
        self._is_open = False  # whether the candidate is an utterance

    def push(self, samples: Floats) -> list[DetectedUtterance]:
        """Take the next samples, float32 (n_samples,) at 16 kHz.

        Returns:
            the passages that are known by now to belong to utterances.

        Raises:
            FeatureError: the samples are not as stated.
        """
        check_samples(samples)
        self._held.add(samples)
        for _, observed in analyze_buffers(self._analyzer, [self._buffer], [samples]):
            self._waiting = np.concatenate([self._waiting, *map(_seen, observed)])
        n_ticks, ticks = divmod(len(self._waiting), TICK_FRAMES)
        ready = self._waiting[: n_ticks * TICK_FRAMES]
        self._waiting = self._waiting[len(self._waiting) - ticks :]
        passages: list[DetectedUtterance] = []
        for level_db, voicing in ready.reshape(n_ticks, TICK_FRAMES, 2).transpose(0, 2, 1):
            passages += self._tick(level_db, voicing)
        return passages

    def finish(self) -> list[DetectedUtterance]:
        """End the stream, and the utterance that is open; nothing can be pushed after that."""
        (rest,) = self._analyzer.analyze([self._buffer.remaining()])
        frames = np.concatenate([self._waiting, _seen(rest)])
        passages = [*self._tick(*frames.T)] if len(frames) else []
        if self._is_open and self._candidate is not None:
            passages += self._end(self._candidate, self._held.end)
        return passages

    def _tick(self, level_db: Floats, voicing: Floats) -> Iterator[DetectedUtterance]:
        """Decide by level and voicing of the next frames, (n,) each."""
        surroundings = self._surroundings.after(level_db)
        active = self._settings.stands_out(level_db, voicing, *surroundings)
        if active.any():
            voiced = int((active & (voicing >= self._settings.voicing)).sum())
            places = self._n_frames + np.flatnonzero(active)
            before = self._candidate or _Candidate(int(places[0]), 0, 0)
            self._candidate = _Candidate(
                before.start, int(places[-1]) + 1, before.n_voiced + voiced
            )
        self._n_frames += len(level_db)
        if self._candidate is None:
            self._forget(self._n_frames)
        else:
            yield from self._decide(self._candidate)

    def _decide(self, candidate: _Candidate) -> Iterator[DetectedUtterance]:
        """What becomes of the candidate after a tick."""
        settings = self._settings
        pause = self._n_frames - candidate.end
        self._is_open = self._is_open or (
            candidate.n_voiced >= self._frames(settings.voiced_s)
            and candidate.end - candidate.start >= self._frames(settings.shortest_s)
        )
        is_over = pause >= self._frames(settings.hangover_s)
        if not self._is_open:
            if is_over:
                self._candidate = None
            self._hold_less(candidate)
        elif is_over or self._n_frames - candidate.start >= self._frames(settings.longest_s):
            yield from self._end(candidate, self._sample(self._n_frames))
        else:
            yield from self._give(candidate, self._sample(self._n_frames), ended=False)

    def _hold_less(self, candidate: _Candidate) -> None:
        """A noise that goes on is no utterance until somebody speaks in it."""
        earliest = self._n_frames - self._frames(HOLD_S)
        if self._candidate is None:
            self._forget(self._n_frames)
        elif candidate.start < earliest:
            self._candidate = candidate._replace(start=earliest)
            self._forget(earliest)

    def _end(self, candidate: _Candidate, heard: int) -> list[DetectedUtterance]:
        """The rest of the open utterance."""
        self._candidate, self._is_open = None, False
        return [*self._give(candidate, heard, ended=True)]

    def _give(
        self, candidate: _Candidate, heard: int, *, ended: bool
    ) -> Iterator[DetectedUtterance]:
        """The utterance's sound that was not given, and an edge after it, of the samples heard."""
        self._held.drop_until(self._sample(candidate.start) - self._edge)
        first = self._held.first
        samples = self._held.take_until(min(self._sample(candidate.end) + self._edge, heard))
        if len(samples) or ended:
            yield DetectedUtterance(samples, first / SAMPLE_RATE_HZ, ended)

    def _forget(self, frame: int) -> None:
        """Drop the sound before a frame, but the edge that an utterance may begin with."""
        if not self._is_open:
            self._held.drop_until(self._sample(frame) - self._edge)

    @property
    def _edge(self) -> int:
        return round(self._settings.edge_s * SAMPLE_RATE_HZ)

    def _sample(self, frame: int) -> int:
        """Where the hop around a frame's middle begins."""
        grid = self._grid
        return frame * grid.hop_samples + (grid.window_samples - grid.hop_samples) // 2

    def _frames(self, seconds: float) -> int:
        return round(seconds * self._grid.frames_per_s)


class _Candidate(NamedTuple):
    """Active frames with no pause between them that could end an utterance.

    Args:
        start: the first.
        end: the one past the last.
        n_voiced: how many of them are voiced.
    """

    start: int
    end: int
    n_voiced: int


class _Held:
    """The samples of a stream that may still be asked for, by their numbers."""

    def __init__(self) -> None:
        self.first = 0
        self._samples = np.zeros(0, np.float32)

    @property
    def end(self) -> int:
        """Number of the sample after the last."""
        return self.first + len(self._samples)

    def add(self, samples: Floats) -> None:
        """Hold the next samples."""
        self._samples = np.concatenate([self._samples, samples])

    def take_until(self, end: int) -> Floats:
        """Samples from the first held to before one; they are held no longer."""
        n = max(0, end - self.first)
        taken, self._samples = self._samples[:n], self._samples[n:]
        self.first += len(taken)
        return taken

    def drop_until(self, end: int) -> None:
        """Hold nothing before a sample."""
        self.take_until(end)


class _Surroundings:
    """Levels of the last frames, and the floor and the loud level among them.

    Args:
        n_frames: how many are remembered.
    """

    def __init__(self, n_frames: int) -> None:
        self._most = -(-n_frames // BLOCK_FRAMES) * BLOCK_FRAMES
        self._levels = np.zeros(0, np.float32)

    def after(self, level_db: Floats) -> tuple[float, float]:
        """The floor and the loud level after some more frames."""
        self._levels = np.concatenate([self._levels, level_db])[-self._most :]
        # Whole blocks, counted back from now; the oldest frames wait to fill one.
        n_blocks = max(1, len(self._levels) // BLOCK_FRAMES)
        blocks = self._levels[-n_blocks * BLOCK_FRAMES :].reshape(n_blocks, -1)
        quiet, loud = np.percentile(blocks, (QUIET, LOUD), axis=1)
        floor = float(quiet.min())
        if len(self._levels) < BLOCK_FRAMES:
            floor = min(floor, FIRST_FLOOR_DB)
        return floor, float(loud.max())


def _seen(observed: FrameAnalysis) -> Floats:
    """Level in dB of full scale and voicing of frames, float32 (T, 2)."""
    voicing = observed.peaks.height.max(axis=1).clip(0, 1)
    return np.column_stack([level_of(observed.short_time[:, 0]), voicing]).astype(np.float32)
