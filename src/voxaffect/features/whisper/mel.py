"""Log-mel spectrogram of Whisper (Radford et al. 2022), as its own `audio.py` defines it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.spectra import power_spectrum

WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
POWER_FLOOR = 1e-10
RANGE = 8.0  # decades below the recording's maximum, at which its values are cut off
BLOCK_FRAMES = 512
"""Frames that are transformed at once: their windows stay in a processor's cache."""


def slaney_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mel scale of Slaney's Auditory Toolbox (1998): linear up to 1 kHz, then logarithmic."""
    above = 15.0 + np.log(np.maximum(frequency_hz, 1000.0) / 1000.0) * 27.0 / np.log(6.4)
    return np.where(frequency_hz < 1000.0, frequency_hz * 3.0 / 200.0, above)


def slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `slaney_mel`, in Hz."""
    above = 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) * np.log(6.4) / 27.0)
    return np.where(mel < 15.0, mel * 200.0 / 3.0, above)


@cache
def mel_filters(n_mels: int) -> Tensor:
    """Filter bank, float32 (201, n_mels): triangles of equal area, up to 8 kHz.

    Triangles are linear in Hz between edges that are equally spaced on Slaney's scale, each
    divided by half its width.
    """
    bins = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
    top = slaney_mel(np.array(SAMPLE_RATE_HZ / 2))
    edges = slaney_hz(np.linspace(0.0, float(top), n_mels + 2))
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return torch.from_numpy((triangles * 2.0 / (edges[2:] - edges[:-2])).astype(np.float32))


@cache
def _window() -> Tensor:
    return torch.hann_window(WINDOW_SAMPLES, periodic=True)


def log_power(samples: Tensor, n_mels: int, n_frames: int) -> Tensor:
    """Decadic logarithm of the power in mel bands, float32 (n_frames, n_mels).

    Frame i is centered at sample 160 i; samples (n_samples,) are reflected at both ends, of which
    there must be more than 200.
    """
    half = WINDOW_SAMPLES // 2
    padded = torch.nn.functional.pad(samples[None], (half, half), mode="reflect")[0]
    frames = padded.unfold(0, WINDOW_SAMPLES, HOP_SAMPLES)[:n_frames]
    window, filters = _window().to(samples.device), mel_filters(n_mels).to(samples.device)
    values = samples.new_empty(n_frames, n_mels)
    for first in range(0, n_frames, BLOCK_FRAMES):
        power = power_spectrum(frames[first : first + BLOCK_FRAMES] * window)
        torch.mm(power, filters, out=values[first : first + BLOCK_FRAMES])
    return values.clamp_min_(POWER_FLOOR).log10_()


def scaled(log_powers: Tensor, maximum: Tensor | float) -> Tensor:
    """What the encoder sees: values cut off 8 below the maximum, plus 4, divided by 4; in place."""
    return log_powers.clamp_min_(float(maximum) - RANGE).add_(4.0).mul_(0.25)
