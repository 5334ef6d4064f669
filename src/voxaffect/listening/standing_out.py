"""Which frames stand out as speech, of a file as of an endless stream.

A frame is active if its energy stands well above the floor of its neighbourhood, or a little where
it is voiced, and not too far below the loud level there. What the neighbourhood is, the caller
says: a file's frames have one on both sides, a stream's only behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ConfigError

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
        range_db: how far below the loud level of its neighbourhood it may lie, where the floor is
            lower than that: breath and rustle between words are no speech.
        neighbourhood_s: how far the floor and the loud level of a frame are looked for.
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
    neighbourhood_s: float = 8.0
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
