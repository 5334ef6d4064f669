"""Pitch tracking: F0 and probability of voicing of each frame, of files and live streams.

After Boersma (1993), Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound: a frame's candidates are the peaks of its
window-compensated autocorrelation, and being unvoiced; the best Viterbi path chooses among them. No
statistic of the whole recording is needed: a frame is silent relative to the recent peak level, and
the path is committed with a bounded delay. So gain changes nothing above -200 dB, and streaming
gives the same result as a file.

Letters: U recordings, M frames of all, T frames of one, K voiced candidates, S = K + 1 states, of
which 0 is unvoiced.
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

Floats = NDArray[np.float32]

CANDIDATE_NOISE_FLOOR = 1e-10
"""Noise power assumed in every frame, relative to the recent peak: 100 dB below it is no speech."""

MAX_BELOW_DB = 30.0
"""Frames softer than this below the recent peak count as no softer."""


class ScoringSettings(NamedTuple):
    """Settings of candidate scores, and constants of other files (see `compiled`)."""

    floor_hz: float
    ceiling_hz: float
    octave_cost: float
    silence_threshold: float
    voicing_threshold: float
    softness_cost: float
    rate_hz: float
    min_power: float

    @classmethod
    def of(cls, settings: PitchSettings) -> ScoringSettings:
        """Select from the pitch settings."""
        own = [getattr(settings, name) for name in cls._fields[:6]]
        return cls._make([*own, RATE_HZ, SILENCE])


class PitchCandidates(NamedTuple):
    """Pitch candidates of T frames."""

    score: Floats  # (T, S), strength, -inf where there is no peak
    octave: Floats  # (T, S), octaves above the floor
    f0_hz: Floats  # (T, S), 0 for unvoiced
    probability: Floats  # (T,), of voicing

    @classmethod
    def empty(cls, n_frames: int, n_states: int) -> PitchCandidates:
        """Allocate uninitialized candidates."""
        score, octave, f0_hz = np.empty((3, n_frames, n_states), np.float32)
        return cls(score, octave, f0_hz, np.empty(n_frames, np.float32))


class Extents(NamedTuple):
    """Frame counts of U recordings whose frames are concatenated."""

    waiting: Counts  # (U,), number of frames whose peak level is already known
    known: Counts  # (U,), number of these and of the new frames
    scored: Counts  # (U,), how many of the known frames are scored now
    begin: Counts  # (U,), index of the frame that must be known before any is scored


class Loudness(NamedTuple):
    """Recent peak power of U recordings."""

    until: NDArray[np.float64]  # (M,), until each frame
    last: NDArray[np.float64]  # (U,), until the last frame of each
    decay: float  # factor per hop
    look_ahead: int  # number of later frames that count for a frame


@compiled
def score_batch(
    peaks: Peaks,
    loudness: Loudness,
    extents: Extents,
    settings: ScoringSettings,
    candidates: PitchCandidates,
) -> None:
    """Score the candidates of concatenated recordings; updates `loudness` by the new frames."""
    peak_power, last, decay, look_ahead = loudness
    first, out = 0, 0
    for u in range(len(extents.known)):
        end, new = first + extents.known[u], first + extents.waiting[u]
        if new < end:
            peak_power[new:end] = running_max_power(peaks.power[new:end], last[u], decay)
            last[u] = peak_power[end - 1]
        n, full = extents.scored[u], out + extents.scored[u]
        loudest = np.empty(n)
        for t in range(n):
            until = max(t + look_ahead, extents.begin[u])
            loudest[t] = peak_power[first + min(until, extents.known[u] - 1)]
        own = Peaks(peaks.lag[first:end], peaks.height[first:end], peaks.power[first:end])
        scored = PitchCandidates(
            candidates.score[out:full],
            candidates.octave[out:full],
            candidates.f0_hz[out:full],
            candidates.probability[out:full],
        )
        score_candidates(own, loudest, settings, scored)
        first, out = end, full


@compiled
def running_max_power(power: Floats, before: float, decay: float) -> NDArray[np.float64]:
    """Peak power until each frame, which decays by a factor per hop."""
    greatest = np.empty(len(power))
    for t in range(len(power)):
        before = max(float(power[t]), before * decay)
        greatest[t] = before
    return greatest


@compiled
def score_candidates(
    peaks: Peaks,
    loudest: NDArray[np.float64],
    settings: ScoringSettings,
    candidates: PitchCandidates,
) -> None:
    """Score the candidates of T frames.

    The strength of a peak is its height, and a little more per octave (Boersma 1993). The strength
    of being unvoiced grows as a frame becomes softer relative to the recent peak level.

    Args:
        peaks: of T frames or more.
        loudest: float64 (T,), recent peak power.
        settings: of the scores.
        candidates: output.
    """
    for t in range(len(loudest)):
        power = max(float(peaks.power[t]), 0.0)
        signal_share = power / (power + CANDIDATE_NOISE_FLOOR * loudest[t] + settings.min_power)
        highest = 0.0
        for k in range(peaks.lag.shape[1]):
            hz = settings.rate_hz / peaks.lag[t, k]
            octave = math.log2(hz / settings.floor_hz)
            strength = -np.inf
            if settings.floor_hz <= hz <= settings.ceiling_hz and peaks.height[t, k] > 0:
                strength = peaks.height[t, k] * signal_share
                highest = max(highest, strength)
            candidates.score[t, k + 1] = strength + settings.octave_cost * octave
            candidates.octave[t, k + 1], candidates.f0_hz[t, k + 1] = octave, hz
        share = power / max(loudest[t], power, settings.min_power)
        candidates.score[t, 0] = _unvoiced_score(share, settings)
        candidates.octave[t, 0], candidates.f0_hz[t, 0] = 0.0, 0.0
        candidates.probability[t] = min(highest, 1.0)


@compiled
def _unvoiced_score(share: float, settings: ScoringSettings) -> float:
    """Strength of the unvoiced candidate of a frame with a share of the recent peak power."""
    below_db = min(-10 * math.log10(max(share, 1e-9)), MAX_BELOW_DB)
    threshold = settings.voicing_threshold
    loudness = math.sqrt(share) / settings.silence_threshold * (1 + threshold)
    return threshold + settings.softness_cost * below_db / 10 + max(0.0, 2 - loudness)


@dataclass(frozen=True)
class PitchTrack:
    """Pitch of T frames.

    Args:
        f0_hz: float32 (T,), 0 where unvoiced.
        voice_probability: float32 (T,) in [0, 1], of unvoiced frames too: the height of the highest
            peak of the normalized autocorrelation.
    """

    f0_hz: Floats
    voice_probability: Floats

    @property
    def log_f0(self) -> Floats:
        """Natural logarithm of F0 in Hz, float32 (T,), 0 where unvoiced."""
        voiced = self.f0_hz > 0
        return np.log(self.f0_hz, out=np.zeros_like(self.f0_hz), where=voiced)


def track_pitch(
    waveforms: Sequence[Floats], grid: FrameGrid, settings: PitchSettings | None = None
) -> list[PitchTrack]:
    """Track the pitch of recordings at the centers of the grid's frames.

    Windows that reach beyond a recording use the part inside. A silent recording is unvoiced with
    probability 0; one shorter than a frame has T = 0.

    Args:
        waveforms: float32 (n_samples,) each, finite.
        grid: positions of the frames.
        settings: of the pitch tracker.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """
    settings = settings or PitchSettings()
    analyzer = PeakAnalyzer(settings, grid)
    decoders = [PitchDecoder(settings, grid.hop_s) for _ in waveforms]
    nothing = np.zeros((2, 0), np.float32)
    parts: list[list[PitchTrack]] = [[PitchTrack(*nothing)] for _ in waveforms]

    def analyze(chunks: Sequence[AudioChunk]) -> list[Peaks]:
        packed = PackedAudio.pack(chunks, grid, analyzer.lead)
        peaks = analyzer.analyze(packed)
        return [peaks.of(rows) for rows in packed.parts]

    for number, ended, peaks in analyze_in_batches(waveforms, grid, analyzer.reach, "cpu", analyze):
        track, _ = decode_pitch_batch([decoders[number]], [peaks], ended=ended)
        parts[number].append(track)
    return [
        PitchTrack(
            np.concatenate([part.f0_hz for part in own]),
            np.concatenate([part.voice_probability for part in own]),
        )
        for own in parts
    ]


class PitchDecoder:
    """State of the incremental decoding of one recording by `decode_pitch_batch`.

    A frame is decided when `delay` later frames are known, and no frame before frame `start` is.
    """

    def __init__(self, settings: PitchSettings, hop_s: float) -> None:
        self._look_ahead = round(settings.loudness_ahead_s / hop_s)
        self.start = round(settings.loudness_start_s / hop_s)
        lag = round(settings.path_ahead_s / hop_s)
        self.delay = self._look_ahead + lag
        self._viterbi = ViterbiDecoder(settings.transitions(hop_s), lag)
        self._scoring = ScoringSettings.of(settings)
        self._decay = 10 ** (-settings.loudness_decay_db / 10 * hop_s)  # of power, per hop
        self._peak_power = 0.0  # until the last frame
        self._n_scored = 0
        # Of frames that are not scored: autocorrelation peaks, and peak power until each.
        self._peaks = Peaks.empty(0, settings.n_candidates)
        self._loudest = np.zeros(0)
        # Of frames that are not decided.
        self._f0_hz = np.zeros((0, settings.n_candidates + 1), np.float32)
        self._probability = np.zeros(0, np.float32)

    def fork(self) -> PitchDecoder:
        """Independent copy; arrays are shared, as they are replaced, not modified."""
        twin = copy.copy(self)
        twin._viterbi = copy.copy(self._viterbi)
        return twin


def decode_pitch_batch(
    decoders: Sequence[PitchDecoder], new: Sequence[Peaks], *, ended: bool
) -> tuple[PitchTrack, Counts]:
    """Decode the pitch of the next frames of U recordings.

    Args:
        decoders: states of the recordings, with equal settings; updated.
        new: peaks of the next frames of each.
        ended: whether these are the last frames of all.

    Returns:
        Pitch of the frames that are decided now, concatenated, and their counts.
    """
    candidates, n_scored = _score_new(decoders, new, ended=ended)
    borders = np.cumsum(n_scored)[:-1]
    f0_hz = Ragged.concatenate([d._f0_hz for d in decoders], np.split(candidates.f0_hz, borders))
    probability = Ragged.concatenate(
        [d._probability for d in decoders], np.split(candidates.probability, borders)
    )
    viterbi = [decoder._viterbi for decoder in decoders]
    score = Ragged(candidates.score, n_scored)
    states, n = decode_batch(viterbi, score, candidates.octave, ended=ended)
    n_left = f0_hz.counts - n
    left = zip(f0_hz.tails(n_left), probability.tails(n_left), strict=True)
    for decoder, own in zip(decoders, left, strict=True):
        decoder._f0_hz, decoder._probability = own
    decided = f0_hz.heads(n)[np.arange(n.sum()), states]
    return PitchTrack(decided, probability.heads(n)), n


def _score_new(
    decoders: Sequence[PitchDecoder], new: Sequence[Peaks], *, ended: bool
) -> tuple[PitchCandidates, Counts]:
    """Candidates of the frames whose look-ahead of the peak level is complete, and their counts."""
    fields = zip(*(d._peaks for d in decoders), strict=True), zip(*new, strict=True)
    waiting = [Ragged.concatenate(old, added) for old, added in zip(*fields, strict=True)]
    peaks = Peaks(*(part.rows for part in waiting))
    known_before = [d._loudest for d in decoders]
    loudest = Ragged.zero_padded(known_before, lengths_of([one.power for one in new]))
    last, first = np.array([d._peak_power for d in decoders]), decoders[0]
    begin = np.array([d.start - d._n_scored for d in decoders])
    n_known = n = loudest.counts
    if not ended:
        n = np.where(begin < n_known, np.maximum(0, n_known - first._look_ahead), 0)
    candidates = PitchCandidates.empty(int(n.sum()), peaks.lag.shape[1] + 1)
    extents = Extents(lengths_of(known_before), n_known, n, begin)
    loudness = Loudness(loudest.rows, last, first._decay, first._look_ahead)
    score_batch(peaks, loudness, extents, first._scoring, candidates)
    parts = zip(*(part.tails(n_known - n) for part in [*waiting, loudest]), strict=True)
    for u, (decoder, own) in enumerate(zip(decoders, parts, strict=True)):
        decoder._peaks, decoder._loudest = Peaks(*own[:-1]), own[-1]
        decoder._peak_power, decoder._n_scored = float(last[u]), decoder._n_scored + int(n[u])
    return candidates, n
