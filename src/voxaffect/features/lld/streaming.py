"""Streaming extraction of the descriptors: frames of recordings in progress, of many at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, invalid_sample
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import FrameAnalysis, FrameAnalyzer
from voxaffect.features.lld.noise_floor import with_floor
from voxaffect.features.lld.pitch import PitchDecoder
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.lld.short_time import DeltaSmoother, ShortTime
from voxaffect.features.packing import AudioChunk, group_chunks, max_frames

Floats = NDArray[np.float32]

DESCRIPTORS = (*ShortTime.names, "voice_probability", "f0")
N_COLUMNS = 2 * len(DESCRIPTORS)
EXPECTED = f"float32 samples (n_samples,) at {SAMPLE_RATE_HZ // 1000} kHz"


class FrameBuffer:
    """Buffer of the samples that a stream's next frames need, `reach` of context included."""

    def __init__(self, grid: FrameGrid, reach: int) -> None:
        self._grid, self._reach = grid, reach
        self._samples = np.zeros(0, np.float32)  # context and samples of the next frame
        self._before = 0  # how many of these are before the next frame
        self._n_to_skip = 0  # samples between frames of a large hop

    def chunks(self, samples: Floats) -> Iterator[AudioChunk]:
        """Append samples (n_samples,) and yield the frames they complete, in chunks."""
        most = max_frames("cpu") * self._grid.hop_samples
        for start in range(0, len(samples), most):
            piece = samples[start : start + most]
            n_skipped = min(self._n_to_skip, len(piece))
            self._n_to_skip -= n_skipped
            self._samples = np.concatenate([self._samples, piece[n_skipped:]])
            if n_frames := self._grid.n_frames(len(self._samples) - self._before - self._reach):
                yield AudioChunk(self._samples, self._before, n_frames, ended=False)
                self._drop(n_frames)

    def remaining(self) -> AudioChunk:
        """Frames, if any, that lack right context, as at the end; they stay in the buffer."""
        n_frames = self._grid.n_frames(len(self._samples) - self._before)
        return AudioChunk(self._samples, self._before, n_frames, ended=True)

    def _drop(self, n_frames: int) -> None:
        """Drop frames and samples that are not needed as context."""
        following = self._before + n_frames * self._grid.hop_samples
        self._before = min(self._reach, following)
        self._n_to_skip = max(0, following - self._before - len(self._samples))
        self._samples = self._samples[following - self._before :].copy()


def analyze_buffers(
    analyzer: FrameAnalyzer, buffers: Sequence[FrameBuffer], new: Sequence[Floats]
) -> Iterator[tuple[list[int], list[FrameAnalysis]]]:
    """Analyze the frames that new samples, float32 (n_samples,), of N streams complete, in batches.

    Each is of different streams: their indices, and the analysis of the next frames of each.
    """
    numbered = (
        (number, chunk)
        for number, (buffer, samples) in enumerate(zip(buffers, new, strict=True))
        for chunk in buffer.chunks(samples)
    )
    for batch in group_chunks(numbered, max_frames("cpu"), distinct=True):
        numbers, chunks = zip(*batch, strict=True)
        yield [*numbers], analyzer.analyze(chunks)


def check_samples(samples: object) -> None:
    """Raise FeatureError if they are not float32 (n_samples,), all finite and not too large."""
    if not isinstance(samples, np.ndarray):
        raise FeatureError(f"cannot push a {type(samples).__name__}; push an array of {EXPECTED}")
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise FeatureError(
            f"cannot push an array of shape {samples.shape} and type {samples.dtype}; push "
            f"{EXPECTED}"
        )
    if fault := invalid_sample(samples):
        raise FeatureError(f"cannot push: {fault}; leave it out or correct its source")


class StreamingDescriptors:
    """Incremental computation of one recording's descriptors from the analysis of its frames."""

    def __init__(self, pitch: PitchSettings, hop_s: float, *, log_f0: bool) -> None:
        self._log_f0 = log_f0
        self._pitch = PitchDecoder(pitch, hop_s)
        self._smoother = DeltaSmoother(len(DESCRIPTORS))
        self._undecided = np.zeros((0, len(ShortTime.names)), np.float32)

    def fork(self) -> StreamingDescriptors:
        """Independent copy; arrays are shared, as they are replaced, not modified."""
        twin = copy.copy(self)
        twin._pitch, twin._smoother = copy.copy(self._pitch), copy.copy(self._smoother)
        return twin

    def advance(self, new: FrameAnalysis, *, ended: bool) -> Floats:
        """Frames that the next ones make final, float32 (n, 32); all if these are the last."""
        track = self._pitch.decode(new.peaks, ended=ended)
        f0 = track.log_f0 if self._log_f0 else track.f0_hz
        short_time, n = np.concatenate([self._undecided, new.short_time]), len(f0)
        self._undecided = short_time[n:]
        pitch = track.voice_probability[:, None], f0[:, None]
        columns = np.concatenate([short_time[:n], *pitch], axis=1)
        return self._smoother.smooth(columns, ended=ended)


class DescriptorStream:
    """Streaming extractor: takes samples and returns each frame as soon as it is final.

    The frames equal those of `LowLevelDescriptors.extract` for all samples together, however they
    are split. Memory is bounded by the look-ahead. Streams may share an analyzer.
    """

    def __init__(
        self,
        grid: FrameGrid,
        analyzer: FrameAnalyzer,
        descriptors: StreamingDescriptors,
        floor_db: float | None = None,
    ) -> None:
        self._analyzer, self._descriptors, self._floor_db = analyzer, descriptors, floor_db
        self._n_pushed = 0
        self._buffer = FrameBuffer(grid, analyzer.reach)
        self._ended = False

    def push(self, samples: Floats) -> Floats:
        """Frames (n, 32) that are final after further samples, float32 (n_samples,) at 16 kHz.

        Raises:
            FeatureError: the samples are not as stated or not finite, or the stream has ended.
        """
        return push_batch([self], [samples])[0]

    def peek(self) -> Floats:
        """Frames (n, 32) that are not final yet, without changing the stream.

        With those returned before, they are the frames of `extract` for the samples so far.
        FeatureError if the stream has ended.
        """
        return peek_batch([self])[0]

    def finish(self) -> Floats:
        """Remaining frames (n, 32) of the stream; FeatureError if it has ended before."""
        self._check_open()
        self._ended = True
        (analysis,) = self._analyzer.analyze([self._buffer.remaining()])
        return self._descriptors.advance(analysis, ended=True)

    def _take(self, samples: Floats) -> Floats:
        """The next samples with the noise floor."""
        self._n_pushed += samples.size
        return with_floor(samples, self._n_pushed - samples.size, self._floor_db)

    def _check_open(self) -> None:
        if self._ended:
            raise FeatureError("this stream has ended or failed; create a new one")


def push_batch(streams: Sequence[DescriptorStream], new: Sequence[Floats]) -> list[Floats]:
    """`DescriptorStream.push` of different streams of one extractor at once, at less cost.

    Raises:
        FeatureError: samples are not as stated, or a stream has ended; then none is changed.
    """
    for stream, samples in zip(streams, new, strict=True):
        stream._check_open()
        check_samples(samples)
    if not streams:
        return []
    frames = [[np.zeros((0, N_COLUMNS), np.float32)] for _ in streams]
    buffers = [stream._buffer for stream in streams]
    for stream in streams:
        stream._ended = True  # an exception may lose frames
    taken = [stream._take(samples) for stream, samples in zip(streams, new, strict=True)]
    for numbers, analyses in analyze_buffers(streams[0]._analyzer, buffers, taken):
        for number, analysis in zip(numbers, analyses, strict=True):
            final = streams[number]._descriptors.advance(analysis, ended=False)
            frames[number].append(final)
    for stream in streams:
        stream._ended = False
    return [np.concatenate(own) for own in frames]


def peek_batch(streams: Sequence[DescriptorStream]) -> list[Floats]:
    """`DescriptorStream.peek` of streams of one extractor at once."""
    if not streams:
        return []
    for stream in streams:
        stream._check_open()
    analyses = streams[0]._analyzer.analyze([stream._buffer.remaining() for stream in streams])
    return [
        stream._descriptors.fork().advance(analysis, ended=True)
        for stream, analysis in zip(streams, analyses, strict=True)
    ]
