"""Fundamental frequency and voice probability of every frame, in batches and in hours.

The method is Boersma's (1993), Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound: the peaks of the window-compensated autocorrelation are
a frame's candidates, having no pitch is one more, and the best path through a recording chooses
among them. CPU and GPU run the same code; results lie where the waveforms do.

Letters: T frames of an utterance, R frames of all, K voiced candidates, S = K + 1 states.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.periodicity import (
    PeakFinder,
    compensation,
    hann,
    normalised_autocorrelation,
)
from voxaffect.features.tape import Tape
from voxaffect.features.viterbi import Transitions, best_paths

BLOCK_FRAMES = 256
"""Frames analysed at once: they stay in the processor's cache, and since every block is full, a
frame's numbers do not depend on its neighbours."""

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


class Candidates(NamedTuple):
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
        n_candidates: the most peaks K that a frame may offer.
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
    voicing_threshold: float = 0.45
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
        if not 1 <= self.n_candidates <= len(self._lags):
            raise FeatureError(
                f"n_candidates = {self.n_candidates}; choose from 1 to {len(self._lags)}"
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
        """
        if not waveforms:
            return []
        levelled = [_relative_to_peak(torch.as_tensor(w)) for w in waveforms]
        tape = Tape.lay(levelled, grid, self._window_samples, BLOCK_FRAMES)
        candidates = self.candidates(tape)
        f0_hz = self.choose(candidates, tape.lengths, grid)
        probability = candidates.voice_probability
        tracks = zip(f0_hz.split(tape.lengths), probability.split(tape.lengths), strict=True)
        return [PitchTrack(f0, voiced) for f0, voiced in tracks]

    def candidates(self, tape: Tape) -> Candidates:
        """What every frame of a tape offers."""
        device = tape.rows.device
        lag = torch.arange(self._lags.start, self._lags.stop, device=device)
        preference = -self.octave_cost * torch.log2(lag)
        finder = PeakFinder(self._lags, self.n_candidates, preference)
        window = hann(self._window_samples, device)
        whole = compensation(window, finder.n_lags)
        blocks = [self._offer(r, window, whole, finder) for r in tape.rows.split(BLOCK_FRAMES)]
        candidates = Candidates(*(torch.cat(parts)[tape.frames] for parts in zip(*blocks)))
        cut_off = tape.cut_off()
        windows = window * tape.mask(cut_off)
        partial = compensation(windows, finder.n_lags)
        rows = tape.rows[tape.frames[cut_off]]
        for all_, some in zip(candidates, self._offer(rows, windows, partial, finder)):
            all_[cut_off] = some
        return candidates
