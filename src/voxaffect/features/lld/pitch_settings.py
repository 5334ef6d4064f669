"""Settings of the pitch tracker."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import FeatureError

RATE_HZ = SAMPLE_RATE_HZ // 2  # pitch is tracked at half the sample rate

RANGES = {
    "floor_hz": (20.0, 1000.0),
    "ceiling_hz": (50.0, SAMPLE_RATE_HZ / 8),
    "periods_per_window": (2.0, 10.0),
    "n_candidates": (1, 100),
    "voicing_threshold": (0.0, 2.0),
    "softness_cost": (0.0, 2.0),
    "silence_threshold": (1e-6, 1.0),
    "loudness_decay_db": (0.0, 60.0),
    "loudness_ahead_s": (0.0, 10.0),
    "loudness_start_s": (0.0, 10.0),
    "octave_cost": (0.0, 1.0),
    "octave_jump_cost": (0.0, 10.0),
    "voiced_unvoiced_cost": (0.0, 10.0),
    "path_ahead_s": (0.0, 10.0),
}


class Transitions(NamedTuple):
    """Costs `fixed[i, j] + slope[i, j] |p - q|` from state i at position p to j at q."""

    fixed: NDArray[np.float32]  # (S, S)
    slope: NDArray[np.float32]  # (S, S)


@dataclass(frozen=True)
class PitchSettings:
    """Settings of the pitch tracker; the defaults suit men, women and children.

    Args:
        floor_hz: lowest F0.
        ceiling_hz: highest F0.
        periods_per_window: window length in periods of the floor; 3 of 75 Hz are 40 ms.
        n_candidates: number of lag ranges K between floor and ceiling, equally wide in octaves,
            whose highest peaks are the voiced candidates.
        voicing_threshold: strength of the unvoiced candidate in the loudest frames.
        softness_cost: increase of this strength per 10 dB that a frame is softer than the recent
            peak level, up to 30 dB: the softer, the more likely it is background noise.
        silence_threshold: amplitude relative to the recent peak, near and below which a frame
            counts as silent.
        loudness_decay_db: decay of the peak level in dB per second.
        loudness_ahead_s: look-ahead of the peak level.
        loudness_start_s: the peak level of all frames in a recording's first seconds includes all
            of these; before speech begins, noise is loudest.
        octave_cost: strength that a candidate gains per octave; among a period and its multiples
            with equal peaks it prefers the period.
        octave_jump_cost: transition cost per octave between neighboring frames.
        voiced_unvoiced_cost: transition cost of a begin or end of voicing.
        path_ahead_s: look-ahead of the Viterbi path.

    Raises:
        FeatureError: a setting is out of range.
    """

    floor_hz: float = 75.0
    ceiling_hz: float = 600.0
    periods_per_window: float = 3.0
    n_candidates: int = 6
    voicing_threshold: float = 0.37
    softness_cost: float = 0.13
    silence_threshold: float = 0.03
    loudness_decay_db: float = 2.0
    loudness_ahead_s: float = 0.3
    loudness_start_s: float = 1.0
    octave_cost: float = 0.012
    octave_jump_cost: float = 0.45
    voiced_unvoiced_cost: float = 0.2
    path_ahead_s: float = 0.15

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise FeatureError(
                    f"{name} = {getattr(self, name)} is out of range; choose {low:g} to {high:g}"
                )
        if self.floor_hz >= self.ceiling_hz:
            raise FeatureError(
                f"floor_hz = {self.floor_hz} is not below ceiling_hz = {self.ceiling_hz}; choose a "
                "lower floor"
            )
        if not isinstance(self.n_candidates, int) or any(a >= b for a, b in pairwise(self.borders)):
            raise FeatureError(
                f"n_candidates = {self.n_candidates} is not a whole number or too large; choose a "
                f"whole number for which each has its own range of lags at {RATE_HZ} Hz"
            )

    def plain(self) -> dict[str, float]:
        """All settings by name; equal settings have equal text."""
        return {**{k: float(v) for k, v in asdict(self).items()}, "n_candidates": self.n_candidates}

    @property
    def borders(self) -> list[int]:
        """Borders of the K lag ranges, from the ceiling's period to the floor's."""
        shortest, longest = RATE_HZ / self.ceiling_hz, RATE_HZ / self.floor_hz
        inner = [
            round(shortest * (longest / shortest) ** (k / self.n_candidates))
            for k in range(1, self.n_candidates)
        ]
        return [math.floor(shortest), *inner, math.ceil(longest) + 1]

    @property
    def taper_samples(self) -> int:
        """Window length in samples at half the sample rate."""
        return 2 * round(self.periods_per_window * RATE_HZ / self.floor_hz / 2)

    def transitions(self, hop_s: float) -> Transitions:
        """Transition costs for a hop size."""
        voiced = np.arange(self.n_candidates + 1) > 0
        scale = np.float32(0.010 / hop_s)  # costs are given for a hop of 10 ms
        return Transitions(
            fixed=scale * np.float32(self.voiced_unvoiced_cost) * (voiced[:, None] != voiced),
            slope=scale * np.float32(self.octave_jump_cost) * (voiced[:, None] & voiced),
        )
