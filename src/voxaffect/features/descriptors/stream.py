"""The descriptors of a recording while it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import FeatureError
from voxaffect.features.descriptors.feed import Feed, observe_feeds, refuse_no_samples
from voxaffect.features.descriptors.history import N_COLUMNS, History, advance_together
from voxaffect.features.descriptors.observer import FrameObserver
from voxaffect.features.frames import FrameGrid

Floats = NDArray[np.float32]


class DescriptorStream:
    """Takes samples as they come and gives each frame as soon as it is certain.

    The frames are those that `LowLevelDescriptors.extract` gives for all samples together, however
    they were cut. What is kept is bounded by the look-ahead, not by the length of the recording.

    Args:
        grid: where the frames lie.
        observer: what looks at single frames; many streams may share one.
        history: of this recording alone.
    """

    def __init__(self, grid: FrameGrid, observer: FrameObserver, history: History) -> None:
        self._grid = grid
        self._observer = observer
        self._history = history
        self._feed = Feed(grid, observer.reach)
        self._ended = False

    @property
    def look_ahead_s(self) -> float:
        """Seconds of sound after a frame's end that must be heard before it is given."""
        samples = self._observer.reach + self._history.delay * self._grid.hop_samples
        return samples / SAMPLE_RATE_HZ

    @property
    def start_s(self) -> float:
        """Seconds of a recording's beginning that must be heard before any frame is given."""
        start = self._history.start * self._grid.hop_samples
        return (start + self._grid.window_samples + self._observer.reach) / SAMPLE_RATE_HZ

    def push(self, samples: Floats) -> Floats:
        """Take the next samples.

        Args:
            samples: float32 (n_samples,) at 16 kHz, finite, from none to any number.

        Returns:
            float32 (n, 32), the frames that are certain now, following on those given before.

        Raises:
            FeatureError: the samples are not as stated, or the stream has ended.
        """
        (frames,) = push_together([self], [samples])
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
        (frames,) = peek_together([self])
        return frames

    def finish(self) -> Floats:
        """The frames that are left, float32 (n, 32); nothing can be pushed after that.

        Raises:
            FeatureError: the stream has ended before.
        """
        self._refuse_ended()
        self._ended = True
        (observed,) = self._observer.observe([self._feed.rest()])
        return self._history.advance(observed, ended=True)

    def _check(self, samples: Floats) -> None:
        self._refuse_ended()
        refuse_no_samples(samples)

    def _refuse_ended(self) -> None:
        if self._ended:
            raise FeatureError("this stream has ended or failed; begin a new one")


def push_together(streams: Sequence[DescriptorStream], several: Sequence[Floats]) -> list[Floats]:
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
    feeds = [stream._feed for stream in streams]
    with _ended_unless_well(streams):
        for numbers, observed in observe_feeds(streams[0]._observer, feeds, several):
            histories = [streams[number]._history for number in numbers]
            frames = advance_together(histories, observed, ended=False).split()
            for number, own in zip(numbers, frames, strict=True):
                given[number].append(own)
    return [np.concatenate(frames) for frames in given]


def peek_together(streams: Sequence[DescriptorStream]) -> list[Floats]:
    """`peek` of many streams of one extractor at once, to the same frames at less cost.

    Raises:
        FeatureError: a stream has ended.
    """
    if not streams:
        return []
    for stream in streams:
        stream._refuse_ended()
    left = streams[0]._observer.observe([stream._feed.rest() for stream in streams])
    twins = [stream._history.fork() for stream in streams]
    return advance_together(twins, left, ended=True).split()


@contextmanager
def _ended_unless_well(streams: Sequence[DescriptorStream]) -> Iterator[None]:
    """Streams that lost frames must not go on."""
    for stream in streams:
        stream._ended = True
    yield
    for stream in streams:
        stream._ended = False
