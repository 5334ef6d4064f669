"""Fundamental frequency and voice probability of every frame, in batches and in hours.

The method is Boersma's (1993), Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound: the peaks of the window-compensated autocorrelation are
a frame's candidates, having no pitch is one more, and the best path through a recording chooses
among them. CPU and GPU run the same code; results lie where the waveforms do.

Letters: T frames of an utterance, R frames of all, K voiced candidates, S = K + 1 states.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import FeatureError
from voxaffect.features.descriptors.periodicity import (
    REACH,
    TAPS,
    PeakFinder,
    Window,
    halve,
    halving_filter,
    hann,
    interpolation,
    normalised_autocorrelation,
)
from voxaffect.features.descriptors.tape import Tape
from voxaffect.features.descriptors.viterbi import Transitions, best_paths
from voxaffect.features.frames import FrameGrid

BLOCK_FRAMES = 512
"""Frames analysed at once: they stay in the processor's cache, and memory is bounded."""

RATE_HZ = SAMPLE_RATE_HZ // 2
"""Pitch is sought at half the sample rate."""

COST_INTERVAL_S = 0.010
"""Distance of the frames between which a transition costs what the settings say."""


@dataclass(frozen=True)
class PitchTrack:
    """Pitch of one utterance.

    Args:
        f0_hz: float32 (T,), 0 where a frame is unvoiced.
        voice_probability: float32 (T,) in [0, 1], of unvoiced frames too: the height of the highest
            peak of the frame's normalised autocorrelation.
    """

    f0_hz: Tensor
    voice_probability: Tensor


class _Observed(NamedTuple):
    """What R frames show.

    Args:
        lag: (R, K), of the highest peaks.
        height: (R, K), of the peaks, -inf where a frame has fewer.
        loudness: (R,).
    """

    lag: Tensor
    height: Tensor
    loudness: Tensor


class _Candidates(NamedTuple):
    """What R frames offer: state 0 is unvoiced, the other K are peaks.

    Args:
        strength: (R, S), -inf where a frame has fewer peaks.
        octave: (R, S), octaves above the floor.
        voice_probability: (R,).
    """

    strength: Tensor
    octave: Tensor
    voice_probability: Tensor


@dataclass(frozen=True)
class PitchTracker:
    """Tracks pitch; the defaults suit men, women and children.

    Args:
        floor_hz: lowest fundamental.
        ceiling_hz: highest fundamental.
        periods_per_window: length of the window in periods of the floor; 3 of 75 Hz are 40 ms.
        n_candidates: ranges K between floor and ceiling, equally wide in octaves, each of which
            offers its highest peak.
        silence_threshold: share of the recording's peak below which a frame is taken for silence.
        voicing_threshold: strength of the unvoiced candidate where there is no silence.
        octave_cost: strength that a candidate gains with each octave; of a tone's period and its
            multiples, equally high, it prefers the period.
        octave_jump_cost: cost of each octave between neighbouring frames.
        voiced_unvoiced_cost: cost of a voice's beginning or end.

    Raises:
        FeatureError: a setting is impossible.
    """

    floor_hz: float = 75.0
    ceiling_hz: float = 600.0
    periods_per_window: float = 3.0
    n_candidates: int = 6
    silence_threshold: float = 0.03
    voicing_threshold: float = 0.5
    octave_cost: float = 0.01
    octave_jump_cost: float = 0.35
    voiced_unvoiced_cost: float = 0.14

    def __post_init__(self) -> None:
        highest = SAMPLE_RATE_HZ / 8
        if not 0 < self.floor_hz < self.ceiling_hz <= highest:
            raise FeatureError(
                f"pitch from {self.floor_hz} to {self.ceiling_hz} Hz cannot be tracked; choose "
                f"0 < floor_hz < ceiling_hz <= {highest:g}"
            )
        if self.periods_per_window < 2:
            raise FeatureError(
                f"periods_per_window = {self.periods_per_window} is too short to see a period "
                "repeat; choose 2 or more"
            )
        if self.n_candidates < 1 or not all(self._lag_ranges):
            raise FeatureError(
                f"n_candidates = {self.n_candidates}; choose 1 or more, and so few that every one "
                f"has a range of lags at {RATE_HZ} Hz to itself"
            )
        if self.silence_threshold <= 0:
            raise FeatureError(
                f"silence_threshold = {self.silence_threshold}; choose a share above 0"
            )

    def track(
        self, waveforms: Sequence[NDArray[np.float32] | Tensor], grid: FrameGrid
    ) -> list[PitchTrack]:
        """Pitch at the centres of the grid's frames.

        Windows that reach beyond a recording see its part inside. A recording without any sound is
        unvoiced with probability 0; one shorter than a frame has T = 0.

        Args:
            waveforms: float32 (n_samples,) each, finite, all on one device.
            grid: where the frames lie.

        Returns:
            A track of T = grid.n_frames(n_samples) frames for each, on the waveforms' device.

        Raises:
            FeatureError: the grid's hop is an odd number of samples.
        """
        if grid.hop_samples % 2:
            raise FeatureError(
                f"hop_s = {grid.hop_s} is {grid.hop_samples} samples, but pitch is sought at half "
                "the sample rate; choose an even number of samples"
            )
        if not waveforms:
            return []
        signals = [torch.as_tensor(w) for w in waveforms]
        tape = Tape.lay(signals, grid, 2 * self._window_samples + TAPS - 2, BLOCK_FRAMES)
        candidates = self._candidates(self._observe(tape))
        f0_hz = self._choose(candidates, tape.lengths, grid)
        probability = candidates.voice_probability
        ends = list(accumulate(tape.lengths, initial=0))
        return [PitchTrack(f0_hz[a:b], probability[a:b]) for a, b in pairwise(ends)]

    @property
    def _n_lags(self) -> int:
        """Lags M that the interpolation of the longest period needs."""
        return self._lag_ranges[-1].stop + REACH

    @property
    def _taper_samples(self) -> int:
        """Length of the window at half the sample rate."""
        return 2 * round(self.periods_per_window * RATE_HZ / self.floor_hz / 2)

    @property
    def _window_samples(self) -> int:
        """The same with zeros at its ends, W: as long as the Fourier transform."""
        return 1 << (self._taper_samples + self._n_lags - 1).bit_length()

    @property
    def _lag_ranges(self) -> list[range]:
        """K ranges of lags, from the ceiling's period to the floor's, outward to whole samples."""
        shortest, longest = RATE_HZ / self.ceiling_hz, RATE_HZ / self.floor_hz
        inner = [
            round(shortest * (longest / shortest) ** (k / self.n_candidates))
            for k in range(1, self.n_candidates)
        ]
        borders = [math.floor(shortest), *inner, math.ceil(longest) + 1]
        return [range(a, b) for a, b in pairwise(borders)]

    def _observe(self, tape: Tape) -> _Observed:
        """Peaks and loudness of every frame of a tape, the frames with cut-off windows anew."""
        device = tape.samples.device
        ranges, size = self._lag_ranges, self._window_samples
        lag = torch.arange(ranges[0].start, ranges[-1].stop, device=device)
        preference = -self.octave_cost * torch.log2(lag).unsqueeze(1)
        finder = PeakFinder(ranges, preference, interpolation(device))
        low_pass = halving_filter(device)
        window = Window.of(hann(self._taper_samples, size, device), self._n_lags)

        def observe(frames: Tensor, window: Window) -> _Observed:
            lag, height = finder(normalised_autocorrelation(frames, window))
            return _Observed(lag.T, height.T, self._loudness(frames))

        blocks = [
            observe(halve(block, low_pass).unfold(0, size, tape.hop // 2)[: tape.block], window)
            for block in tape.blocks()
        ]
        observed = _Observed(*(torch.cat(p)[tape.frames] for p in zip(*blocks, strict=True)))
        cut_off = tape.cut_off()
        if len(cut_off):
            time = 2 * torch.arange(size, device=device) + (TAPS - 1) / 2
            partial = Window.of(window.weights * tape.covers(cut_off, time), self._n_lags)
            anew = observe(halve(tape.rows[tape.frames[cut_off]], low_pass), partial)
            for of_all, of_some in zip(observed, anew, strict=True):
                of_all[cut_off] = of_some
        return observed

    def _loudness(self, frames: Tensor) -> Tensor:
        """Greatest amplitude (R,) in the middle period of the frames, relative to the recording."""
        period = round(RATE_HZ / self.floor_hz)
        return frames.narrow(1, (frames.shape[1] - period) // 2, period).abs().amax(1)

    def _candidates(self, observed: _Observed) -> _Candidates:
        """What the frames offer, with the strengths that Boersma gives to pitch and to none."""
        octave = torch.log2(RATE_HZ / self.floor_hz / observed.lag)
        in_range = (octave >= 0.0) & (octave <= math.log2(self.ceiling_hz / self.floor_hz))
        height = observed.height.masked_fill(~in_range, -torch.inf)
        loudness = observed.loudness.unsqueeze(1) / self.silence_threshold
        silence = (2 - loudness * (1 + self.voicing_threshold)).clamp_min_(0.0)
        return _Candidates(
            strength=torch.cat(
                [self.voicing_threshold + silence, height + self.octave_cost * octave], 1
            ),
            octave=torch.cat([torch.zeros_like(silence), octave], 1),
            voice_probability=height.amax(1).clamp_(0.0, 1.0),
        )

    def _choose(self, candidates: _Candidates, lengths: list[int], grid: FrameGrid) -> Tensor:
        """Fundamental frequency (R,) along the best path, 0 where it is unvoiced."""
        n_states = self.n_candidates + 1
        voiced = torch.arange(n_states, device=candidates.strength.device) > 0
        turns = voiced.unsqueeze(1) != voiced  # (S, S)
        both = voiced.unsqueeze(1) & voiced
        scale = COST_INTERVAL_S / grid.hop_s
        transitions = Transitions(
            fixed=scale * self.voiced_unvoiced_cost * turns,
            slope=scale * self.octave_jump_cost * both,
        )
        state = best_paths(candidates.strength, candidates.octave, lengths, transitions)
        octave = candidates.octave.gather(1, state.unsqueeze(1)).squeeze(1)
        return torch.where(state > 0, self.floor_hz * torch.exp2(octave), 0.0)
