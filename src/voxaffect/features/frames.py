"""Frame grid, per-frame features, and extraction of long recordings in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, FeatureError

Item = TypeVar("Item")


@dataclass(frozen=True)
class FrameGrid:
    """Frame positions: frame i covers samples [i hop, i hop + window); lengths as in the paper.

    Raises:
        FeatureError: a length is not a positive whole number of samples.
    """

    window_s: float = 0.025
    hop_s: float = 0.010

    def __post_init__(self) -> None:
        for name, seconds in (("window_s", self.window_s), ("hop_s", self.hop_s)):
            samples = seconds * SAMPLE_RATE_HZ
            if round(samples) < 1 or abs(samples - round(samples)) > 1e-6:
                raise FeatureError(
                    f"{name} = {seconds} is {samples:.3f} samples at {SAMPLE_RATE_HZ} Hz; "
                    "choose a positive whole number of samples"
                )

    @property
    def window_samples(self) -> int:
        """Frame length in samples."""
        return round(self.window_s * SAMPLE_RATE_HZ)

    @property
    def hop_samples(self) -> int:
        """Hop size in samples."""
        return round(self.hop_s * SAMPLE_RATE_HZ)

    @property
    def frames_per_s(self) -> float:
        """Frame rate in Hz."""
        return SAMPLE_RATE_HZ / self.hop_samples

    def n_frames(self, n_samples: int) -> int:
        """Number of complete frames: T = 1 + (N - window) // hop, 0 if N < window.

        >>> FrameGrid().n_frames(30_372)
        188
        """
        if n_samples < self.window_samples:
            return 0
        return 1 + (n_samples - self.window_samples) // self.hop_samples

    def extent(self, n_frames: int) -> int:
        """Samples from the beginning of the first of T frames to the end of the last, T >= 1."""
        return (n_frames - 1) * self.hop_samples + self.window_samples

    def centers_s(self, n_frames: int) -> NDArray[np.float64]:
        """Centers of the first T frames in seconds, float64 (T,)."""
        return (np.arange(n_frames) * self.hop_samples + self.window_samples / 2) / SAMPLE_RATE_HZ


def check_frames(values: NDArray[np.float32], names: Sequence[str], utterance_id: str) -> None:
    """Raise FeatureError if values are not finite float32 (T, F), T >= 1 and F = len(names)."""
    if values.ndim != 2 or len(values) < 1 or values.shape[1] != len(names):
        raise FeatureError(
            f"{utterance_id}: features have shape {values.shape}; expected at least one frame of "
            f"{len(names)} values"
        )
    if values.dtype != np.float32 or not np.isfinite(values).all():
        raise FeatureError(f"{utterance_id}: features must be finite float32 numbers")


class FrameExtractor(Protocol):
    """Feature extractor: waveforms to one feature vector per frame."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the F columns."""

    @property
    def grid(self) -> FrameGrid:
        """Positions of the frames."""

    def settings(self) -> Mapping[str, object]:
        """Everything that changes the values, as plain data; the key of the feature store."""

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Features of each waveform, float32 (T, F); AudioError if one is too short."""


class FrameStream(Protocol):
    """Streaming feature extraction of one recording."""

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples (n_samples,) and return the frames (n, F) that are final now."""

    def finish(self) -> NDArray[np.float32]:
        """Return the remaining frames (n, F)."""


@runtime_checkable
class StreamingExtractor(FrameExtractor, Protocol):
    """Extractor that can also process a recording incrementally, with the same result."""

    def stream(self) -> FrameStream:
        """Create a stream for one recording."""


def refuse_short(waveforms: Iterable[Waveform], grid: FrameGrid) -> None:
    """Raise AudioError, which names it, if a waveform is shorter than one frame."""
    for waveform in waveforms:
        if grid.n_frames(waveform.samples.size) == 0:
            raise AudioError(
                f"{waveform.name}: lasts {waveform.duration_s * 1000:.1f} ms, but one frame takes "
                f"at least {grid.window_s * 1000:g} ms; remove it or record it again"
            )


MIN_PUSH_SAMPLES = 30 * SAMPLE_RATE_HZ  # least number per `FrameStream.push`


class ExtractedFrames(NamedTuple):
    """Frames of a recording, float32 (T, F), and its length in seconds."""

    frames: NDArray[np.float32]
    seconds: float


def groups(
    items: Iterable[Item], size: Callable[[Item], float], full: float, most: int | None = None
) -> Iterator[list[Item]]:
    """Consecutive items until their sizes add up to `full` or there are `most` of them."""
    group: list[Item] = []
    total = 0.0
    for item in items:
        group.append(item)
        total += size(item)
        if total >= full or len(group) == most:
            yield group
            group, total = [], 0.0
    if group:
        yield group


def merge_blocks(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Merge blocks of samples into longer ones, which a stream processes faster."""
    return map(np.concatenate, groups(blocks, len, MIN_PUSH_SAMPLES))
