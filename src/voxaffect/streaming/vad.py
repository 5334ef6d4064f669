"""Where in a recording somebody speaks: stretches between pauses, by energy and voicing.

A frame is active if its energy stands well above the floor of its neighborhood, or a little where
it is voiced (`standing_out`): in noise, voices are told by their period long before they are told
by their energy.
Active frames with pauses between them that are no longer than the hangover are one stretch; a
stretch without enough voiced frames is a noise, and one that is too short is dropped. What is too
long is cut where it is weakest. Letters: T frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voxaffect.errors import ConfigError
from voxaffect.features.frames import FrameGrid

# Which frames stand out as speech, of a file as of an endless stream.
#
# A frame is active if its energy stands well above the floor of its neighborhood, or a little
# where it is voiced, and not too far below the loud level there. What the neighborhood is, the
# caller says: a file's frames have one on both sides, a stream's only behind them.

Levels = NDArray[np.float32]

SILENCE_DB = -100.0
"""Level, relative to full scale, that digital silence is given."""

QUIET, LOUD = 10, 95
"""Percentiles of a block's levels that are its floor and its speech, if it holds any."""


@dataclass(frozen=True)
class SpeechSettings:
    """What counts as speech, and what as a pause.

    Args:
        margin_db: how far an active frame stands above the floor.
        voiced_margin_db: the same of a voiced frame; a hum that never ends is its own floor.
        range_db: how far below the loud level of its neighborhood it may lie, where the floor is
            lower than that: breath and rustle between words are no speech.
        neighborhood_s: how far the floor and the loud level of a frame are looked for.
        voicing: probability from which a frame counts as voiced.
        voiced_s: voiced time that an utterance needs.
        hangover_s: the longest pause that ends no utterance: plosives close for less.
        edge_s: what is kept before and after an utterance: breath, onsets.
        shortest_s: shortest utterance, edges not counted.
        longest_s: longest utterance.

    Raises:
        ConfigError: a setting is not positive.
    """

    margin_db: float = 6.0
    voiced_margin_db: float = 1.0
    range_db: float = 35.0
    neighborhood_s: float = 8.0
    voicing: float = 0.5
    voiced_s: float = 0.08
    hangover_s: float = 0.4
    edge_s: float = 0.15
    shortest_s: float = 0.25
    longest_s: float = 15.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < np.inf:
                raise ConfigError(f"{name} = {value} finds no speech; choose a positive number")

    def stands_out(
        self,
        level_db: Levels,
        voicing: Levels,
        floor_db: float | NDArray[np.float64],
        loud_db: float | NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Which of some frames are active.

        Args:
            level_db: float32 (T,), energy of each frame in dB of full scale.
            voicing: float32 (T,), probability of voicing.
            floor_db: the floor around each, (T,), or around all of them.
            loud_db: the loud level, likewise.
        """
        margin_db = np.where(voicing >= self.voicing, self.voiced_margin_db, self.margin_db)
        limit_db = np.maximum(floor_db + margin_db, loud_db - self.range_db)
        return np.asarray(level_db > limit_db)


def level_of(energy: Levels) -> Levels:
    """Levels in dB of full scale of root mean squares, (T,)."""
    return 20 * np.log10(np.maximum(energy, 10 ** (SILENCE_DB / 20)))


Frames = NDArray[np.int64]

BLOCK_S = 1.0
"""Stretches of time whose quiet and loud levels stand for them."""

SMOOTH_FRAMES = 9
"""Frames over which a level is averaged before its weakest is looked for."""


@dataclass(frozen=True)
class ActivitySettings(SpeechSettings):
    """What counts as speech in a file: `neighborhood_s` is before and after a frame.

    Edges reach no further than the middle of a pause; what is longer than `longest_s` is cut.

    Raises:
        ConfigError: a setting is not positive, or a stretch cannot be cut as it must.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.longest_s < 4 * self.shortest_s:
            raise ConfigError(
                f"longest_s = {self.longest_s} leaves no room to cut utterances of at least "
                f"{self.shortest_s} s; choose four times that or more"
            )


DEFAULT_ACTIVITY = ActivitySettings()


class ActivityTrack(NamedTuple):
    """What activity is told by.

    Args:
        level_db: float32 (T,), energy of each frame in dB of full scale.
        voicing: float32 (T,), probability of voicing.
        grid: where the frames lie.
        duration_s: of the recording.
    """

    level_db: Levels
    voicing: Levels
    grid: FrameGrid
    duration_s: float


class Span(NamedTuple):
    """A stretch of a recording, in seconds."""

    start_s: float
    end_s: float


def find_speech(track: ActivityTrack, settings: ActivitySettings = DEFAULT_ACTIVITY) -> list[Span]:
    """Stretches of speech in their order; none overlap, adjoining ones were one that was cut."""
    if track.level_db.size == 0:
        return []
    per_s = track.grid.frames_per_s
    active = settings.stands_out(track.level_db, track.voicing, *_surroundings(track, settings))
    starts, ends = _joined(*_runs(active), gap=round(settings.hangover_s * per_s))
    n_voiced = np.concatenate([[0], np.cumsum(active & (track.voicing >= settings.voicing))])
    kept = (n_voiced[ends] - n_voiced[starts] >= settings.voiced_s * per_s) & (
        ends - starts >= settings.shortest_s * per_s
    )
    starts, ends = _with_edges(
        starts[kept], ends[kept], round(settings.edge_s * per_s), active.size
    )
    pieces = [
        piece
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        for piece in _cut(track, start, end, settings)
    ]
    return [_span(track, start, end) for start, end in pieces]


def _surroundings(
    track: ActivityTrack, settings: ActivitySettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The floor and the loud level (T,) of each frame's neighborhood."""
    block = round(BLOCK_S * track.grid.frames_per_s)
    n_blocks = -(-track.level_db.size // block)
    padded = np.pad(track.level_db, (0, n_blocks * block - track.level_db.size), mode="edge")
    quiet, loud = np.percentile(padded.reshape(n_blocks, block), (QUIET, LOUD), axis=1)
    reach = round(settings.neighborhood_s / BLOCK_S)
    floor, loudest = -_greatest_near(-quiet, reach), _greatest_near(loud, reach)
    each = np.repeat(np.stack([floor, loudest]), block, axis=1)[:, : track.level_db.size]
    return each[0], each[1]


def _greatest_near(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The greatest of each value and its neighbors, up to so many before and after it."""
    padded = np.pad(values, reach, constant_values=-np.inf)
    greatest: NDArray[np.float64] = sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return greatest


def _runs(active: NDArray[np.bool_]) -> tuple[Frames, Frames]:
    """First frame of every run of active frames, and the one past its last."""
    steps = np.diff(active.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def _joined(starts: Frames, ends: Frames, gap: int) -> tuple[Frames, Frames]:
    """Runs without the gaps between them that are no longer than `gap`."""
    if starts.size == 0:
        return starts, ends
    apart = starts[1:] - ends[:-1] > gap
    return starts[np.concatenate([[True], apart])], ends[np.concatenate([apart, [True]])]


def _with_edges(starts: Frames, ends: Frames, edge: int, n: int) -> tuple[Frames, Frames]:
    """Stretches with so much more before and after, but no more than half of what is between."""
    before = np.concatenate([[0], (starts[1:] + ends[:-1]) // 2])[: starts.size]
    after = np.concatenate([(starts[1:] + ends[:-1]) // 2, [n]])[-starts.size or ends.size :]
    return np.maximum(starts - edge, before), np.minimum(ends + edge, after)


def _cut(
    track: ActivityTrack, start: int, end: int, settings: ActivitySettings
) -> Iterator[tuple[int, int]]:
    """A stretch in pieces that are not too long, each cut where the stretch is weakest."""
    per_s = track.grid.frames_per_s
    if end - start <= settings.longest_s * per_s:
        yield start, end
        return
    # No piece shorter than a quarter of the longest: else a weak beginning loses frame by frame.
    least = round(max(settings.shortest_s, settings.longest_s / 4) * per_s)
    smooth = np.convolve(track.level_db[start:end], np.ones(SMOOTH_FRAMES), "same")
    weakest = start + least + int(np.argmin(smooth[least : end - start - least]))
    yield from _cut(track, start, weakest, settings)
    yield from _cut(track, weakest, end, settings)


def _span(track: ActivityTrack, start: int, end: int) -> Span:
    """Frames as seconds: each stands for the hop around its middle, the outermost for more."""
    grid = track.grid
    lead_s = (grid.window_s - grid.hop_s) / 2
    at_end = end == track.level_db.size
    return Span(
        round(start * grid.hop_s + lead_s, 4) if start else 0.0,
        track.duration_s if at_end else round(end * grid.hop_s + lead_s, 4),
    )
