"""Fundamental frequency and voice probability of every frame, of files and of live streams.

The method is Boersma's (1993), Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound: the peaks of the window-compensated autocorrelation are
a frame's candidates, having no pitch is one more, and the best path chooses among them. Nothing is
asked of a recording as a whole: a frame is silent beside the loudest of late, and the path is
committed with a bounded delay. So gain changes nothing above -200 dB, and a stream is heard like a
file.

Letters: T frames, K voiced candidates, S = K + 1 states, of which 0 is unvoiced.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import SILENCE, PeakAnalyzer, Peaks
from voxaffect.features.lld.pitch_settings import RATE_HZ, PitchSettings
from voxaffect.features.lld.viterbi import ViterbiDecoder, decode_batch
from voxaffect.features.packing import (
    AudioChunk,
    Counts,
    PackedAudio,
    Ragged,
    analyze_in_batches,
    lengths_of,
)
from voxaffect.features.runtime import compiled

# What frames may be: voiced with one of several pitches, or unvoiced, and how likely each.
#
# A peak is as strong as it is high, and a little stronger with each octave (Boersma 1993). Having
# no pitch is the stronger, the softer a frame is beside the loudest of late: the likelier it is
# the room that is heard.

CANDIDATE_NOISE_FLOOR = 1e-10
"""Power of the noise that every frame is taken to hold, relative to the loudest frame of late: 100
dB under it, where there is no speech, only what is left of it."""

MAX_BELOW_DB = 30.0
"""How far a frame may be below the loudest and still count as softer."""


class ScoringSettings(NamedTuple):
    """Settings by which candidates are weighed, and constants of other files (see `compiled`)."""

    floor_hz: float
    ceiling_hz: float
    octave_cost: float
    silence_threshold: float
    voicing_threshold: float
    softness_cost: float
    rate_hz: float
    least_power: float

    @classmethod
    def of(cls, settings: PitchSettings) -> ScoringSettings:
        """The scale of some settings."""
        return cls(
            settings.floor_hz,
            settings.ceiling_hz,
            settings.octave_cost,
            settings.silence_threshold,
            settings.voicing_threshold,
            settings.softness_cost,
            RATE_HZ,
            SILENCE,
        )


class PitchCandidates(NamedTuple):
    """What T frames offer.

    Args:
        score: float32 (T, S), strength, -inf where there is no peak.
        octave: float32 (T, S), octaves above the floor.
        f0_hz: float32 (T, S), 0 for the unvoiced.
        probability: float32 (T,), of voicing.
    """

    score: Floats
    octave: Floats
    f0_hz: Floats
    probability: Floats

    @classmethod
    def empty(cls, n_frames: int, n_states: int) -> PitchCandidates:
        """Room for what so many frames offer."""
        score, octave, f0_hz = np.empty((3, n_frames, n_states), np.float32)
        return cls(score, octave, f0_hz, np.empty(n_frames, np.float32))


class Extents(NamedTuple):
    """Where the frames of U recordings lie that are end to end.

    Args:
        waiting: int64 (U,), frames whose loudness is known from before.
        known: int64 (U,), these and the new ones.
        weighed: int64 (U,), how many of these are weighed now.
        begin: int64 (U,), the frame that is known before any is weighed.
    """

    waiting: Counts
    known: Counts
    weighed: Counts
    begin: Counts


class Loudness(NamedTuple):
    """How loud U recordings were of late.

    Args:
        until: float64 (M,), the greatest power until each frame.
        last: float64 (U,), the same until the last frame of each.
        decay: share of it that a hop leaves.
        look_ahead: frames after one that count beside it.
    """

    until: NDArray[np.float64]
    last: NDArray[np.float64]
    decay: float
    look_ahead: int


@compiled
def score_batch(
    peaks: Peaks,
    loudness: Loudness,
    extents: Extents,
    scale: ScoringSettings,
    offered: PitchCandidates,
) -> None:
    """Fill in what frames of recordings end to end offer.

    Args:
        peaks: of M frames.
        loudness: until the frames that are known from before; brought up to the new ones.
        extents: of the recordings.
        scale: to weigh by.
        offered: room for all that are weighed.
    """
    loudest, last, decay, look_ahead = loudness
    first, out = 0, 0
    for u in range(len(extents.known)):
        end, new = first + extents.known[u], first + extents.waiting[u]
        if new < end:
            loudest[new:end] = running_max_power(peaks.power[new:end], last[u], decay)
            last[u] = loudest[end - 1]
        n, full = extents.weighed[u], out + extents.weighed[u]
        beside = np.empty(n)
        for t in range(n):
            until = max(t + look_ahead, extents.begin[u])
            beside[t] = loudest[first + min(until, extents.known[u] - 1)]
        own = Peaks(peaks.lag[first:end], peaks.height[first:end], peaks.power[first:end])
        room = PitchCandidates(
            offered.score[out:full],
            offered.octave[out:full],
            offered.f0_hz[out:full],
            offered.probability[out:full],
        )
        score_candidates(own, beside, scale, room)
        first, out = end, full


@compiled
def running_max_power(power: Floats, before: float, decay: float) -> NDArray[np.float64]:
    """The greatest power until each frame, where a hop leaves the share `decay` of it."""
    greatest = np.empty(len(power))
    for t in range(len(power)):
        before = max(float(power[t]), before * decay)
        greatest[t] = before
    return greatest


@compiled
def score_candidates(
    peaks: Peaks, loudest: NDArray[np.float64], scale: ScoringSettings, offered: PitchCandidates
) -> None:
    """Fill in what frames offer.

    Args:
        peaks: of T frames or more.
        loudest: float64 (T,), power of the loudest frame of late beside each.
        scale: to weigh by.
        offered: room for T frames.
    """
    for t in range(len(loudest)):
        power = max(float(peaks.power[t]), 0.0)
        heard = power / (power + CANDIDATE_NOISE_FLOOR * loudest[t] + scale.least_power)
        highest = 0.0
        for k in range(peaks.lag.shape[1]):
            hz = scale.rate_hz / peaks.lag[t, k]
            octave = math.log2(hz / scale.floor_hz)
            strength = -np.inf
            if scale.floor_hz <= hz <= scale.ceiling_hz and peaks.height[t, k] > 0:
                strength = peaks.height[t, k] * heard
                highest = max(highest, strength)
            offered.score[t, k + 1] = strength + scale.octave_cost * octave
            offered.octave[t, k + 1], offered.f0_hz[t, k + 1] = octave, hz
        offered.score[t, 0] = _unvoiced_score(
            power / max(loudest[t], power, scale.least_power), scale
        )
        offered.octave[t, 0], offered.f0_hz[t, 0] = 0.0, 0.0
        offered.probability[t] = min(highest, 1.0)


@compiled
def _unvoiced_score(share: float, scale: ScoringSettings) -> float:
    """Strength of having no pitch, of a frame with a share of the loudest frame's power."""
    below_db = min(-10 * math.log10(max(share, 1e-9)), MAX_BELOW_DB)
    loudness = math.sqrt(share) / scale.silence_threshold * (1 + scale.voicing_threshold)
    return scale.voicing_threshold + scale.softness_cost * below_db / 10 + max(0.0, 2 - loudness)


Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PitchTrack:
    """Pitch of T frames.

    Args:
        f0_hz: float32 (T,), 0 where a frame is unvoiced.
        voice_probability: float32 (T,) in [0, 1], of unvoiced frames too: the height of the highest
            peak of the frame's normalized autocorrelation.
    """

    f0_hz: Floats
    voice_probability: Floats

    @classmethod
    def empty(cls) -> PitchTrack:
        """The pitch of no frames."""
        return cls(np.zeros(0, np.float32), np.zeros(0, np.float32))

    @classmethod
    def join(cls, parts: Sequence[PitchTrack]) -> PitchTrack:
        """Several, one after the other."""
        return cls(
            np.concatenate([part.f0_hz for part in parts]),
            np.concatenate([part.voice_probability for part in parts]),
        )

    @property
    def log_f0(self) -> Floats:
        """Natural logarithm of F0 in Hz, float32 (T,), 0 where a frame is unvoiced."""
        voiced = self.f0_hz > 0
        return np.log(self.f0_hz, out=np.zeros_like(self.f0_hz), where=voiced)


def track_pitch(
    waveforms: Sequence[Floats], grid: FrameGrid, settings: PitchSettings | None = None
) -> list[PitchTrack]:
    """Pitch at the centers of the grid's frames.

    Windows that reach beyond a recording see its part inside. A recording without any sound is
    unvoiced with probability 0; one shorter than a frame has T = 0.

    Args:
        waveforms: float32 (n_samples,) each, finite.
        grid: where the frames lie.
        settings: the defaults unless given.

    Returns:
        A track of T = grid.n_frames(n_samples) frames for each.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """
    settings = settings or PitchSettings()
    analyzer = PeakAnalyzer(settings, grid)
    paths = [PitchDecoder(settings, grid.hop_s) for _ in waveforms]
    parts: list[list[PitchTrack]] = [[PitchTrack.empty()] for _ in waveforms]

    def observe(stretches: Sequence[AudioChunk]) -> list[Peaks]:
        tape = PackedAudio.pack(stretches, grid, analyzer.lead)
        peaks = analyzer.analyze(tape)
        return [peaks.of(rows) for rows in tape.parts]

    for number, ended, peaks in analyze_in_batches(waveforms, grid, analyzer.reach, "cpu", observe):
        parts[number].append(paths[number].advance(peaks, ended=ended))
    return [PitchTrack.join(part) for part in parts]


class PitchDecoder:
    """Decides the pitch of one recording's frames, which come piece by piece.

    A frame is decided when `delay` others after it are known, and no frame before the one numbered
    `start` is.

    Args:
        settings: of the pitch tracker.
        hop_s: distance of the frames in seconds.
    """

    def __init__(self, settings: PitchSettings, hop_s: float) -> None:
        self._look_ahead = round(settings.loudness_ahead_s / hop_s)
        self.start = round(settings.loudness_start_s / hop_s)
        lag = round(settings.path_ahead_s / hop_s)
        self.delay = self._look_ahead + lag
        self._search = ViterbiDecoder(settings.transitions(hop_s), lag)
        self._scale = ScoringSettings.of(settings)
        self._decay = 10 ** (-settings.loudness_decay_db / 10 * hop_s)  # of a power in a hop
        self._greatest = 0.0  # power until the last frame seen
        self._n_weighed = 0
        # Of the frames that are not weighed: the peaks, and the greatest power until each.
        self._peaks = Peaks.empty(0, settings.n_candidates)
        self._loudest = np.zeros(0)
        # Of the frames that are not decided.
        self._f0_hz = np.zeros((0, settings.n_candidates + 1), np.float32)
        self._probability = np.zeros(0, np.float32)

    def fork(self) -> PitchDecoder:
        """A twin that goes its own way; arrays are shared, as they are replaced, not changed."""
        twin = copy.copy(self)
        twin._search = self._search.fork()
        return twin

    def advance(self, peaks: Peaks, *, ended: bool) -> PitchTrack:
        """Pitch of the frames that are decided now, following on those of the last call.

        Args:
            peaks: of the next frames.
            ended: nothing follows, so all frames are decided.
        """
        track_pitch, _ = decode_pitch_batch([self], [peaks], ended=ended)
        return track_pitch


def decode_pitch_batch(
    paths: Sequence[PitchDecoder], several: Sequence[Peaks], *, ended: bool
) -> tuple[PitchTrack, Counts]:
    """`PitchDecoder.advance` of U recordings, to the same values at less cost.

    Args:
        paths: the recordings, tracked by the same settings.
        several: U times the peaks of the next frames.
        ended: nothing follows, of none of them.

    Returns:
        the pitch of the frames that are decided now, recording after recording, and how many of
        each these are.
    """
    offered, n_offered = _offer_together(paths, several, ended=ended)
    borders = np.cumsum(n_offered)[:-1]
    f0_hz = Ragged.concatenate([p._f0_hz for p in paths], np.split(offered.f0_hz, borders))
    probability = Ragged.concatenate(
        [p._probability for p in paths], np.split(offered.probability, borders)
    )
    searches = [path._search for path in paths]
    score = Ragged(offered.score, n_offered)
    states, n = decode_batch(searches, score, offered.octave, ended=ended)
    left = zip(f0_hz.tails(f0_hz.counts - n), probability.tails(f0_hz.counts - n), strict=True)
    for path, own in zip(paths, left, strict=True):
        path._f0_hz, path._probability = own
    decided = f0_hz.heads(n)[np.arange(n.sum()), states]
    return PitchTrack(decided, probability.heads(n)), n


def _offer_together(
    paths: Sequence[PitchDecoder], several: Sequence[Peaks], *, ended: bool
) -> tuple[PitchCandidates, Counts]:
    """The candidates of the frames after which enough is known of the loudness, end to end."""
    fields = zip(*(path._peaks for path in paths), strict=True), zip(*several, strict=True)
    waiting = [Ragged.concatenate(kept, new) for kept, new in zip(*fields, strict=True)]
    peaks = Peaks(*(part.rows for part in waiting))
    known_before = [path._loudest for path in paths]
    loudest = Ragged.zero_padded(known_before, lengths_of([new.power for new in several]))
    last, one = np.array([path._greatest for path in paths]), paths[0]
    begin = np.array([path.start - path._n_weighed for path in paths])
    n = loudest.counts if ended else _enough(loudest.counts, begin, one._look_ahead)
    offered = PitchCandidates.empty(int(n.sum()), peaks.lag.shape[1] + 1)
    extents = Extents(lengths_of(known_before), loudest.counts, n, begin)
    loudness = Loudness(loudest.rows, last, one._decay, one._look_ahead)
    score_batch(peaks, loudness, extents, one._scale, offered)
    n_left = loudest.counts - n
    parts = zip(*(part.tails(n_left) for part in [*waiting, loudest]), strict=True)
    for u, (path, own) in enumerate(zip(paths, parts, strict=True)):
        path._peaks, path._loudest = Peaks(*own[:-1]), own[-1]
        path._greatest, path._n_weighed = float(last[u]), path._n_weighed + int(n[u])
    return offered, n


def _enough(n_known: Counts, begin: Counts, look_ahead: int) -> Counts:
    """Of so many frames, those beside which the loudness of `look_ahead` more is known.

    None is before the one numbered `begin` is known.
    """
    enough: Counts = np.where(begin < n_known, np.maximum(0, n_known - look_ahead), 0)
    return enough
