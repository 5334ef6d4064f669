"""The 32 descriptors and log-mel spectra in the graph: `voxaffect.features`."""

from __future__ import annotations

import numpy as np
import torch

from voxaffect.errors import ExportError
from voxaffect.export.deltas import over_time
from voxaffect.export.framing import count_frames, frames
from voxaffect.export.graph import Op, Value, part, table
from voxaffect.export.pitch import log_f0, pitch
from voxaffect.export.short_time import short_time
from voxaffect.export.spectra import power_spectrum, waves
from voxaffect.features.descriptors.lld import LowLevelDescriptors
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.log_mel import POWER_FLOOR, LogMel
from voxaffect.features.mel import mel_triangles
from voxaffect.features.spectra import transform_size


def features(op: Op, samples: Value, extractor: FrameExtractor) -> Value:
    """What an extractor makes of levelled samples, one frame of them or more: float32 (T, F).

    Raises:
        ExportError: the extractor is none that ONNX can repeat.
    """
    if isinstance(extractor, LowLevelDescriptors):
        return _low_level(op, samples, extractor)
    if isinstance(extractor, LogMel):
        return _log_mel(op, samples, extractor)
    kind = extractor.settings().get("extractor", type(extractor).__name__)
    raise ExportError(
        f"frame features of the kind {kind!r} cannot become ONNX; export a recogniser trained on "
        "the low-level descriptors or on log-mel spectra"
    )


def _low_level(op: Op, samples: Value, extractor: LowLevelDescriptors) -> Value:
    n_frames = count_frames(op, samples, extractor.grid)
    by_itself = short_time(op, samples, n_frames, extractor.grid)
    probability, f0_hz = pitch(op, samples, n_frames, extractor.grid, extractor.pitch)
    f0 = log_f0(op, f0_hz) if extractor.log_f0 else f0_hz
    return over_time(op, op.Concat(by_itself, probability, f0, axis=1))


def _log_mel(op: Op, samples: Value, extractor: LogMel) -> Value:
    size = extractor.grid.window_samples
    n_frames = count_frames(op, samples, extractor.grid)
    with part(op, "log_mel"):
        one_by_one = frames(op, samples, n_frames, size, extractor.grid.hop_samples)
        windowed = op.Mul(one_by_one, table(op, torch.hann_window(size).numpy(), "window"))
        power = power_spectrum(op, windowed, waves(op, size, transform_size(size)))
        triangles = mel_triangles(
            transform_size(size), extractor.n_mels, extractor.low_hz, extractor.high_hz
        )
        bands = op.MatMul(power, table(op, triangles.astype(np.float32), "bands"))
        return op.Log(op.Max(bands, POWER_FLOOR))
