"""Rooms: the direct sound, and behind it what walls send back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from voxaffect.audio.degrade.degradation import heard
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

DECAY_DB = 80.0
"""How far the response falls before it is cut off."""


@dataclass(frozen=True)
class Reverberation:
    """A room that decays alike at all frequencies; every recording is made in another one.

    Args:
        rt60_s: time in which the room's sound decays by 60 dB.
        direct_to_reverberant_db: energy of the direct sound against that of the room; it falls as
            the microphone goes away.
    """

    rt60_s: float
    direct_to_reverberant_db: float

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return f"room-{1000 * self.rt60_s:g}ms"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "room"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return f"RT60 {self.rt60_s:g} s, DRR {self.direct_to_reverberant_db:g} dB"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:
        """Speech in the room, as long as it was; the direct sound stays where it was."""
        response = self.response(np.random.default_rng(seed))
        return heard(fftconvolve(waveform.samples, response), waveform)

    def response(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Impulse response: the direct sound, 1, then noise that decays exponentially.

        Polack's model (1988) of the late part, taken for all of it: early reflections, which tell
        one room of an RT60 from another, are not modelled.
        """
        n_samples = round(self.rt60_s * SAMPLE_RATE_HZ * DECAY_DB / 60)
        time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
        room = rng.standard_normal(n_samples) * 10 ** (-3 * time_s / self.rt60_s)
        room *= 10 ** (-self.direct_to_reverberant_db / 20) / np.linalg.norm(room)
        return np.concatenate([[1.0], room])
