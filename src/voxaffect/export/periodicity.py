"""Autocorrelation of frames in the graph: `voxaffect.features.descriptors.periodicity`.

All frames are computed as if they lay inside their recording; the few at its ends, whose windows
reach beyond, are computed again from what they have of the window and take their rows' places.

Letters: T frames, E frames that may lie at the ends, W samples of a window, M lags.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.export.framing import frames
from voxaffect.export.graph import (
    END,
    FLOAT,
    Op,
    Value,
    columns,
    length,
    part,
    rows,
    table,
)
from voxaffect.export.spectra import power_spectrum, waves
from voxaffect.features.descriptors.peaks import REACH
from voxaffect.features.descriptors.periodicity import LEAST_OVERLAP, TAPS, Autocorrelator
from voxaffect.features.descriptors.pitch_settings import RATE_HZ, PitchSettings
from voxaffect.features.frames import FrameGrid


@dataclass(frozen=True)
class Geometry:
    """Where the windows of pitch lie, and the tables that Python computes by.

    Args:
        of: Python's autocorrelator.
        grid: where the frames lie.
        n_lags: M.
    """

    of: Autocorrelator
    grid: FrameGrid
    n_lags: int

    @classmethod
    def from_settings(cls, settings: PitchSettings, grid: FrameGrid) -> Geometry:
        """The geometry that `PitchObserver` makes of the same settings."""
        n_lags = settings.borders[-1] + REACH
        return cls(Autocorrelator.of(settings.taper_samples, n_lags, RATE_HZ, "cpu"), grid, n_lags)

    @property
    def window(self) -> NDArray[np.float32]:
        """The taper without the zeros about it, (W,): a shift changes no power spectrum."""
        whole: NDArray[np.float32] = self.of.window.numpy()
        kept: NDArray[np.float32] = whole[whole != 0]
        return kept

    @property
    def n_points(self) -> int:
        """Points of the Fourier transform."""
        return len(self.of.window)

    @property
    def lead(self) -> int:
        """Samples from the first that the first frame's window is halved from to the frame's."""
        middle = self.grid.window_samples // 2
        return len(self.window) + TAPS // 2 - 1 - middle

    @property
    def reach(self) -> int:
        """Samples beyond a frame that its window reaches; not above 0 where it lies inside."""
        return self.of.reach - self.grid.window_samples // 2

    @property
    def n_edges(self) -> int:
        """Frames at either end of a recording, at most, whose windows reach beyond it."""
        return max(0, -(-self.reach // self.grid.hop_samples))


def autocorrelation(
    op: Op, samples: Value, n_frames: Value, geometry: Geometry
) -> tuple[Value, Value]:
    """Autocorrelation of frames as if no window had been laid over them, and the means taken off.

    Args:
        op: the builder.
        samples: float32 (n_samples,), levelled.
        n_frames: T, int64 ().
        geometry: of the windows.

    Returns:
        float32 (T, M) and float32 (T, 1).
    """
    size, hop = len(geometry.window), geometry.grid.hop_samples // 2
    with part(op, "periodicity"):
        halved = _halved(op, samples, n_frames, geometry)
        windows = frames(op, halved, n_frames, size, hop)
        fourier = waves(op, size, geometry.n_points)
        at_lag, offset = _whole(op, windows, fourier, geometry)
        if not geometry.n_edges:
            return at_lag, offset
        edges = _edges(op, n_frames, geometry)
        inside = _inside(op, edges, length(op, samples), geometry)
        cut = _cut_off(op, op.Gather(windows, edges), inside, fourier, geometry)
        is_cut = op.Unsqueeze(_is_cut(op, edges, length(op, samples), geometry), [1])
        place = op.Unsqueeze(edges, [1])
        return tuple(
            op.ScatterND(whole, place, op.Where(is_cut, one, op.Gather(whole, edges)))
            for whole, one in zip((at_lag, offset), cut, strict=True)
        )


def _halved(op: Op, samples: Value, n_frames: Value, geometry: Geometry) -> Value:
    """The windows' samples at half the rate, with silence beyond the recording."""
    low_pass = geometry.of.low_pass.numpy()[:TAPS, 0].reshape(1, 1, TAPS)
    needed = op.Add(
        op.Mul(op.Sub(n_frames, 1), geometry.grid.hop_samples),
        2 * len(geometry.window) + TAPS - 2 - geometry.lead,
    )
    missing = op.Max(op.Sub(needed, length(op, samples)), 0)
    before = max(0, geometry.lead)
    padded = op.Pad(samples, op.Concat([before], op.Reshape(missing, [1]), axis=0))
    heard = rows(op, padded, before - geometry.lead, END)
    filtered = op.Conv(op.Unsqueeze(heard, [0, 1]), table(op, low_pass, "low_pass"), strides=[2])
    return op.Squeeze(filtered, [0, 1])


def _whole(op: Op, windows: Value, fourier: Value, geometry: Geometry) -> tuple[Value, Value]:
    """Of frames whose windows lie inside."""
    window = geometry.window
    level = (geometry.of.window / geometry.of.window.sum()).numpy()
    offset = op.MatMul(windows, table(op, level[level != 0][:, None], "level"))
    tapered = op.Mul(op.Sub(windows, offset), table(op, window, "window"))
    power = power_spectrum(op, tapered, fourier)
    return op.MatMul(power, table(op, geometry.of.compensated.numpy(), "compensated")), offset


def _cut_off(
    op: Op, windows: Value, inside: Value, fourier: Value, geometry: Geometry
) -> tuple[Value, Value]:
    """Of frames from what they have of the window."""
    inverse = table(op, geometry.of.inverse.numpy(), "inverse")
    kept = op.Mul(table(op, geometry.window, "whole_window"), op.Cast(inside, to=FLOAT))
    total = op.Max(op.ReduceSum(kept, [1], keepdims=1), 1e-9)
    offset = op.Div(op.ReduceSum(op.Mul(windows, kept), [1], keepdims=1), total)
    power = power_spectrum(op, op.Mul(op.Sub(windows, offset), kept), fourier)
    weighted = op.Mul(power, table(op, geometry.of.weight.numpy(), "high_pass"))
    taper = op.MatMul(power_spectrum(op, kept, fourier), inverse)
    bounded = op.Max(taper, op.Mul(columns(op, taper, 0, 1), LEAST_OVERLAP))
    return op.Div(op.MatMul(weighted, inverse), bounded), offset


def _edges(op: Op, n_frames: Value, geometry: Geometry) -> Value:
    """Numbers of the first and last frames, int64 (E,); some twice where there are few."""
    some = table(op, np.arange(geometry.n_edges), "some")
    last = op.Sub(n_frames, 1)
    return op.Concat(op.Min(some, last), op.Max(op.Sub(last, some), 0), axis=0)


def _is_cut(op: Op, edges: Value, n_samples: Value, geometry: Geometry) -> Value:
    """Whether the windows of some frames do reach beyond the recording, bool (E,)."""
    grid = geometry.grid
    begin = op.Mul(edges, grid.hop_samples)
    behind = op.Sub(n_samples, op.Add(begin, grid.window_samples))
    return op.Or(op.Less(begin, geometry.reach), op.Less(behind, geometry.reach))


def _inside(op: Op, edges: Value, n_samples: Value, geometry: Geometry) -> Value:
    """Which samples of some frames' windows are of the recording, bool (E, W)."""
    middle = 2 * np.arange(len(geometry.window)) + TAPS // 2 - 1 - geometry.lead
    begin = op.Unsqueeze(op.Mul(edges, geometry.grid.hop_samples), [1])
    place = op.Add(begin, table(op, middle, "places"))
    return op.And(op.GreaterOrEqual(place, 0), op.Less(place, n_samples))
