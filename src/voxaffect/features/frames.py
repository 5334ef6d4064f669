"""Frames in time: the one home of seconds, samples and frames, and of values a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import AudioStream, at_16_khz
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform, gain
from voxaffect.errors import AudioError, FeatureError


@dataclass(frozen=True)
class FrameGrid:
    """Where frames lie: frame i covers samples [i hop, i hop + window).

    Args:
        window_s: length of a frame in seconds; the paper's is 25 ms.
        hop_s: distance between frames in seconds; the paper's is 10 ms.

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
        """Samples a frame covers."""
        return round(self.window_s * SAMPLE_RATE_HZ)

    @property
    def hop_samples(self) -> int:
        """Samples between the beginnings of two frames."""
        return round(self.hop_s * SAMPLE_RATE_HZ)

    @property
    def frames_per_s(self) -> float:
        """Frames a second."""
        return SAMPLE_RATE_HZ / self.hop_samples

    def n_frames(self, n_samples: int) -> int:
        """Frames that lie whole inside `n_samples`: T = 1 + (N - window) // hop, 0 if N < window.

        >>> FrameGrid().n_frames(30_372)
        188
        """
        if n_samples < self.window_samples:
            return 0
        return 1 + (n_samples - self.window_samples) // self.hop_samples

    def centers_s(self, n_frames: int) -> NDArray[np.float64]:
        """Times of the middles of the first T frames, float64 (T,) in seconds.

        >>> FrameGrid().centers_s(2)
        array([0.0125, 0.0225])
        """
        return (np.arange(n_frames) * self.hop_samples + self.window_samples / 2) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class FrameFeatures:
    """Numbers a frame of one utterance.

    Args:
        values: float32 (T, F), finite, T >= 1.
        names: the F column names.
        grid: where the frames lie.
        utterance_id: whose they are.

    Raises:
        FeatureError: shape, type or values are not as stated.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...]
    grid: FrameGrid
    utterance_id: str

    def __post_init__(self) -> None:
        shape = self.values.shape
        if self.values.ndim != 2 or shape[0] < 1 or shape[1] != len(self.names):
            raise FeatureError(
                f"{self.utterance_id}: features of shape {shape} where at least one frame of "
                f"{len(self.names)} values is expected"
            )
        if self.values.dtype != np.float32 or not np.isfinite(self.values).all():
            raise FeatureError(f"{self.utterance_id}: features must be finite float32 numbers")


class FrameExtractor(Protocol):
    """Anything that turns waveforms into numbers a frame."""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, F of them."""

    @property
    def grid(self) -> FrameGrid:
        """Where its frames lie."""

    def settings(self) -> Mapping[str, object]:
        """Everything that changes its output, as plain values: the store's key."""

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Frames of each waveform, float32 (T, F).

        Raises:
            AudioError: a waveform is shorter than one frame.
        """


class FrameStream(Protocol):
    """Frames of one recording while it lasts."""

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples (n_samples,) and give the frames (n, F) that are certain by now."""

    def finish(self) -> NDArray[np.float32]:
        """The frames that are left, (n, F)."""


@runtime_checkable
class StreamingExtractor(FrameExtractor, Protocol):
    """An extractor that can also hear a recording piece by piece, with the same result."""

    def stream(self) -> FrameStream:
        """A stream for one recording."""


def refuse_short(waveforms: Iterable[Waveform], grid: FrameGrid) -> None:
    """Refuse recordings that hold no whole frame.

    Raises:
        AudioError: a waveform is shorter than one frame; the message names it.
    """
    for waveform in waveforms:
        if grid.n_frames(waveform.samples.size) == 0:
            raise AudioError(
                f"{waveform.name}: lasts {waveform.duration_s * 1000:.1f} ms, but one frame takes "
                f"at least {grid.window_s * 1000:g} ms; remove it or record it again"
            )


# Frames of a long recording, in the memory of the frames alone.
#
# The recording is decoded twice, once for its level and once for its frames, and is never in memory
# as a whole: an hour of samples takes 230 MB, its 32 descriptors 46 MB.

LONG_S = 120.0
"""From here up a recording is long: reading it twice costs less than its samples' memory."""

PIECE_SAMPLES = 30 * SAMPLE_RATE_HZ
"""Samples that a stream is given at once, at least."""

OpenRecording = Callable[[], AbstractContextManager[AudioStream]]


def is_long(recording: AudioStream) -> bool:
    """Whether a recording is long, as far as its header tells."""
    return recording.n_samples is not None and recording.n_samples > LONG_S * recording.rate_hz


class ExtractedFrames(NamedTuple):
    """What a recording became: frames, float32 (T, F), and its length in seconds."""

    frames: NDArray[np.float32]
    seconds: float


def merge_blocks(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Blocks of samples as fewer and longer ones: a stream takes those at less cost."""
    held: list[NDArray[np.float32]] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= PIECE_SAMPLES:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def extract_long(opener: OpenRecording, extractor: StreamingExtractor) -> ExtractedFrames:
    """The frames of a recording at the level of all others.

    Args:
        opener: opens the recording anew each time.
        extractor: what computes the frames.

    Raises:
        AudioError: the recording cannot be decoded, or is silent.
    """
    with opener() as recording:
        name = recording.name
        rms, n_samples = _level(recording)
    factor, stream = gain(rms, name), extractor.stream()
    with opener() as recording:
        parts = [stream.push(piece * factor) for piece in merge_blocks(at_16_khz(recording))]
    parts.append(stream.finish())
    frames = np.concatenate(parts)
    if len(frames) == 0:
        raise AudioError(f"{name}: holds no whole frame; remove it or record it again")
    return ExtractedFrames(frames, n_samples / SAMPLE_RATE_HZ)


def _level(recording: AudioStream) -> tuple[float, int]:
    """Root mean square and number of the samples at 16 kHz."""
    power, n_samples = 0.0, 0
    for block in at_16_khz(recording):
        power += float(np.square(block, dtype=np.float64).sum())
        n_samples += len(block)
    return float(np.sqrt(power / max(n_samples, 1))), n_samples
