"""The descriptors of a recording while it lasts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
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
from voxaffect.features.packing import AudioChunk, Ragged, max_frames

Floats = NDArray[np.float32]

WANTED = f"float32 samples (n_samples,) at {SAMPLE_RATE_HZ // 1000} kHz"


class FrameBuffer:
    """Samples of one recording as they come; keeps those that the next frames need, and no more.

    Args:
        grid: where the frames lie.
        reach: samples beyond a frame, on either side, that what it shows depends on.
    """

    def __init__(self, grid: FrameGrid, reach: int) -> None:
        self._grid = grid
        self._reach = reach
        self._samples = np.zeros(0, np.float32)  # from as far before the next frame as is needed
        self._before = 0  # samples of these that lie before the next frame
        self._n_to_skip = 0  # samples between frames that lie far apart

    def chunks(self, samples: Floats) -> Iterator[AudioChunk]:
        """Take samples (n_samples,) and give the frames that they complete, in bounded pieces."""
        most = max_frames("cpu") * self._grid.hop_samples
        for start in range(0, len(samples), most):
            self._take(samples[start : start + most])
            n_frames = self._grid.n_frames(len(self._samples) - self._before - self._reach)
            if n_frames:
                yield AudioChunk(self._samples, self._before, n_frames, ended=False)
                self._pass_by(n_frames)

    def remaining(self) -> AudioChunk:
        """The frames, if any, that are whole but lack samples beyond them, as if nothing followed.

        They stay: what is pushed later completes them.
        """
        n_frames = self._grid.n_frames(len(self._samples) - self._before)
        return AudioChunk(self._samples, self._before, n_frames, ended=True)

    def _take(self, piece: Floats) -> None:
        n_skipped = min(self._n_to_skip, len(piece))
        self._n_to_skip -= n_skipped
        self._samples = np.concatenate([self._samples, piece[n_skipped:]])

    def _pass_by(self, n_frames: int) -> None:
        """Hold what the frames after the next so many need."""
        following = self._before + n_frames * self._grid.hop_samples
        self._before = min(self._reach, following)
        self._n_to_skip = max(0, following - self._before - len(self._samples))
        self._samples = self._samples[following - self._before :].copy()


def analyze_buffers(
    analyzer: FrameAnalyzer, feeds: Sequence[FrameBuffer], several: Sequence[Floats]
) -> Iterator[tuple[list[int], list[FrameAnalysis]]]:
    """What the frames show that new samples of many recordings complete, each in its order.

    A call of the analyzer costs more than some frames do: frames of many recordings share one.

    Args:
        analyzer: shared by all.
        feeds: N recordings.
        several: N times the next samples, float32 (n_samples,).

    Yields:
        The numbers of some recordings, each another, and what the next frames of each show.
    """
    numbered = (
        (number, stretch)
        for number, (feed, samples) in enumerate(zip(feeds, several, strict=True))
        for stretch in feed.chunks(samples)
    )
    for together in _batches(numbered):
        yield (
            [number for number, _ in together],
            analyzer.analyze([stretch for _, stretch in together]),
        )


def _batches(numbered: Iterable[tuple[int, AudioChunk]]) -> Iterator[list[tuple[int, AudioChunk]]]:
    """Stretches of different recordings, in lists of about as many frames as a tape takes."""
    together: list[tuple[int, AudioChunk]] = []
    n_frames = 0
    for number, stretch in numbered:
        if together and (number == together[-1][0] or n_frames >= max_frames("cpu")):
            yield together
            together, n_frames = [], 0
        together.append((number, stretch))
        n_frames += stretch.n_frames
    if together:
        yield together


def check_samples(samples: object) -> None:
    """Refuse what is no sound at 16 kHz.

    Raises:
        FeatureError: not float32 (n_samples,), or a sample is not finite or absurdly great.
    """
    if not isinstance(samples, np.ndarray):
        raise FeatureError(f"a push of a {type(samples).__name__}; push an array of {WANTED}")
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise FeatureError(
            f"a push of shape {samples.shape} and type {samples.dtype}; push {WANTED}"
        )
    if fault := invalid_sample(samples):
        raise FeatureError(f"in a push, {fault}; leave it out or mend its source")


DESCRIPTORS = (*ShortTime.names, "voice_probability", "f0")
N_COLUMNS = 2 * len(DESCRIPTORS)


class StreamingDescriptors:
    """Turns what the frames of one recording show into its descriptors, piece by piece.

    Args:
        pitch: the settings of pitch.
        hop_s: distance of the frames in seconds.
        log_f0: the logarithm of F0 takes the place of F0.
    """

    def __init__(self, pitch: PitchSettings, hop_s: float, *, log_f0: bool) -> None:
        self._log_f0 = log_f0
        self._path = PitchDecoder(pitch, hop_s)
        self._over_time = DeltaSmoother()
        self._undecided = np.zeros((0, len(ShortTime.names)), np.float32)

    @property
    def delay(self) -> int:
        """Frames after one that are seen before it is done with."""
        return self._path.delay + LOOK_AHEAD

    @property
    def start(self) -> int:
        """Number of the frame that is seen before any is done with."""
        return self._path.start

    def advance(self, observed: FrameAnalysis, *, ended: bool) -> NDArray[np.float32]:
        """The descriptors of the frames that are done with now, following on the last call's.

        Args:
            observed: what the next frames show.
            ended: nothing follows, so all frames are done with.

        Returns:
            float32 (n, 32).
        """
        return advance_batch([self], [observed], ended=ended).rows

    def fork(self) -> StreamingDescriptors:
        """A twin that goes its own way; arrays are shared, as they are replaced, not changed."""
        twin = copy.copy(self)
        twin._path, twin._over_time = self._path.fork(), copy.copy(self._over_time)
        return twin


def advance_batch(
    histories: Sequence[StreamingDescriptors], several: Sequence[FrameAnalysis], *, ended: bool
) -> Ragged:
    """`History.advance` of U recordings, to the same values at less cost.

    Args:
        histories: the recordings, of one extractor.
        several: U times what the next frames show.
        ended: nothing follows, of none of them.

    Returns:
        float32 rows (n, 32): the frames that are done with now.
    """
    paths, over_time = [h._path for h in histories], [h._over_time for h in histories]
    track, n = decode_pitch_batch(paths, [observed.peaks for observed in several], ended=ended)
    short_time = Ragged.concatenate(
        [h._undecided for h in histories], [observed.short_time for observed in several]
    )
    for history, left in zip(histories, short_time.tails(short_time.counts - n), strict=True):
        history._undecided = left
    f0 = track.log_f0 if histories[0]._log_f0 else track.f0_hz
    columns = np.column_stack([short_time.heads(n), track.voice_probability, f0])
    return smooth_batch(over_time, Ragged(columns, n).split(), ended=ended)


class DescriptorStream:
    """Takes samples as they come and gives each frame as soon as it is certain.

    The frames are those that `LowLevelDescriptors.extract` gives for all samples together, however
    they were cut. What is kept is bounded by the look-ahead, not by the length of the recording.

    Args:
        grid: where the frames lie.
        analyzer: what looks at single frames; many streams may share one.
        history: of this recording alone.
    """

    def __init__(
        self, grid: FrameGrid, analyzer: FrameAnalyzer, history: StreamingDescriptors
    ) -> None:
        self._grid = grid
        self._analyzer = analyzer
        self._history = history
        self._buffer = FrameBuffer(grid, analyzer.reach)
        self._ended = False

    @property
    def look_ahead_s(self) -> float:
        """Seconds of sound after a frame's end that must be heard before it is given."""
        samples = self._analyzer.reach + self._history.delay * self._grid.hop_samples
        return samples / SAMPLE_RATE_HZ

    @property
    def start_s(self) -> float:
        """Seconds of a recording's beginning that must be heard before any frame is given."""
        start = self._history.start * self._grid.hop_samples
        return (start + self._grid.window_samples + self._analyzer.reach) / SAMPLE_RATE_HZ

    def push(self, samples: Floats) -> Floats:
        """Take the next samples.

        Args:
            samples: float32 (n_samples,) at 16 kHz, finite, from none to any number.

        Returns:
            float32 (n, 32), the frames that are certain now, following on those given before.

        Raises:
            FeatureError: the samples are not as stated, or the stream has ended.
        """
        (frames,) = push_batch([self], [samples])
        return frames

    def peek(self) -> Floats:
        """The frames that are not certain yet, as they were if the recording ended here.

        With those given before they are the frames of `extract` for the samples so far. Nothing
        changes by it.

        Returns:
            float32 (n, 32), following on the last that were given.

        Raises:
            FeatureError: the stream has ended.
        """
        (frames,) = peek_batch([self])
        return frames

    def finish(self) -> Floats:
        """The frames that are left, float32 (n, 32); nothing can be pushed after that.

        Raises:
            FeatureError: the stream has ended before.
        """
        self._refuse_ended()
        self._ended = True
        (observed,) = self._analyzer.analyze([self._buffer.remaining()])
        return self._history.advance(observed, ended=True)

    def _check(self, samples: Floats) -> None:
        self._refuse_ended()
        check_samples(samples)

    def _refuse_ended(self) -> None:
        if self._ended:
            raise FeatureError("this stream has ended or failed; begin a new one")


def push_batch(streams: Sequence[DescriptorStream], several: Sequence[Floats]) -> list[Floats]:
    """`push` of many streams at once, to the same frames at less cost.

    Args:
        streams: N different ones of one extractor.
        several: N times float32 (n_samples,) at 16 kHz, finite.

    Returns:
        N times float32 (n, 32), the frames that are certain now.

    Raises:
        FeatureError: samples are not as stated, or a stream has ended; then none has taken any.
    """
    for stream, samples in zip(streams, several, strict=True):
        stream._check(samples)
    if not streams:
        return []
    given = [[np.zeros((0, N_COLUMNS), np.float32)] for _ in streams]
    feeds = [stream._buffer for stream in streams]
    with _ended_unless_well(streams):
        for numbers, observed in analyze_buffers(streams[0]._analyzer, feeds, several):
            histories = [streams[number]._history for number in numbers]
            frames = advance_batch(histories, observed, ended=False).split()
            for number, own in zip(numbers, frames, strict=True):
                given[number].append(own)
    return [np.concatenate(frames) for frames in given]


def peek_batch(streams: Sequence[DescriptorStream]) -> list[Floats]:
    """`peek` of many streams of one extractor at once, to the same frames at less cost.

    Raises:
        FeatureError: a stream has ended.
    """
    if not streams:
        return []
    for stream in streams:
        stream._refuse_ended()
    left = streams[0]._analyzer.analyze([stream._buffer.remaining() for stream in streams])
    twins = [stream._history.fork() for stream in streams]
    return advance_batch(twins, left, ended=True).split()


@contextmanager
def _ended_unless_well(streams: Sequence[DescriptorStream]) -> Iterator[None]:
    """Streams that lost frames must not go on."""
    for stream in streams:
        stream._ended = True
    yield
    for stream in streams:
        stream._ended = False
