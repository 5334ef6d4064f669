"""Rows of utterances: what a machine that learns from one row an utterance is given of its frames.

Letters: T frames, F features, K numbers of a row.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError

Table = NDArray[np.float64]
Frames = NDArray[np.float32]


def descriptor_functionals(frames: Frames) -> Table:
    """The 12 functionals of the INTERSPEECH 2009 Emotion Challenge (Schuller et al. 2009).

    Of frames (T, F), functional by functional, (12 F,): maximum, minimum, range, relative positions
    of both, mean, slope, offset and mean squared error of a line, standard deviation, skewness and
    kurtosis (0 for a constant column).
    """
    from scipy import stats  # noqa: PLC0415 (slow to load)

    x = frames.astype(np.float64)
    n_frames = len(x)
    high, low, mean = x.max(0), x.min(0), x.mean(0)
    time = np.arange(n_frames) - (n_frames - 1) / 2
    slope = time @ x / max(float(time @ time), 1.0)
    residual = x - mean - time[:, None] * slope
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of constant columns
        shape = np.nan_to_num([stats.skew(x), stats.kurtosis(x)])
    position = [x.argmax(0) / n_frames, x.argmin(0) / n_frames]
    line = [slope, mean - slope * (n_frames - 1) / 2, (residual**2).mean(0)]
    return np.concatenate([high, low, high - low, *position, mean, *line, x.std(0), *shape])


def only_row(frames: Frames) -> Table:
    """The one frame of features that describe an utterance as a whole, float32 (1, F) -> (F,).

    Raises:
        FeatureError: there are several frames.
    """
    if len(frames) != 1:
        raise FeatureError(
            f"an utterance has {len(frames)} frames where one row of functionals is expected; use "
            "a feature set that describes utterances, or another system"
        )
    return np.asarray(frames[0], np.float64)


def frame_mean(frames: Frames) -> Table:
    """Mean of frames (T, F), (F,)."""
    mean: Table = frames.mean(axis=0, dtype=np.float64)
    return mean


def frame_mean_and_deviation(frames: Frames) -> Table:
    """Mean, then standard deviation, of frames (T, F), (2 F,); a single frame has none, 0."""
    x = frames.astype(np.float64)
    return np.concatenate([x.mean(axis=0), x.std(axis=0)])


def _each_frame(frames: Frames) -> Table:
    return frames.astype(np.float64)


def _each_frame_and_deviation(frames: Frames) -> Table:
    x = frames.astype(np.float64)
    return np.concatenate([x, np.broadcast_to(x.std(axis=0), x.shape)], axis=1)


@dataclass(frozen=True)
class Summary:
    """How the frames of an utterance become its row."""

    name: str  # in saved recognizers
    row: Callable[[Frames], Table]  # frames float32 (T, F) -> (K,)
    by_frame: Callable[[Frames], Table] | None = None
    """Frames (T, F) -> rows (T, K) whose mean is the utterance's row. A linear machine's score of
    an utterance is then the mean of the scores of these. None where there are no such rows."""


FUNCTIONALS = Summary("functionals", descriptor_functionals)
ROW = Summary("row", only_row)
MEAN = Summary("mean", frame_mean, _each_frame)
MEAN_AND_DEVIATION = Summary(
    "mean and deviation", frame_mean_and_deviation, _each_frame_and_deviation
)
SUMMARIES: Mapping[str, Summary] = {
    summary.name: summary for summary in (FUNCTIONALS, ROW, MEAN, MEAN_AND_DEVIATION)
}
