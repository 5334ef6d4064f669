"""What of a recording is a reason to trust an answer less, heard in its samples alone.

Each caveat has a stable code for programs and a sentence for people. Thresholds are set so that
clean studio speech keeps quiet; `docs/predict.md` tells how often each speaks up on real corpora.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

# How far speech stands above noise, from the distribution of sample magnitudes (WADA-SNR).
#
# Speech is mostly near zero with rare large samples, noise is not: the logarithm of the mean
# magnitude exceeds the mean of the logarithms by much for clean speech and by 0.409 for Gaussian
# noise. Chanwoo Kim and Richard M. Stern, "Robust signal-to-noise ratio estimation based on
# waveform amplitude distribution analysis", Interspeech 2008: speech is taken to be Gamma
# distributed with shape 0.4, noise to be Gaussian, and the difference is read as a ratio off a
# table.

SHAPE = 0.4
"""Of the Gamma distribution of the magnitudes of speech."""

RATIOS_DB = np.arange(-10.0, 51.0, 5.0)
DIFFERENCES = np.array(
    [
        *(0.4121, 0.4238, 0.4618, 0.5436, 0.6673, 0.8123, 0.9558),
        *(1.0847, 1.1941, 1.2842, 1.3573, 1.4159, 1.4628),
    ]
)
"""ln E|x| - E ln|x| at each of these ratios, by numerical integration of the model."""

FLOOR = 1e-4
"""Share of the mean magnitude below which a sample counts as that: digital silence has no log."""


def estimate_snr_db(samples: NDArray[np.float32]) -> float:
    """Ratio of speech to noise.

    Args:
        samples: float32 (n_samples,), not all zero.

    Returns:
        decibels, from -10 to 50, the ends of the table.
    """
    magnitudes = np.abs(samples)
    mean = float(magnitudes.mean(dtype=np.float64))
    logarithms = np.log(np.maximum(magnitudes, np.float32(FLOOR * mean)))
    difference = np.log(mean) - logarithms.mean(dtype=np.float64)
    return float(np.interp(difference, DIFFERENCES, RATIOS_DB))


WINDOW = 1024
BIN_HZ = SAMPLE_RATE_HZ / WINDOW
BLOCK_WINDOWS = 1024

Floats = NDArray[np.float32]


def power_spectra(samples: Floats) -> Floats:
    """Squared magnitudes (n_windows, 513) of Hann windows; a rest shorter than a window is left.

    Args:
        samples: float32 (n_samples,) at 16 kHz.
    """
    n = samples.size // WINDOW
    windows = samples[: n * WINDOW].reshape(n, WINDOW)
    taper = np.hanning(WINDOW).astype(np.float32)
    power = np.empty((n, WINDOW // 2 + 1), np.float32)
    for first in range(0, n, BLOCK_WINDOWS):
        spectra = np.fft.rfft(windows[first : first + BLOCK_WINDOWS] * taper)
        power[first : first + BLOCK_WINDOWS] = np.square(spectra.real) + np.square(spectra.imag)
    return power


BAND_HZ = 250
SPEECH_HZ = (300, 3400)
"""What every telephone carries; the level of other bands is told relative to it."""

BELOW_DB = 55.0
"""A band that lies this far below speech is empty. Consonants of wide-band speech lie 15 to 30 dB
below it, the stop bands of resamplers 60 and more, the last bit of 16-bit audio about 75."""


def bandwidth_hz(spectra: NDArray[np.float32]) -> float:
    """The upper edge of the highest band of 250 Hz that is not empty.

    Args:
        spectra: power spectra (n_windows, 513).

    Returns:
        Hz, at most 8,000, and that where there is no window.
    """
    if len(spectra) == 0:
        return SAMPLE_RATE_HZ / 2
    power = spectra.mean(axis=0, dtype=np.float64)
    low, high = (round(edge / BIN_HZ) for edge in SPEECH_HZ)
    bands = power[:-1].reshape(-1, round(BAND_HZ / BIN_HZ)).mean(axis=1)
    held = bands > power[low:high].mean() * 10 ** (-BELOW_DB / 10)
    return float(BAND_HZ * (np.flatnonzero(held).max(initial=-1) + 1))


# How much of a recording is held tones, as in music: spectra whose fine structure stands still.
#
# The pitch of a voice glides, and with it all its harmonics: an eighth of a second later the
# ripples of the spectrum lie elsewhere. Those of a note that is held lie where they were. What is
# told apart is thus held from gliding; drums alone, noise and rap are not found, and a chanted
# vowel is.

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

FEWEST = 5
"""Pairs of windows that are worth a share."""


def music_likelihood(spectra: Floats) -> float:
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


SHORT_S = 0.5
"""Fewer syllables than two."""

CLIPPED_SHARE = 0.01
NOISY_DB = 5.0
MUSIC_THRESHOLD = 0.4
NARROW_HZ = 4250.0
"""Telephone lines end at 3.4 kHz, and whatever was sampled at 8 kHz below 4 kHz."""


@dataclass(frozen=True)
class QualityWarning:
    """A reason to trust an answer less.

    Args:
        code: stable name for programs: short, clipped, noisy, music, narrow-band, unfamiliar.
        text: the same for people, with its measure.
    """

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


def quality_warnings(waveform: Waveform) -> tuple[QualityWarning, ...]:
    """All caveats of a recording as it was decoded, before any gain.

    Args:
        waveform: not silent; what is silent is refused elsewhere.
    """
    spectra = power_spectra(waveform.samples)
    found = (
        _short(waveform.duration_s),
        _clipped(waveform.clipped_share()),
        _noisy(estimate_snr_db(waveform.samples)),
        _music(music_likelihood(spectra)),
        _narrow_band(bandwidth_hz(spectra)),
    )
    return tuple(caveat for caveat in found if caveat is not None)


def _short(duration_s: float) -> QualityWarning | None:
    if duration_s >= SHORT_S:
        return None
    return QualityWarning("short", f"short ({duration_s:.2f} s)")


def _clipped(share: float) -> QualityWarning | None:
    if share <= CLIPPED_SHARE:
        return None
    return QualityWarning("clipped", f"clipped ({share:.0%} of samples at full scale)")


def _noisy(ratio_db: float) -> QualityWarning | None:
    if ratio_db >= NOISY_DB:
        return None
    return QualityWarning("noisy", f"noisy (speech about {ratio_db:.0f} dB above noise)")


def _music(share: float) -> QualityWarning | None:
    if share <= MUSIC_THRESHOLD:
        return None
    return QualityWarning("music", f"music-like (tones are held in {share:.0%} of it)")


def _narrow_band(edge_hz: float) -> QualityWarning | None:
    if edge_hz > NARROW_HZ:
        return None
    return QualityWarning("narrow-band", f"narrow band (nothing above {edge_hz / 1000:.1f} kHz)")
