"""The telephone: its band, its sampling rate, and what its eight bits a sample leave."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile as sf
import soxr
from scipy.signal import fftconvolve, firwin

from voxaffect.audio.degrade.degradation import Samples, heard
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

RATE_HZ = 8_000
BAND_HZ = (300.0, 3_400.0)
"""Where the filter is at -6 dB."""

TAPS = 257
"""Of a filter with linear phase, 32 ms: the band's borders are 100 Hz wide."""


@dataclass(frozen=True)
class Telephone:
    """A line of 300 to 3,400 Hz at 8 kHz; neither filter nor resampling delays it.

    Args:
        companded: whether samples pass through ITU-T G.711, mu-law, as well.
    """

    companded: bool

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return "phone-mulaw" if self.companded else "phone-band"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "telephone"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return "300-3400 Hz at 8 kHz" + (", G.711 mu-law" if self.companded else "")

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Speech at the other end of the line, at 16 kHz again."""
        narrow = soxr.resample(waveform.samples, SAMPLE_RATE_HZ, RATE_HZ)
        response = firwin(TAPS, BAND_HZ, pass_zero=False, fs=RATE_HZ)
        line = fftconvolve(narrow, response)[TAPS // 2 :][: narrow.size]
        received = mu_law(line) if self.companded else line
        return heard(soxr.resample(received, RATE_HZ, SAMPLE_RATE_HZ), waveform)


def mu_law(samples: Samples) -> Samples:
    """What is left of samples (n,) at any rate after G.711 mu-law; full scale clips, as it must."""
    file = io.BytesIO()
    sf.write(file, np.clip(samples, -1, 1), RATE_HZ, format="WAV", subtype="ULAW")
    file.seek(0)
    decoded: Samples = sf.read(file, dtype="float64")[0]
    return decoded
