"""What lies between a mouth and a file: a room, a microphone's band, noise and a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.glottis import tilt
from voxaffect.simulation.levels import Samples, factor, rms, within_full_scale
from voxaffect.simulation.voice import NEUTRAL_RMS


@dataclass(frozen=True, slots=True)
class Channel:
    """A recording situation; each recording draws its own impulse response and noise.

    Args:
        rt60_s: time in which the room's sound decays by 60 dB.
        direct_to_reverberant_db: energy of the direct sound against that of the room.
        low_hz: lower band limit.
        high_hz: upper band limit, below 8 kHz.
        dullness_db: fall of the microphone's response at 3 kHz, at least 0.
        snr_db: neutral speech against the noise; shouting stands further above it.
        snr_spread_db: standard deviation of that between recordings.
        gain_db: recording level.
        gain_spread_db: standard deviation of that between recordings.
    """

    rt60_s: float
    direct_to_reverberant_db: float
    low_hz: float
    high_hz: float
    dullness_db: float
    snr_db: float
    snr_spread_db: float = 0.0
    gain_db: float = 0.0
    gain_spread_db: float = 0.0

    def record(self, speech: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Speech at 16 kHz as the channel delivers it, (n_samples,), within full scale."""
        samples = fftconvolve(speech, self.impulse_response(rng))[: speech.size]
        samples += self._noise(speech.size, rng)
        band = butter(2, [self.low_hz, self.high_hz], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        gain = factor(rng.normal(self.gain_db, self.gain_spread_db))
        heard = tilt(sosfilt(band, samples), self.dullness_db)
        recorded = within_full_scale(heard * gain)
        return recorded.astype(np.float32)

    def impulse_response(self, rng: np.random.Generator) -> Samples:
        """Direct sound, then noise that decays by 60 dB in `rt60_s` (Polack 1988)."""
        n_samples = round(self.rt60_s * SAMPLE_RATE_HZ)
        decay = 10 ** (-3 * np.arange(n_samples) / n_samples)
        room = rng.normal(size=n_samples) * decay
        room *= factor(-self.direct_to_reverberant_db) / np.linalg.norm(room)
        return np.concatenate([[1.0], room])

    def _noise(self, n_samples: int, rng: np.random.Generator) -> Samples:
        """Noise that falls towards high frequencies, as that of rooms and machines does."""
        noise = tilt(rng.normal(size=n_samples), 15.0)
        snr_db = rng.normal(self.snr_db, self.snr_spread_db)
        return noise * NEUTRAL_RMS * factor(-snr_db) / rms(noise)


# A sound-treated studio, an anechoic chamber, a laboratory room, broadcast talk; a class room with
# a microphone worn on the head, a lecture room with a camera; a booth with two microphones.
STUDIO = Channel(0.2, 14.0, 60.0, 7800.0, 2.0, 45.0, 2.0)
ANECHOIC = Channel(0.05, 25.0, 40.0, 7800.0, 0.0, 50.0, 2.0, gain_db=4.0)
LABORATORY = Channel(0.35, 8.0, 80.0, 7000.0, 6.0, 34.0, 3.0, gain_db=-4.0)
BROADCAST = Channel(0.4, 9.0, 120.0, 6500.0, 4.0, 22.0, 4.0, gain_db=2.0, gain_spread_db=3.0)
CLASSROOM = Channel(0.5, 12.0, 100.0, 7200.0, 3.0, 26.0, 4.0, gain_spread_db=3.0)
LECTURE_ROOM = Channel(0.45, 10.0, 80.0, 7800.0, 3.0, 30.0, 4.0, gain_db=-2.0, gain_spread_db=2.0)
BOOM = Channel(0.15, 12.0, 60.0, 7800.0, 1.0, 40.0, 2.0, gain_db=-3.0)
HEADSET = Channel(0.15, 24.0, 80.0, 7800.0, 0.0, 44.0, 2.0)
