"""Signal-to-noise ratio (SNR) of utterances, estimated from their frames.

The SNR is estimated from frames that are stored anyway: the root mean square (RMS) level that 95 %
of the frames stay below over the one that 10 % stay below, in dB. In most recordings some speech is
as loud as the first, and a pause or closure as quiet as the second. A recording without a pause
shows less than it has, and noise alone about 0 dB. The RMS of our own descriptors is of
pre-emphasized, Hamming-windowed frames, averaged over three, so that hum and rumble count little;
gain normalization does not change a ratio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.metrics import Floats, ratio

RMS_COLUMNS = {"low-level descriptors": "energy", "opensmile": "pcm_RMSenergy_sma"}
"""Extractor, as its settings name it -> its RMS column. Other sets have none."""

MOST_DB = 96.0  # upper limit, the range of 16-bit samples: the SNR of pauses of digital silence
BLOCK = 4096  # utterances whose levels are sorted at once: some MB


def rms_column(feature_settings: Mapping[str, Any]) -> int | None:
    """Index of the RMS column in the feature settings of a store, None where there is none."""
    extractor = feature_settings.get("extractor")
    kind = extractor.get("extractor") if isinstance(extractor, Mapping) else extractor
    names = list(feature_settings.get("names", ()))
    name = RMS_COLUMNS.get(str(kind))
    return names.index(name) if name in names else None


def signal_to_noise_db(frames: Sequence[NDArray[np.float32]], column: int) -> Floats:
    """SNR of N utterances (T, F), T >= 1, by their RMS column: level of loud over quiet frames.

    Returns:
        float64 (N,) in dB, from 0 to MOST_DB; NaN for an utterance of zeros.
    """
    starts = range(0, len(frames), BLOCK)
    blocks = ([some[:, column] for some in frames[at : at + BLOCK]] for at in starts)
    levels = np.concatenate([np.zeros((0, 2)), *map(_quiet_and_loud, blocks)])
    quiet, loud = np.maximum(levels, levels[:, 1:] * 10 ** (-MOST_DB / 20)).T
    decibels: Floats = 20 * np.log10(ratio(loud, quiet))
    return decibels


def _quiet_and_loud(levels: Sequence[NDArray[np.float32]]) -> Floats:
    """Two order statistics of each utterance's levels (N, 2), by one sort."""
    lengths = np.array([len(some) for some in levels])
    owner = np.repeat(np.arange(len(levels), dtype=np.uint64), lengths)
    # Floats from 0 up sort as their bits do; `abs` also clears the sign of -0.
    bits = np.abs(np.concatenate(levels)).view(np.uint32)
    ordered = np.sort(owner << np.uint64(32) | bits)
    first = np.cumsum(lengths) - lengths
    shares = np.array([0.10, 0.95])  # of frames below the quiet and below the loud level
    places = first[:, None] + (shares * (lengths[:, None] - 1)).astype(np.int64)
    quiet_and_loud: NDArray[np.float32] = ordered[places].astype(np.uint32).view(np.float32)
    return quiet_and_loud.astype(np.float64)
