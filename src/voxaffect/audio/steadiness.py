"""How much of a recording is held tones, as in music: spectra whose fine structure stands still.

The pitch of a voice glides, and with it all its harmonics: an eighth of a second later the ripples
of the spectrum lie elsewhere. Those of a note that is held lie where they were. What is told apart
is thus held from gliding; drums alone, noise and rap are not found, and a chanted vowel is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.power import BIN_HZ

LAG = 2
"""Windows between the spectra that are compared, 128 ms: longer than a window, shorter than most
notes and most stretches in which a voice keeps its pitch."""

RANGE_HZ = (200, 4000)
SMOOTHING_BINS = 33
"""Width of the mean that is taken off, 516 Hz: formants go, harmonics stay."""

ALIKE = 0.6
"""Correlation from which two fine structures are the same."""

LOUD_DB = 25.0
"""Windows further below the loudest are pauses and reverberation."""

BLOCK_WINDOWS = 1024
FEWEST = 5
"""Pairs of windows that are worth a share."""

Floats = NDArray[np.float32]


def held_share(spectra: Floats) -> float:
    """Share of the loud windows whose fine structure is the same 128 ms later.

    Args:
        spectra: power spectra (n_windows, 513) of windows of 64 ms, one after another.

    Returns:
        0 to 1; 0 for what is too short to tell.
    """
    n_compared = len(spectra) - LAG
    if n_compared < FEWEST:
        return 0.0
    starts = range(0, n_compared, BLOCK_WINDOWS)
    parts = [_compared(spectra[at : at + BLOCK_WINDOWS + LAG]) for at in starts]
    likeness, power = (np.concatenate(part) for part in zip(*parts, strict=True))
    loud = power > power.max() * 10 ** (-LOUD_DB / 10)
    return float((likeness[loud] > ALIKE).mean()) if loud.sum() >= FEWEST else 0.0


def _compared(spectra: Floats) -> tuple[Floats, Floats]:
    """Of each window but the last LAG: likeness to the one LAG later, and the lesser power."""
    low, high = (round(edge / BIN_HZ) for edge in RANGE_HZ)
    band = spectra[:, low:high]
    power = band.sum(axis=1)
    fine = _fine_structure(np.sqrt(band))
    likeness = np.einsum("tk,tk->t", fine[:-LAG], fine[LAG:])
    return likeness, np.minimum(power[:-LAG], power[LAG:])


def _fine_structure(spectra: Floats) -> Floats:
    """Log magnitudes (T, K) less their moving mean over frequency, each of mean 0 and length 1."""
    floor = np.float32(1e-3) * spectra.max(initial=np.float32(1e-12))
    levels = np.log(spectra + floor / np.float32(np.sqrt(spectra.shape[1])))
    half = SMOOTHING_BINS // 2
    padded = np.pad(levels, ((0, 0), (half + 1, half)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    envelope = (sums[:, SMOOTHING_BINS:] - sums[:, :-SMOOTHING_BINS]) / SMOOTHING_BINS
    fine = levels - envelope
    fine -= fine.mean(axis=1, keepdims=True)
    fine /= np.linalg.norm(fine, axis=1, keepdims=True) + 1e-9
    standing: Floats = fine.astype(np.float32)
    return standing
