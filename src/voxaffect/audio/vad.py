"""Voice activity detection (VAD): which frames of a recording hold speech.

One detector for files, segments and streams. It works in the band of a telephone, so that the line
does not decide, on level and periodicity:

- A frame is active if its level exceeds the noise floor around it by a margin, which is smaller for
  voiced frames, and is not too far below the loud level around it.
- Active frames are speech near voiced ones: within a run of several periodic frames, a syllable,
  or within the reach of its consonants.

Hiss, hum and constants are their own noise floor; a muted microphone has no voiced frames. Letters:
T frames of 48 ms every 10 ms, each of which stands for the hop in its middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import ConfigError

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

HOP, WINDOW, N_FFT = 160, 768, 1024
"""Samples: 10 ms; 48 ms, three periods of the lowest voice; circular up to a lag of 256."""

LEAD = (WINDOW - HOP) // 2  # samples of a frame on either side of its hop
PER_S = SAMPLE_RATE_HZ / HOP

LEVEL_HZ = (100.0, 3400.0)  # band of the level
VOICE_HZ = (75.0, 2000.0)  # band of the autocorrelation
PITCH_HZ = (75.0, 500.0)
BLOCK_FRAMES = 512  # transformed at once: 2 MB

SILENCE_DB = -100.0  # lowest level, that of digital silence
DIGITAL_DB = -90.0  # frames below hold no sound at all, and tell nothing of the noise floor


@dataclass(frozen=True)
class VadSettings:
    """Thresholds of voice activity detection.

    Raises:
        ConfigError: a setting is not positive.
    """

    margin_db: float = 6.0  # how far an active frame exceeds the noise floor
    voiced_margin_db: float = 3.0  # the same if voiced
    range_db: float = 30.0  # below the loud level; breath and rustle between words lie lower
    neighborhood_s: float = 8.0  # how far from a frame its floor and loud level are looked for
    voicing: float = 0.5  # normalized autocorrelation from which a frame is voiced
    syllable_s: float = 0.05  # of consecutive voiced frames
    reach_s: float = 0.3  # from a syllable to the furthest active frame of its consonants
    closed_s: float = 0.1  # shorter gaps between active frames are speech, as plosives close
    edge_s: float = 0.03  # kept before and after
    least_s: float = 0.1  # of voiced speech, below which there is none

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < np.inf:
                raise ConfigError(f"{name} = {value} is out of range; choose a positive number")

    def frames(self, seconds: float) -> int:
        """Seconds as a number of frames."""
        return round(seconds * PER_S)


DEFAULT = VadSettings()


class ActivityTrack(NamedTuple):
    """Level and voicing of a recording's frames, and the recording's length."""

    level_db: Floats  # (T,), of the telephone band, dB of full scale
    voicing: Floats  # (T,), highest normalized autocorrelation of a voice's periods
    duration_s: float = 0.0

    @property
    def n_frames(self) -> int:
        """T."""
        return self.level_db.size


def track_of(samples: Floats) -> ActivityTrack:
    """Level and voicing of samples (n_samples,) at 16 kHz, T = ceil(n_samples / 160)."""
    n_frames = -(-samples.size // HOP)
    padded = np.zeros(n_frames * HOP + 2 * LEAD, np.float32)
    padded[LEAD : LEAD + samples.size] = samples
    return analyze(padded)._replace(duration_s=samples.size / SAMPLE_RATE_HZ)


def analyze(samples: Floats) -> ActivityTrack:
    """Level and voicing of every whole frame of samples, the first beginning with them."""
    if samples.size < WINDOW:
        return ActivityTrack(np.zeros(0, np.float32), np.zeros(0, np.float32))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    tables = track_tables()
    level_db, voicing = np.empty((2, len(frames)), np.float32)
    for first in range(0, len(frames), BLOCK_FRAMES):
        block = slice(first, first + BLOCK_FRAMES)
        spectra = fft.rfft(frames[block] * tables.window, N_FFT)
        power = np.square(spectra.real) + np.square(spectra.imag)
        energy = power[:, tables.level].sum(axis=1) * tables.scale
        level_db[block] = 10 * np.log10(np.maximum(energy, np.float32(10 ** (SILENCE_DB / 10))))
        voicing[block] = _voicing(power[:, tables.voice], tables)
    return ActivityTrack(level_db, voicing)


class Tables(NamedTuple):
    """Constants of `analyze`."""

    window: Floats  # (WINDOW,)
    scale: np.float32  # sum of a band's power spectrum -> mean square of the samples
    level: slice  # bins of the level
    voice: slice  # bins of the autocorrelation
    cosines: Floats  # (bins, lags + 2), autocorrelation over that of the window


@cache
def track_tables() -> Tables:
    """The constants; computed once."""
    window = np.hanning(WINDOW + 1)[:-1]
    level, voice = (
        slice(round(low * N_FFT / SAMPLE_RATE_HZ), round(high * N_FFT / SAMPLE_RATE_HZ) + 1)
        for low, high in (LEVEL_HZ, VOICE_HZ)
    )
    shortest, longest = (round(SAMPLE_RATE_HZ / hz) for hz in reversed(PITCH_HZ))
    lags = np.arange(shortest - 1, longest + 2)
    own = np.correlate(window, window, "full")[WINDOW - 1 :]
    angles = 2 * np.pi / N_FFT * np.arange(N_FFT)[voice, None] * lags
    cosines = np.cos(angles) * own[0] / own[lags]
    scale = 2 / (N_FFT * np.square(window).sum())
    return Tables(
        window.astype(np.float32), np.float32(scale), level, voice, cosines.astype(np.float32)
    )


def _voicing(power: Floats, tables: Tables) -> Floats:
    """Highest peak of the normalized autocorrelation (Boersma 1993) of power spectra (T, bins).

    It is that of the window divided by the window's own, from 0 to 1; only local maxima count,
    since low noises correlate the more the shorter the lag.
    """
    correlation = power @ tables.cosines
    inner = correlation[:, 1:-1]
    is_peak = (inner >= correlation[:, :-2]) & (inner >= correlation[:, 2:])
    highest = np.where(is_peak, inner, 0).max(axis=1)
    total = np.maximum(power.sum(axis=1), np.float32(1e-20))
    return np.asarray(np.clip(highest / total, 0, 1))


def speech_mask(track: ActivityTrack, settings: VadSettings = DEFAULT) -> Mask:
    """Whether each of T frames is speech; none is where there is too little of it."""
    mask, core = active_frames(track, settings)
    if core.sum() < settings.frames(settings.least_s):
        return np.zeros(track.n_frames, np.bool_)
    return mask


def active_frames(track: ActivityTrack, settings: VadSettings) -> tuple[Mask, Mask]:
    """Frames of speech, and those among them that are syllables' voiced cores, (T,) each."""
    if track.n_frames == 0:
        return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
    voiced = track.voicing >= settings.voicing
    active = track.level_db > _limit_db(track, voiced, settings)
    core = _opened(active & voiced, settings.frames(settings.syllable_s))
    speech = active & _dilated(core, settings.frames(settings.reach_s))
    # Closing: gaps vanish that are no wider than twice the dilation.
    half = settings.frames(settings.closed_s / 2)
    closed = ~_dilated(~_dilated(speech, half), half)
    return _dilated(speech | closed, settings.frames(settings.edge_s)), core


def _limit_db(track: ActivityTrack, voiced: Mask, settings: VadSettings) -> NDArray[np.float64]:
    """Level (T,) above which each frame is active."""
    size = 2 * settings.frames(settings.neighborhood_s) + 1
    loud = maximum_filter1d(_smoothed(track.level_db, 20), size, mode="nearest")
    quiet = np.where(track.level_db < DIGITAL_DB, np.inf, _smoothed(track.level_db, 10))
    floor = minimum_filter1d(quiet, size, mode="nearest")
    margin = np.where(voiced, settings.voiced_margin_db, settings.margin_db)
    limit: NDArray[np.float64] = np.maximum(floor + margin, loud - settings.range_db)
    return limit


def _smoothed(level_db: Floats, n_frames: int) -> NDArray[np.float64]:
    """Levels of the mean power of as many frames."""
    power = uniform_filter1d(10 ** (level_db.astype(np.float64) / 10), n_frames, mode="nearest")
    return 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10)))


def _dilated(mask: Mask, n_frames: int) -> Mask:
    """Frames with one of a mask at most so many frames away."""
    return maximum_filter1d(mask, 2 * n_frames + 1, mode="constant", cval=0).astype(np.bool_)


def _opened(mask: Mask, n_frames: int) -> Mask:
    """Runs of at least so many frames of a mask."""
    half = n_frames // 2
    eroded = minimum_filter1d(mask, 2 * half + 1, mode="constant", cval=0).astype(np.bool_)
    return _dilated(eroded, half)
