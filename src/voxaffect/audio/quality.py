"""Audio quality warnings: short, clipped, noisy, tonal, music-like or narrow-band recordings.

Clean studio speech raises none; `docs/predict.md` states how often each occurs on real corpora.
They are measured on the sound alone: a constant offset, rumble or digital silence changes none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Floats, Waveform

MIN_DURATION_S = 0.5  # less than two syllables
MAX_CLIPPED_SHARE = 0.01
MIN_SNR_DB = 5.0
NOISE_SNR_DB = -5.0  # speech of which so little is left that nobody could tell how it sounds
MUSIC_THRESHOLD = 0.4
TONE_THRESHOLD = 0.8
MIN_BANDWIDTH_HZ = 7250.0
"""Recordings at 16 kHz, such as those of the training corpora, reach 7.5 to 7.9 kHz; what was
sampled at 14.5 kHz or less ends here or below, as do telephone lines (3.4 kHz) and MP3 at 24 kbit/s
(5.9 kHz)."""


@dataclass(frozen=True)
class QualityWarning:
    """Reason to trust a prediction less."""

    code: str  # for programs: short, clipped, noisy, noise, music, tone, narrow-band, unfamiliar
    text: str  # the same for people, with the measured value

    def __str__(self) -> str:
        return self.text


def quality_warnings(waveform: Waveform, sound: Floats | None = None) -> tuple[QualityWarning, ...]:
    """All warnings for a recording as it was decoded, before any gain; silence has none.

    `sound` is what `voxaffect.audio.speech.sound_of` gives of it, where that is known.
    """
    if sound is None:
        from voxaffect.audio.speech import sound_of  # noqa: PLC0415 (needs SciPy)

        _, sound = sound_of(waveform.samples)
    if not sound.any():
        return ()
    spectra = power_spectra(sound)
    duration_s, share = waveform.duration_s, waveform.clipped_share()
    snr_db, edge_hz = estimate_snr_db(sound), bandwidth_hz(spectra)
    music, tone = music_likelihood(spectra), tone_likelihood(spectra)
    noisy = f"noisy (speech about {snr_db:.0f} dB above noise)"
    noise = f"noise (speech, if there is any, is about {-snr_db:.0f} dB below it)"
    narrow = f"narrow band (nothing above {edge_hz / 1000:.1f} kHz)"
    checks = (
        (duration_s < MIN_DURATION_S, "short", f"short ({duration_s:.2f} s)"),
        (share > MAX_CLIPPED_SHARE, "clipped", f"clipped ({share:.0%} of samples at full scale)"),
        (snr_db < MIN_SNR_DB, "noisy", noisy),
        (snr_db < NOISE_SNR_DB, "noise", noise),
        (music > MUSIC_THRESHOLD, "music", f"music-like (steady tones in {music:.0%} of it)"),
        (tone > TONE_THRESHOLD, "tone", f"no voice (a single tone in {tone:.0%} of it)"),
        (edge_hz <= MIN_BANDWIDTH_HZ, "narrow-band", narrow),
    )
    return tuple(QualityWarning(code, text) for applies, code, text in checks if applies)


SHAPE = 0.4  # shape of the Gamma distribution of speech magnitudes
RATIOS_DB = np.arange(-10.0, 51.0, 5.0)
DIFFERENCES = np.array(
    [
        *(0.4121, 0.4238, 0.4618, 0.5436, 0.6673, 0.8123, 0.9558),
        *(1.0847, 1.1941, 1.2842, 1.3573, 1.4159, 1.4628),
    ]
)
"""ln E|x| - E ln|x| at each of these ratios, by numerical integration of the model."""

MIN_MAGNITUDE = 1e-4  # as a share of the mean magnitude: digital silence has no logarithm


def estimate_snr_db(samples: Floats) -> float:
    """Signal-to-noise ratio from the distribution of sample magnitudes (WADA-SNR).

    The log mean magnitude of clean speech exceeds the mean of logs by much; for Gaussian noise the
    difference is 0.409. A table for Gamma distributed speech in Gaussian noise maps it to a ratio.
    Kim & Stern, "Robust signal-to-noise ratio estimation based on waveform amplitude distribution
    analysis", Interspeech 2008. Samples (n,) may not all be zero; -10 and 50 dB are the limits.
    """
    magnitudes = np.abs(samples)
    mean = float(magnitudes.mean(dtype=np.float64))
    logarithms = np.log(np.maximum(magnitudes, np.float32(MIN_MAGNITUDE * mean)))
    difference = np.log(mean) - logarithms.mean(dtype=np.float64)
    return float(np.interp(difference, DIFFERENCES, RATIOS_DB))


WINDOW = 1024
BIN_HZ = SAMPLE_RATE_HZ / WINDOW
BLOCK_WINDOWS = 1024


def power_spectra(samples: Floats) -> Floats:
    """Power spectra of consecutive Hann windows of 64 ms, (n,) at 16 kHz -> (n_windows, 513)."""
    n = samples.size // WINDOW
    windows = samples[: n * WINDOW].reshape(n, WINDOW)
    taper = np.hanning(WINDOW).astype(np.float32)
    power = np.empty((n, WINDOW // 2 + 1), np.float32)
    for first in range(0, n, BLOCK_WINDOWS):
        spectra = np.fft.rfft(windows[first : first + BLOCK_WINDOWS] * taper)
        power[first : first + BLOCK_WINDOWS] = np.square(spectra.real) + np.square(spectra.imag)
    return power


LOUD_DB = 25.0  # windows further below the loudest are pauses and reverberation
HEARD_DB = 30.0  # the same, with weak consonants
MIN_WINDOWS = 5  # fewest loud windows, or pairs of them, for a share


def _louder(power: Floats, range_db: float) -> NDArray[np.bool_]:
    """Which windows, of the power (n_windows,) of each, are not that far below the loudest."""
    return np.asarray(power > power.max(initial=0) * 10 ** (-range_db / 10))


BAND_HZ = 125
SPEECH_HZ = (300, 3400)  # band of every telephone, reference for the level of other bands
EMPTY_DB = 60.0
"""A band this far below speech is empty. Consonants of wide-band speech are 15 to 45 dB below it,
stop bands of resamplers 60 and more, the last bit of 16-bit audio about 75 at the usual level."""

FLOOR_DB = -89.0
"""So is a band no louder than white noise of this level in dB of full scale: rounding to 16 bits
(-101), its dither (-96) and codecs leave as much where there was no sound."""


def bandwidth_hz(spectra: Floats) -> float:
    """Upper edge of the highest band of 125 Hz of `power_spectra` that is not empty.

    Only loud windows count, so that noise in long pauses does not fill a band.
    """
    loud = spectra[_louder(spectra.sum(axis=1), HEARD_DB)]
    if len(loud) == 0:
        return SAMPLE_RATE_HZ / 2
    power = loud.mean(axis=0, dtype=np.float64)
    low, high = (round(edge / BIN_HZ) for edge in SPEECH_HZ)
    bands = power[:-1].reshape(-1, round(BAND_HZ / BIN_HZ)).mean(axis=1)
    floor = 10 ** (FLOOR_DB / 10) * np.square(np.hanning(WINDOW)).sum()
    used = bands > max(power[low:high].mean() * 10 ** (-EMPTY_DB / 10), floor)
    return float(BAND_HZ * (np.flatnonzero(used).max(initial=-1) + 1))


LOBE_BINS = 4  # on either side of a tone, 62 Hz: what the window makes of it, and of a glide
TONE_SHARE = 0.98


def tone_likelihood(spectra: Floats) -> float:
    """Share of loud `power_spectra` with 98 % of their power in one tone, steady or gliding.

    A voice has such moments, in nasals and closed vowels, and not for long; whistles, sweeps and
    test tones have nothing else. Too few windows return 0.
    """
    loud = spectra[_louder(spectra.sum(axis=1), LOUD_DB)]
    if len(loud) < MIN_WINDOWS:
        return 0.0
    sums = np.cumsum(np.pad(loud, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    peaks = loud.argmax(axis=1)
    rows = np.arange(len(loud))
    below, above = peaks - LOBE_BINS, peaks + LOBE_BINS + 1
    n_bins = loud.shape[1]
    lobe = sums[rows, np.minimum(above, n_bins)] - sums[rows, np.maximum(below, 0)]
    return float((lobe > TONE_SHARE * sums[:, -1]).mean())


LAG = 2
"""Distance of compared windows, 128 ms: longer than a window, shorter than most notes and than most
stretches in which a voice keeps its pitch."""

RANGE_HZ = (200, 4000)
SMOOTHING_BINS = 33  # of the subtracted mean, 516 Hz: it removes formants and keeps harmonics
MIN_CORRELATION = 0.6  # correlation above which two fine structures are the same


def music_likelihood(spectra: Floats) -> float:
    """Share of loud `power_spectra` with the same fine structure 128 ms later: held tones.

    The pitch of a voice glides, and with it all harmonics; those of a held note stay. Drums alone,
    noise and rap are not detected as music; a chanted vowel is. Too few windows return 0.
    """
    n_compared = len(spectra) - LAG
    if n_compared < MIN_WINDOWS:
        return 0.0
    starts = range(0, n_compared, BLOCK_WINDOWS)
    parts = [_compare(spectra[at : at + BLOCK_WINDOWS + LAG]) for at in starts]
    correlation, power = (np.concatenate(part) for part in zip(*parts, strict=True))
    same = correlation[_louder(power, LOUD_DB)] > MIN_CORRELATION
    return float(same.mean()) if same.size >= MIN_WINDOWS else 0.0


def _compare(spectra: Floats) -> tuple[Floats, Floats]:
    """Each window's correlation with the one LAG later, and the lower power of both."""
    low, high = (round(edge / BIN_HZ) for edge in RANGE_HZ)
    band = spectra[:, low:high]
    power = band.sum(axis=1)
    magnitudes = np.sqrt(band)
    offset = np.float32(1e-3) * magnitudes.max(initial=np.float32(1e-12))
    levels = np.log(magnitudes + offset / np.float32(np.sqrt(high - low)))
    # Minus their moving mean over frequency, of mean 0 and norm 1.
    half = SMOOTHING_BINS // 2
    padded = np.pad(levels, ((0, 0), (half + 1, half)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    fine = levels - (sums[:, SMOOTHING_BINS:] - sums[:, :-SMOOTHING_BINS]) / SMOOTHING_BINS
    fine -= fine.mean(axis=1, keepdims=True)
    fine /= np.linalg.norm(fine, axis=1, keepdims=True) + 1e-9
    fine = np.asarray(fine, np.float32)
    correlation = np.einsum("tk,tk->t", fine[:-LAG], fine[LAG:])
    return correlation, np.minimum(power[:-LAG], power[LAG:])
