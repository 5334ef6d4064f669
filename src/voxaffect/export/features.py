"""ONNX graph of frame features of any kind that can be exported: `features`."""

from __future__ import annotations

import numpy as np
import torch

from voxaffect.errors import ExportError
from voxaffect.export.frames import count_frames, frames, power_spectrum, waves
from voxaffect.export.graph import Op, Value, arange, length, part, table
from voxaffect.export.pitch import log_f0, pitch
from voxaffect.export.short_time import over_time, short_time
from voxaffect.export.whisper import whisper
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.noise_floor import PERIOD, with_floor
from voxaffect.features.spectra import POWER_FLOOR, LogMel, mel_triangles, transform_size
from voxaffect.features.whisper import WhisperFrames


def refuse_features(extractor: FrameExtractor) -> None:
    """Raise ExportError for features that cannot be exported."""
    if isinstance(extractor, LowLevelDescriptors | LogMel | WhisperFrames):
        return
    kind = extractor.settings().get("extractor", type(extractor).__name__)
    raise ExportError(
        f"features of the kind {kind!r} cannot be exported to ONNX; export a recognizer trained on "
        "low-level descriptors, log-mel spectra or Whisper's frames"
    )


def features(op: Op, samples: Value, extractor: FrameExtractor) -> Value:
    """Frame features, float32 (T, F), of leveled samples; other extractors are an `ExportError`."""
    refuse_features(extractor)
    if isinstance(extractor, WhisperFrames):
        return whisper(op, samples, extractor)
    n_frames = count_frames(op, samples, extractor.grid)
    if isinstance(extractor, LogMel):
        return _log_mel(op, samples, n_frames, extractor)
    assert isinstance(extractor, LowLevelDescriptors)  # noqa: S101 see refuse_features
    return _descriptors(op, samples, n_frames, extractor)


def _descriptors(op: Op, samples: Value, n_frames: Value, of: LowLevelDescriptors) -> Value:
    samples = _with_floor(op, samples, of.floor_db)
    descriptors = short_time(op, samples, n_frames, of.grid, of.band_hz)
    probability, f0_hz = pitch(op, samples, n_frames, of.grid, of.pitch)
    f0 = log_f0(op, f0_hz) if of.log_f0 else f0_hz
    return over_time(op, op.Concat(descriptors, probability, f0, axis=1))


def _with_floor(op: Op, samples: Value, floor_db: float | None) -> Value:
    if floor_db is None:
        return samples
    noise = with_floor(np.zeros(PERIOD, np.float32), 0, floor_db)
    place = op.Mod(arange(op, length(op, samples)), PERIOD)
    return samples + op.Gather(table(op, noise, "noise_floor"), place)


def _log_mel(op: Op, samples: Value, n_frames: Value, extractor: LogMel) -> Value:
    size = extractor.grid.window_samples
    with part(op, "log_mel"):
        framed = frames(op, samples, n_frames, size, extractor.grid.hop_samples)
        windowed = framed * table(op, torch.hann_window(size).numpy(), "window")
        power = power_spectrum(op, windowed, waves(op, size, transform_size(size)))
        triangles = mel_triangles(
            transform_size(size), extractor.n_mels, extractor.low_hz, extractor.high_hz
        )
        bands = op.MatMul(power, table(op, triangles.astype(np.float32), "bands"))
        return op.Log(op.Max(bands, POWER_FLOOR))
