"""What a pitch tracker can be told."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import FeatureError
from voxaffect.features.lld.viterbi import Transitions

RATE_HZ = SAMPLE_RATE_HZ // 2
"""Pitch is sought at half the sample rate."""

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
"""What each setting may be."""

COST_INTERVAL_S = 0.010
"""Distance of the frames between which a transition costs what the settings say."""


@dataclass(frozen=True)
class PitchSettings:
    """How pitch is tracked; the defaults suit men, women and children.

    Args:
        floor_hz: lowest fundamental.
        ceiling_hz: highest fundamental.
        periods_per_window: length of the window in periods of the floor; 3 of 75 Hz are 40 ms.
        n_candidates: ranges K between floor and ceiling, equally wide in octaves, each of which
            offers its highest peak.
        voicing_threshold: strength of the unvoiced candidate in the loudest frames.
        softness_cost: what this strength gains with each 10 dB that a frame is softer than the
            loudest of late, to 30 dB: the softer, the likelier it is the room that is heard.
        silence_threshold: amplitude, as a share of the loudest frame's of late, near and below
            which a frame is taken for silence.
        loudness_decay_db: by how many decibels a second the loudest frame is forgotten.
        loudness_ahead_s: how much of what follows a frame tells, too, whether it is soft.
        loudness_start_s: how much of a recording's beginning tells so of all frames in it: before a
            voice is heard, the room is the loudest there is.
        octave_cost: strength that a candidate gains with each octave; of a tone's period and its
            multiples, equally high, it prefers the period.
        octave_jump_cost: cost of each octave between neighboring frames.
        voiced_unvoiced_cost: cost of a voice's beginning or end.
        path_ahead_s: how much of what follows a frame the path is searched through before the
            frame's pitch is decided.

    Raises:
        FeatureError: a setting is impossible.
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
                raise FeatureError(f"{name} = {getattr(self, name)}; choose {low:g} to {high:g}")
        if self.floor_hz >= self.ceiling_hz:
            raise FeatureError(
                f"pitch from floor_hz = {self.floor_hz} to ceiling_hz = {self.ceiling_hz} cannot "
                "be tracked; choose a lower floor"
            )
        if not isinstance(self.n_candidates, int) or any(a >= b for a, b in pairwise(self.borders)):
            raise FeatureError(
                f"n_candidates = {self.n_candidates}; choose a whole number, and so few that every "
                f"one has a range of lags at {RATE_HZ} Hz to itself"
            )

    def plain(self) -> dict[str, float]:
        """All settings by name; equal ones are written alike."""
        return {**{k: float(v) for k, v in asdict(self).items()}, "n_candidates": self.n_candidates}

    @property
    def borders(self) -> list[int]:
        """Lags that bound the K ranges, from the ceiling's period outward to the floor's."""
        shortest, longest = RATE_HZ / self.ceiling_hz, RATE_HZ / self.floor_hz
        inner = [
            round(shortest * (longest / shortest) ** (k / self.n_candidates))
            for k in range(1, self.n_candidates)
        ]
        return [math.floor(shortest), *inner, math.ceil(longest) + 1]

    @property
    def taper_samples(self) -> int:
        """Length of the window, in samples at half the sample rate."""
        return 2 * round(self.periods_per_window * RATE_HZ / self.floor_hz / 2)

    def transitions(self, hop_s: float) -> Transitions:
        """Costs between frames that lie `hop_s` apart."""
        voiced = np.arange(self.n_candidates + 1) > 0
        turns = voiced[:, None] != voiced
        both = voiced[:, None] & voiced
        scale = np.float32(COST_INTERVAL_S / hop_s)
        return Transitions(
            fixed=scale * np.float32(self.voiced_unvoiced_cost) * turns,
            slope=scale * np.float32(self.octave_jump_cost) * both,
        )
