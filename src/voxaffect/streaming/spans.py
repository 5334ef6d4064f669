"""Utterances of a recording: stretches of speech between pauses.

Frames of speech (`voxaffect.audio.vad`) with gaps no longer than the hangover form an utterance.
One that is too short or has too few voiced frames is dropped; one that is too long is cut at its
weakest frame. Letters: T frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.vad import (
    DEFAULT,
    HOP,
    PER_S,
    ActivityTrack,
    VadSettings,
    active_frames,
)
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import ConfigError

Frames = NDArray[np.int64]

SMOOTH_FRAMES = 9  # over which levels are averaged to find the weakest place of a long utterance


@dataclass(frozen=True)
class UtteranceSettings:
    """What an utterance is, in files and streams.

    Raises:
        ConfigError: a setting is not positive.
    """

    voiced_s: float = 0.08  # voiced time that it needs
    hangover_s: float = 0.4  # the longest pause within it; plosives close for less
    edge_s: float = 0.15  # what is kept before and after it, for breath and onsets
    shortest_s: float = 0.25  # of one, edges excluded
    longest_s: float = 15.0  # of one
    vad: VadSettings = DEFAULT

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name != "vad" and not 0 < value < np.inf:
                raise ConfigError(f"{name} = {value} is out of range; choose a positive number")

    def frames(self, seconds: float) -> int:
        """Seconds as a number of frames."""
        return self.vad.frames(seconds)


IN_FILES = UtteranceSettings()


class Span(NamedTuple):
    """A segment of a recording, in seconds."""

    start_s: float
    end_s: float


def find_speech(track: ActivityTrack) -> list[Span]:
    """Utterances in order; none overlap, and adjacent ones come from one that was cut."""
    settings, n_frames = IN_FILES, track.n_frames
    if n_frames == 0:
        return []
    active, core = active_frames(track, settings.vad)
    starts, ends = _runs(active, longest_gap=settings.frames(settings.hangover_s))
    n_voiced = np.concatenate([[0], np.cumsum(core)])
    kept = (n_voiced[ends] - n_voiced[starts] >= settings.frames(settings.voiced_s)) & (
        ends - starts >= settings.frames(settings.shortest_s)
    )
    starts, ends = starts[kept], ends[kept]
    # Edges reach no further than the middle of a pause.
    edge, middles = settings.frames(settings.edge_s), (starts[1:] + ends[:-1]) // 2
    starts, ends = (
        np.maximum(starts - edge, np.concatenate([[0], middles])[: starts.size]),
        np.minimum(ends + edge, np.concatenate([middles, [n_frames]])[: starts.size]),
    )
    pieces = (
        piece
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        for piece in _cut(track, start, end)
    )
    hop_s = HOP / SAMPLE_RATE_HZ
    return [
        Span(round(a * hop_s, 4), round(min(b * hop_s, track.duration_s), 4)) for a, b in pieces
    ]


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
    if end - start <= IN_FILES.longest_s * PER_S:
        yield start, end
        return
    # No piece shorter than a quarter of the longest: else a weak beginning loses frame by frame.
    least = round(IN_FILES.longest_s / 4 * PER_S)
    smooth = np.convolve(track.level_db[start:end], np.ones(SMOOTH_FRAMES), "same")
    weakest = start + least + int(np.argmin(smooth[least : end - start - least]))
    yield from _cut(track, start, weakest)
    yield from _cut(track, weakest, end)
