"""Log-mel spectrogram of Whisper (Radford et al. 2022), as its own `audio.py` defines it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.spectra import power_spectrum

WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
POWER_FLOOR = 1e-10
RANGE = 8.0  # decades below the maximum, at which values are cut off
BLOCK_FRAMES = 512
"""Frames that are transformed at once: their windows stay in a processor's cache."""

KNEE_HZ, KNEE_MEL = 1000.0, 15.0  # where Slaney's scale changes from linear to logarithmic
HZ_PER_MEL = KNEE_HZ / KNEE_MEL
LOG_STEP = np.log(6.4) / 27.0  # per mel, above the knee


def slaney_mel(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Mel scale of Slaney's Auditory Toolbox (1998): linear up to 1 kHz, then logarithmic.

    >>> float(slaney_mel(1000.0)), float(slaney_mel(6400.0))
    (15.0, 42.0)
    """
    hz = np.asarray(frequency_hz, np.float64)
    above = KNEE_MEL + np.log(np.maximum(hz, KNEE_HZ) / KNEE_HZ) / LOG_STEP
    return np.where(hz < KNEE_HZ, hz / HZ_PER_MEL, above)


def slaney_hz(mel: ArrayLike) -> NDArray[np.float64]:
    """Inverse of `slaney_mel`, in Hz."""
    mels = np.asarray(mel, np.float64)
    above = KNEE_HZ * np.exp((np.maximum(mels, KNEE_MEL) - KNEE_MEL) * LOG_STEP)
    return np.where(mels < KNEE_MEL, mels * HZ_PER_MEL, above)


@cache
def mel_filters(n_mels: int) -> Tensor:
    """Filter bank, float32 (201, n_mels): triangles of equal area, up to 8 kHz.

    Linear in Hz between edges that are equally spaced on Slaney's scale, and divided by half the
    width.
    """
    bins = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
    edges = slaney_hz(np.linspace(0.0, slaney_mel(SAMPLE_RATE_HZ / 2), n_mels + 2))
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return torch.from_numpy((triangles * 2.0 / (edges[2:] - edges[:-2])).astype(np.float32))


@cache
def _window() -> Tensor:
    return torch.hann_window(WINDOW_SAMPLES, periodic=True)


def log_mel(samples: Tensor, n_mels: int, n_frames: int) -> Tensor:
    """What the encoder sees of a recording, float32 (n_frames, n_mels).

    Decadic logarithm of the power in mel bands, cut off 8 below its maximum, plus 4, divided by 4.
    Frame i is centered at sample 160 i; samples (n_samples,), at full scale 1, are reflected at
    both ends, of which there must be more than 200.
    """
    half = WINDOW_SAMPLES // 2
    padded = functional.pad(samples[None], (half, half), mode="reflect")[0]
    frames = padded.unfold(0, WINDOW_SAMPLES, HOP_SAMPLES)[:n_frames]
    window, filters = _window().to(samples.device), mel_filters(n_mels).to(samples.device)
    values = samples.new_empty(n_frames, n_mels)
    blocks = (torch.split(each, BLOCK_FRAMES) for each in (frames, values))
    for block, rows in zip(*blocks, strict=True):
        torch.mm(power_spectrum(block * window), filters, out=rows)
    values.clamp_min_(POWER_FLOOR).log10_()
    return torch.maximum(values, values.max() - RANGE).add_(4.0).mul_(0.25)
