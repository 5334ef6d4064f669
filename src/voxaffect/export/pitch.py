"""Voice probability and F0 in the graph: `voxaffect.features.descriptors.pitch`."""

from __future__ import annotations

from voxaffect.export.candidates import loudest_of_late, weigh
from voxaffect.export.graph import Op, Value
from voxaffect.export.path import best_path
from voxaffect.export.peaks import find_peaks
from voxaffect.export.periodicity import Geometry, autocorrelation
from voxaffect.features.descriptors.pitch_settings import PitchSettings
from voxaffect.features.frames import FrameGrid


def pitch(
    op: Op, samples: Value, n_frames: Value, grid: FrameGrid, settings: PitchSettings
) -> tuple[Value, Value]:
    """Pitch of frames.

    Args:
        op: the builder.
        samples: float32 (n_samples,), levelled.
        n_frames: T, int64 ().
        grid: where the frames lie.
        settings: of the pitch tracker.

    Returns:
        voice probability and F0 in Hz, 0 where a frame is unvoiced: float32 (T, 1) each.
    """
    geometry = Geometry.from_settings(settings, grid)
    at_lag, offset = autocorrelation(op, samples, n_frames, geometry)
    peaks = find_peaks(op, at_lag, offset, settings)
    loudest = loudest_of_late(op, peaks.power, n_frames, settings, grid.hop_s)
    offered = weigh(op, peaks, loudest, settings)
    lag = round(settings.path_ahead_s / grid.hop_s)
    states = best_path(op, offered.score, offered.octave, settings.transitions(grid.hop_s), lag)
    f0_hz = op.GatherElements(offered.f0_hz, op.Unsqueeze(states, [1]), axis=1)
    return offered.probability, f0_hz


def log_f0(op: Op, f0_hz: Value) -> Value:
    """Natural logarithm of F0, 0 where a frame is unvoiced."""
    voiced = op.Greater(f0_hz, 0.0)
    return op.Log(op.Where(voiced, f0_hz, 1.0))
