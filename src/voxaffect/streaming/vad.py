"""Voice activity detection (VAD): the segments of a recording in which somebody speaks.

A frame is active if its energy exceeds the noise floor around it by a margin, which is smaller for
voiced frames: in noise, a voice shows in its periodicity before it shows in its energy. Active
frames with gaps no longer than the hangover form a segment. A segment that is too short or has too
few voiced frames is dropped; one that is too long is cut at its weakest frame. Letters: T frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from voxaffect.errors import ConfigError
from voxaffect.features.frames import FrameGrid

Levels = NDArray[np.float32]
Frames = NDArray[np.int64]

SILENCE_DB = -100.0  # level of digital silence, relative to full scale
QUIET, LOUD = 10, 95  # percentiles of a block's levels: noise floor, and speech if there is any
BLOCK_S = 1.0  # length of these blocks
SMOOTH_FRAMES = 9  # over which levels are averaged to find the weakest place of a long segment


@dataclass(frozen=True)
class SpeechSettings:
    """Thresholds of voice activity detection, for files and streams.

    Raises:
        ConfigError: a setting is not positive.
    """

    margin_db: float = 6.0  # how far an active frame exceeds the noise floor
    voiced_margin_db: float = 1.0  # the same if voiced; a continuous hum is its own noise floor
    range_db: float = 35.0  # below the loud level; breath and rustle between words lie lower
    neighborhood_s: float = 8.0  # how far from a frame its floor and loud level are looked for
    voicing: float = 0.5  # probability above which a frame is voiced
    voiced_s: float = 0.08  # voiced time that an utterance needs
    hangover_s: float = 0.4  # the longest pause within an utterance; plosives close for less
    edge_s: float = 0.15  # what is kept before and after an utterance, for breath and onsets
    shortest_s: float = 0.25  # of an utterance, edges excluded
    longest_s: float = 15.0  # of an utterance

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < np.inf:
                raise ConfigError(f"{name} = {value} is out of range; choose a positive number")

    def is_active(
        self,
        level_db: Levels,
        voicing: Levels,
        floor_db: float | NDArray[np.float64],
        loud_db: float | NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Whether each of T frames holds speech; floor and loud level are each frame's or all's."""
        margin_db = np.where(voicing >= self.voicing, self.voiced_margin_db, self.margin_db)
        limit_db = np.maximum(floor_db + margin_db, loud_db - self.range_db)
        return np.asarray(level_db > limit_db)


def to_db(rms: Levels) -> Levels:
    """Levels in dB of full scale of root mean squares (T,)."""
    return 20 * np.log10(np.maximum(rms, 10 ** (SILENCE_DB / 20)))


IN_FILES = SpeechSettings()
"""Settings for files, where `neighborhood_s` extends before and after a frame."""


class ActivityTrack(NamedTuple):
    """Energy and voicing of a recording."""

    level_db: Levels  # (T,), energy of each frame in dB of full scale
    voicing: Levels  # (T,), probability
    grid: FrameGrid
    duration_s: float


class Span(NamedTuple):
    """A segment of a recording, in seconds."""

    start_s: float
    end_s: float


def find_speech(track: ActivityTrack) -> list[Span]:
    """Segments of speech in order; none overlap, and adjacent ones come from one that was cut."""
    settings, n_frames, per_s = IN_FILES, track.level_db.size, track.grid.frames_per_s
    if n_frames == 0:
        return []
    active = settings.is_active(track.level_db, track.voicing, *_local_levels(track))
    starts, ends = _runs(active, longest_gap=round(settings.hangover_s * per_s))
    n_voiced = np.concatenate([[0], np.cumsum(active & (track.voicing >= settings.voicing))])
    kept = (n_voiced[ends] - n_voiced[starts] >= settings.voiced_s * per_s) & (
        ends - starts >= settings.shortest_s * per_s
    )
    starts, ends = starts[kept], ends[kept]
    # Edges reach no further than the middle of a pause.
    edge, middles = round(settings.edge_s * per_s), (starts[1:] + ends[:-1]) // 2
    starts, ends = (
        np.maximum(starts - edge, np.concatenate([[0], middles])[: starts.size]),
        np.minimum(ends + edge, np.concatenate([middles, [n_frames]])[: starts.size]),
    )
    return [
        _span(track, *piece)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        for piece in _cut(track, start, end)
    ]


def _local_levels(track: ActivityTrack) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Noise floor and loud level around each frame, (T,) each."""
    block, n_frames = round(BLOCK_S * track.grid.frames_per_s), track.level_db.size
    n_blocks = -(-n_frames // block)
    padded = np.pad(track.level_db, (0, n_blocks * block - n_frames), mode="edge")
    quiet, loud = np.percentile(padded.reshape(n_blocks, block), (QUIET, LOUD), axis=1)
    size = 2 * round(IN_FILES.neighborhood_s / BLOCK_S) + 1
    floor, loudest = minimum_filter1d(quiet, size), maximum_filter1d(loud, size)
    each = np.repeat(np.stack([floor, loudest]), block, axis=1)[:, :n_frames]
    return each[0], each[1]


def _runs(active: NDArray[np.bool_], longest_gap: int) -> tuple[Frames, Frames]:
    """First frame of each run of active frames and the one after its last, short gaps closed."""
    steps = np.diff(active.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    if starts.size == 0:
        return starts, ends
    apart = starts[1:] - ends[:-1] > longest_gap
    return starts[np.concatenate([[True], apart])], ends[np.concatenate([apart, [True]])]


def _cut(track: ActivityTrack, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a segment at its weakest frame until no piece is too long."""
    per_s = track.grid.frames_per_s
    if end - start <= IN_FILES.longest_s * per_s:
        yield start, end
        return
    # No piece shorter than a quarter of the longest: else a weak beginning loses frame by frame.
    least = round(IN_FILES.longest_s / 4 * per_s)
    smooth = np.convolve(track.level_db[start:end], np.ones(SMOOTH_FRAMES), "same")
    weakest = start + least + int(np.argmin(smooth[least : end - start - least]))
    yield from _cut(track, start, weakest)
    yield from _cut(track, weakest, end)


def _span(track: ActivityTrack, start: int, end: int) -> Span:
    """Frames as seconds: each covers the hop around its middle, the outermost ones more."""
    grid = track.grid
    lead_s = (grid.window_s - grid.hop_s) / 2
    at_end = end == track.level_db.size
    return Span(
        round(start * grid.hop_s + lead_s, 4) if start else 0.0,
        track.duration_s if at_end else round(end * grid.hop_s + lead_s, 4),
    )
