"""Pitch tracking: F0 and probability of voicing of each frame, of files and live streams.

After Boersma (1993), Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound: a frame's candidates are the peaks of its
window-compensated autocorrelation, and being unvoiced; the best Viterbi path chooses among them. No
statistic of the whole recording is needed: a frame is silent relative to the recent peak level, and
a frame's state is that on the best path known a fixed number of frames later. So gain changes
nothing above -200 dB, and streaming gives the same result as a file.

Letters: T frames, K voiced candidates, S = K + 1 states, of which 0 is unvoiced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import SILENCE, PeakAnalyzer, Peaks
from voxaffect.features.lld.pitch_settings import RATE_HZ, PitchSettings, Transitions
from voxaffect.features.packing import AudioChunk, PackedAudio, analyze_in_batches
from voxaffect.features.runtime import compiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
States = NDArray[np.int8]

CANDIDATE_NOISE_FLOOR = 1e-10
"""Noise power assumed in every frame, relative to the recent peak: 100 dB below it is no speech."""

MAX_BELOW_DB = 30.0  # frames softer than this below the recent peak count as no softer


class DecoderSettings(NamedTuple):
    """Settings for a hop size, and constants of other files (see `compiled`)."""

    floor_hz: float
    ceiling_hz: float
    octave_cost: float
    silence_threshold: float
    voicing_threshold: float
    softness_cost: float
    rate_hz: float
    min_power: float
    decay: float  # of the peak power, factor per hop
    look_ahead: int  # number of later frames whose peak power counts for a frame
    start: int  # index of the frame that must be known before any is scored
    lag: int  # of the path
    ended: bool  # whether no frame follows the next ones

    @classmethod
    def of(cls, settings: PitchSettings, hop_s: float) -> DecoderSettings:
        """Select from the pitch settings."""
        own = [getattr(settings, name) for name in cls._fields[:6]]
        decay = 10 ** (-settings.loudness_decay_db / 10 * hop_s)
        seconds = settings.loudness_ahead_s, settings.loudness_start_s, settings.path_ahead_s
        n_frames = [round(s / hop_s) for s in seconds]
        return cls._make([*own, RATE_HZ, SILENCE, decay, *n_frames, False])


class PitchCandidates(NamedTuple):
    """Pitch candidates of T frames."""

    score: Floats  # (T, S), strength, -inf where there is no peak
    octave: Floats  # (T, S), octaves above the floor
    f0_hz: Floats  # (T, S), 0 for unvoiced
    probability: Floats  # (T,), of voicing


@compiled
def running_max_power(power: Floats, before: float, decay: float) -> Doubles:
    """Peak power until each frame, which decays by a factor per hop."""
    greatest = np.empty(len(power))
    for t in range(len(power)):
        before = max(float(power[t]), before * decay)
        greatest[t] = before
    return greatest


@compiled
def score_candidates(peaks: Peaks, loudest: Doubles, settings: DecoderSettings) -> PitchCandidates:
    """Score the candidates of T frames, given their peaks and recent peak power, float64 (T,).

    The strength of a peak is its height, and a little more per octave (Boersma 1993). The strength
    of being unvoiced grows as a frame becomes softer relative to the recent peak level.
    """
    n_frames, n_voiced = len(loudest), peaks.lag.shape[1]
    values = np.empty((3, n_frames, n_voiced + 1), np.float32)
    score, octaves, f0_hz = values[0], values[1], values[2]
    probability = np.empty(n_frames, np.float32)
    for t in range(n_frames):
        power = max(float(peaks.power[t]), 0.0)
        signal_share = power / (power + CANDIDATE_NOISE_FLOOR * loudest[t] + settings.min_power)
        highest = 0.0
        for k in range(n_voiced):
            hz = settings.rate_hz / peaks.lag[t, k]
            octave = math.log2(hz / settings.floor_hz)
            strength = -np.inf
            if settings.floor_hz <= hz <= settings.ceiling_hz and peaks.height[t, k] > 0:
                strength = peaks.height[t, k] * signal_share
                highest = max(highest, strength)
            score[t, k + 1] = strength + settings.octave_cost * octave
            octaves[t, k + 1], f0_hz[t, k + 1] = octave, hz
        share = power / max(loudest[t], power, settings.min_power)
        score[t, 0], octaves[t, 0], f0_hz[t, 0] = _unvoiced_score(share, settings), 0.0, 0.0
        probability[t] = min(highest, 1.0)
    return PitchCandidates(score, octaves, f0_hz, probability)


@compiled
def _unvoiced_score(share: float, settings: DecoderSettings) -> float:
    """Strength of the unvoiced candidate of a frame with a share of the recent peak power."""
    below_db = min(-10 * math.log10(max(share, 1e-9)), MAX_BELOW_DB)
    threshold = settings.voicing_threshold
    loudness = math.sqrt(share) / settings.silence_threshold * (1 + threshold)
    return threshold + settings.softness_cost * below_db / 10 + max(0.0, 2 - loudness)


class Paths(NamedTuple):
    """Best paths to all states of the frames of a lattice so far.

    A frame's state is that on the best path known `lag` frames later, and then committed. Arrays
    are replaced, not modified.
    """

    last: Doubles  # (2, S), score of the path to each last state, its position; (2, 0) at first
    back: States  # (n, S + 1), of uncommitted frames: state before each on its path, best state
    lag: int

    @classmethod
    def none(cls, n_states: int, lag: int) -> Paths:
        """Paths through no frame."""
        return cls(np.zeros((2, 0)), np.zeros((0, n_states + 1), np.int8), lag)


@compiled
def best_path(
    paths: Paths, score: Floats, position: Floats, transitions: Transitions, n_open: int
) -> tuple[States, Paths]:
    """Viterbi decoding of the next frames of a lattice.

    A path's score is the sum of its states' scores less the costs of its transitions. A lag as long
    as the lattice gives the best path of all.

    Args:
        paths: through the frames before.
        score: (T, S); -inf forbids a state, but not all states of a frame.
        position: (T, S), finite.
        transitions: between states.
        n_open: number of frames that stay uncommitted: the lag, or 0 after the last frame.

    Returns:
        States (n,) of the frames that are committed now, and the paths after the frames.
    """
    new = np.zeros((len(score), paths.back.shape[1]), np.int8)
    last = _advance_paths(score, position, transitions, paths.last, new)
    back = np.concatenate((paths.back, new))
    n = max(0, len(back) - n_open)
    return _trace_back(back, paths.lag, n), Paths(last, back[n:], paths.lag)


@compiled
def _advance_paths(
    score: Floats,
    position: Floats,
    transitions: Transitions,
    before: Doubles,
    back: States,
) -> Doubles:
    """The recursion of Viterbi (1967): fills `back`, returns `last` of `Paths`."""
    fixed, slope = transitions
    n_states = len(fixed)
    if len(score) == 0:
        return before
    last, arriving, begin = np.empty((2, n_states)), np.empty(n_states), 0
    if before.shape[1]:
        last[:] = before
    else:  # the first frame
        last[0], last[1], begin = score[0] - score[0].max(), position[0], 1
        back[0, n_states] = score[0].argmax()
    for t in range(begin, len(score)):
        highest = -np.inf
        for j in range(n_states):
            arriving[j] = -np.inf
            for i in range(n_states):
                total = last[0, i] - fixed[i, j] - slope[i, j] * abs(last[1, i] - position[t, j])
                if total > arriving[j]:
                    arriving[j], back[t, j] = total, i
            arriving[j] += score[t, j]
            if arriving[j] > highest:
                highest, back[t, n_states] = arriving[j], j
        for j in range(n_states):  # relative to the best, sums keep their precision for hours
            last[0, j], last[1, j] = arriving[j] - highest, position[t, j]
    return last


@compiled
def _trace_back(back: States, lag: int, n: int) -> States:
    """States of the first n frames, on the best paths known `lag` frames later."""
    states = np.empty(n, np.int8)
    for t in range(n):
        end = min(t + lag, len(back) - 1)
        state = back[end, -1]
        for u in range(end, t, -1):
            state = back[u, state]
        states[t] = state
    return states


class PitchState(NamedTuple):
    """State of the decoding of one recording; arrays are replaced, not modified."""

    peaks: Peaks  # of frames that wait for the look-ahead of the peak level
    greatest: Doubles  # peak power until each of these
    peak_power: float  # until the last frame
    n_scored: int  # number of frames before these
    f0_hz: Floats  # (n, S), of frames that are scored and not decided
    probability: Floats  # (n,), of these
    paths: Paths

    @classmethod
    def empty(cls, n_candidates: int, lag: int) -> PitchState:
        """State before the first frame."""
        peaks, paths = Peaks.empty(0, n_candidates), Paths.none(n_candidates + 1, lag)
        f0_hz, probability = np.zeros((0, n_candidates + 1), np.float32), np.zeros(0, np.float32)
        return cls(peaks, np.zeros(0), 0.0, 0, f0_hz, probability, paths)


@compiled
def decode_pitch(
    state: PitchState, new: Peaks, settings: DecoderSettings, transitions: Transitions
) -> tuple[Floats, Floats, PitchState]:
    """F0 in Hz and probability of voicing of the frames that the next ones decide, (n,) each."""
    peaks = Peaks(
        np.concatenate((state.peaks.lag, new.lag)),
        np.concatenate((state.peaks.height, new.height)),
        np.concatenate((state.peaks.power, new.power)),
    )
    until_new = running_max_power(new.power, state.peak_power, settings.decay)
    peak_power = until_new[-1] if len(until_new) else state.peak_power
    greatest = np.concatenate((state.greatest, until_new))
    recent = recent_peak_power(greatest, settings, state.n_scored)
    found, n = score_candidates(peaks, recent, settings), len(recent)
    waiting = Peaks(peaks.lag[n:], peaks.height[n:], peaks.power[n:])
    n_open = 0 if settings.ended else settings.lag
    states, paths = best_path(state.paths, found.score, found.octave, transitions, n_open)
    f0_hz = np.concatenate((state.f0_hz, found.f0_hz))
    probability = np.concatenate((state.probability, found.probability))
    chosen = np.empty(len(states), np.float32)
    for t in range(len(states)):
        chosen[t] = f0_hz[t, states[t]]
    rest = f0_hz[len(states) :], probability[len(states) :]
    after = PitchState(waiting, greatest[n:], peak_power, state.n_scored + n, *rest, paths)
    return chosen, probability[: len(states)], after


@compiled
def recent_peak_power(greatest: Doubles, settings: DecoderSettings, n_scored: int) -> Doubles:
    """Peak power (n,) of the frames for which it is known, look-ahead and start included.

    `greatest` is the peak power (T,) until each of the frames after the first `n_scored`.
    """
    n_known, begin = len(greatest), settings.start - n_scored
    n = n_known
    if not settings.ended:
        n = max(0, n_known - settings.look_ahead) if begin < n_known else 0
    recent = np.empty(n)
    for t in range(n):
        recent[t] = greatest[min(max(t + settings.look_ahead, begin), n_known - 1)]
    return recent


class PitchTrack(NamedTuple):
    """Pitch of T frames; the probability is the height of the normalized autocorrelation's peak."""

    f0_hz: Floats  # (T,), 0 where unvoiced
    voice_probability: Floats  # (T,) in [0, 1], of unvoiced frames too

    @property
    def log_f0(self) -> Floats:
        """Natural logarithm of F0 in Hz, float32 (T,), 0 where unvoiced."""
        voiced = self.f0_hz > 0
        return np.log(self.f0_hz, out=np.zeros_like(self.f0_hz), where=voiced)


def track_pitch(
    waveforms: Sequence[Floats], grid: FrameGrid, settings: PitchSettings | None = None
) -> list[PitchTrack]:
    """Track the pitch of recordings, float32 (n_samples,), at the centers of the grid's frames.

    Windows that reach beyond a recording use the part inside. A silent recording is unvoiced with
    probability 0; one shorter than a frame has T = 0.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """
    settings = settings or PitchSettings()
    analyzer = PeakAnalyzer(settings, grid)
    decoders = [PitchDecoder(settings, grid.hop_s) for _ in waveforms]
    nothing = np.zeros(0, np.float32)
    parts = [[PitchTrack(nothing, nothing)] for _ in waveforms]

    def analyze(chunks: Sequence[AudioChunk]) -> list[Peaks]:
        packed = PackedAudio.pack(chunks, grid, analyzer.lead)
        return [*map(analyzer.analyze(packed).of, packed.parts)]

    for number, ended, peaks in analyze_in_batches(waveforms, grid, analyzer.reach, "cpu", analyze):
        parts[number].append(decoders[number].decode(peaks, ended=ended))
    return [PitchTrack(*map(np.concatenate, zip(*own, strict=True))) for own in parts]


class PitchDecoder:
    """Incremental decoding of the pitch of one recording; a shallow copy of it is independent."""

    def __init__(self, settings: PitchSettings, hop_s: float) -> None:
        self._settings = DecoderSettings.of(settings, hop_s)
        self._transitions = settings.transitions(hop_s)
        self._state = PitchState.empty(settings.n_candidates, self._settings.lag)

    def decode(self, new: Peaks, *, ended: bool) -> PitchTrack:
        """Pitch of the frames that the next ones decide; of all if these are the last."""
        settings = self._settings._replace(ended=ended)
        *track, self._state = decode_pitch(self._state, new, settings, self._transitions)
        return PitchTrack(*track)
