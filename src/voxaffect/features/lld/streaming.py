"""Streaming extraction of the descriptors: frames of recordings in progress, of many at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, invalid_sample
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import FrameAnalysis, FrameAnalyzer
from voxaffect.features.lld.pitch import PitchDecoder, decode_pitch_batch
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.lld.short_time import LOOK_AHEAD, DeltaSmoother, ShortTime, smooth_batch
from voxaffect.features.packing import AudioChunk, Ragged, group_chunks, max_frames

Floats = NDArray[np.float32]

DESCRIPTORS = (*ShortTime.names, "voice_probability", "f0")
N_COLUMNS = 2 * len(DESCRIPTORS)

EXPECTED = f"float32 samples (n_samples,) at {SAMPLE_RATE_HZ // 1000} kHz"


class FrameBuffer:
    """Buffer of the samples that a stream's next frames need, `reach` of context included."""

    def __init__(self, grid: FrameGrid, reach: int) -> None:
        self._grid = grid
        self._reach = reach
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
            n_frames = self._grid.n_frames(len(self._samples) - self._before - self._reach)
            if n_frames:
                yield AudioChunk(self._samples, self._before, n_frames, ended=False)
                self._drop(n_frames)

    def remaining(self) -> AudioChunk:
        """Complete frames, if any, that lack right context, as at the end of the recording.

        They stay in the buffer.
        """
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

    Yields:
        Indices of different streams, and the analysis of the next frames of each.
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
    """Check samples pushed to a stream.

    Raises:
        FeatureError: not float32 (n_samples,), or a sample is not finite or too large.
    """
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
    """State of the incremental computation of one recording's descriptors by `advance_batch`."""

    def __init__(self, pitch: PitchSettings, hop_s: float, *, log_f0: bool) -> None:
        self._log_f0 = log_f0
        self._pitch = PitchDecoder(pitch, hop_s)
        self._smoother = DeltaSmoother()
        self._undecided = np.zeros((0, len(ShortTime.names)), np.float32)

    @property
    def delay(self) -> int:
        """Number of later frames that must be known before a frame is final."""
        return self._pitch.delay + LOOK_AHEAD

    @property
    def start(self) -> int:
        """Index of the frame that must be known before any frame is final."""
        return self._pitch.start

    def fork(self) -> StreamingDescriptors:
        """Independent copy; arrays are shared, as they are replaced, not modified."""
        twin = copy.copy(self)
        twin._pitch, twin._smoother = self._pitch.fork(), copy.copy(self._smoother)
        return twin


def advance_batch(
    descriptors: Sequence[StreamingDescriptors], new: Sequence[FrameAnalysis], *, ended: bool
) -> Ragged:
    """Descriptors of U recordings from the analysis of their next frames.

    Args:
        descriptors: states of the recordings, with equal settings; updated.
        new: analysis of the next frames of each.
        ended: whether these are the last frames of all; then all are final.

    Returns:
        float32 rows (n, 32), the frames that are final now.
    """
    pitch, smoothers = [d._pitch for d in descriptors], [d._smoother for d in descriptors]
    track, n = decode_pitch_batch(pitch, [analysis.peaks for analysis in new], ended=ended)
    short_time = Ragged.concatenate(
        [d._undecided for d in descriptors], [analysis.short_time for analysis in new]
    )
    for one, left in zip(descriptors, short_time.tails(short_time.counts - n), strict=True):
        one._undecided = left
    f0 = track.log_f0 if descriptors[0]._log_f0 else track.f0_hz
    columns = np.column_stack([short_time.heads(n), track.voice_probability, f0])
    return smooth_batch(smoothers, Ragged(columns, n).split(), ended=ended)


class DescriptorStream:
    """Streaming extractor: takes samples and returns each frame as soon as it is final.

    The frames equal those of `LowLevelDescriptors.extract` for all samples together, however they
    are split. Memory is bounded by the look-ahead. Streams may share an analyzer.
    """

    def __init__(
        self, grid: FrameGrid, analyzer: FrameAnalyzer, descriptors: StreamingDescriptors
    ) -> None:
        self._grid = grid
        self._analyzer = analyzer
        self._descriptors = descriptors
        self._buffer = FrameBuffer(grid, analyzer.reach)
        self._ended = False

    @property
    def look_ahead_s(self) -> float:
        """Latency: seconds of audio after a frame's end before it is returned."""
        samples = self._analyzer.reach + self._descriptors.delay * self._grid.hop_samples
        return samples / SAMPLE_RATE_HZ

    @property
    def start_s(self) -> float:
        """Seconds of audio before any frame is returned."""
        start = self._descriptors.start * self._grid.hop_samples
        return (start + self._grid.window_samples + self._analyzer.reach) / SAMPLE_RATE_HZ

    def push(self, samples: Floats) -> Floats:
        """Take the next samples and return the frames that are final now, float32 (n, 32).

        Samples are float32 (n_samples,) at 16 kHz, finite, of any length.

        Raises:
            FeatureError: the samples are not as stated, or the stream has ended.
        """
        (frames,) = push_batch([self], [samples])
        return frames

    def peek(self) -> Floats:
        """Return the frames that are not final yet, float32 (n, 32), without changing the stream.

        With those returned before, they are the frames of `extract` for the samples so far.

        Raises:
            FeatureError: the stream has ended.
        """
        (frames,) = peek_batch([self])
        return frames

    def finish(self) -> Floats:
        """End the stream and return the remaining frames, float32 (n, 32).

        Raises:
            FeatureError: the stream has ended before.
        """
        self._check_open()
        self._ended = True
        (analysis,) = self._analyzer.analyze([self._buffer.remaining()])
        return advance_batch([self._descriptors], [analysis], ended=True).rows

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
    with _ended_on_error(streams):
        for numbers, analyses in analyze_buffers(streams[0]._analyzer, buffers, new):
            descriptors = [streams[number]._descriptors for number in numbers]
            final = advance_batch(descriptors, analyses, ended=False).split()
            for number, own in zip(numbers, final, strict=True):
                frames[number].append(own)
    return [np.concatenate(own) for own in frames]


def peek_batch(streams: Sequence[DescriptorStream]) -> list[Floats]:
    """`DescriptorStream.peek` of streams of one extractor at once.

    Raises:
        FeatureError: a stream has ended.
    """
    if not streams:
        return []
    for stream in streams:
        stream._check_open()
    analyses = streams[0]._analyzer.analyze([stream._buffer.remaining() for stream in streams])
    copies = [stream._descriptors.fork() for stream in streams]
    return advance_batch(copies, analyses, ended=True).split()


@contextmanager
def _ended_on_error(streams: Sequence[DescriptorStream]) -> Iterator[None]:
    """End streams that may have lost frames by an exception."""
    for stream in streams:
        stream._ended = True
    yield
    for stream in streams:
        stream._ended = False
