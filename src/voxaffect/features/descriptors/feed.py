"""The samples of recordings while they last, cut into the frames that are whole by now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, sample_fault
from voxaffect.errors import FeatureError
from voxaffect.features.descriptors.observer import FrameObserver, Observed
from voxaffect.features.frames import FrameGrid
from voxaffect.features.tape import Stretch, most_frames

Floats = NDArray[np.float32]

WANTED = f"float32 samples (n_samples,) at {SAMPLE_RATE_HZ // 1000} kHz"


class Feed:
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

    def stretches(self, samples: Floats) -> Iterator[Stretch]:
        """Take samples (n_samples,) and give the frames that they complete, in bounded pieces."""
        most = most_frames("cpu") * self._grid.hop_samples
        for start in range(0, len(samples), most):
            self._take(samples[start : start + most])
            n_frames = self._grid.n_frames(len(self._samples) - self._before - self._reach)
            if n_frames:
                yield Stretch(self._samples, self._before, n_frames, ended=False)
                self._pass_by(n_frames)

    def rest(self) -> Stretch:
        """The frames, if any, that are whole but lack samples beyond them, as if nothing followed.

        They stay: what is pushed later completes them.
        """
        n_frames = self._grid.n_frames(len(self._samples) - self._before)
        return Stretch(self._samples, self._before, n_frames, ended=True)

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


def observe_feeds(
    observer: FrameObserver, feeds: Sequence[Feed], several: Sequence[Floats]
) -> Iterator[tuple[list[int], list[Observed]]]:
    """What the frames show that new samples of many recordings complete, each in its order.

    A call of the observer costs more than some frames do: frames of many recordings share one.

    Args:
        observer: shared by all.
        feeds: N recordings.
        several: N times the next samples, float32 (n_samples,).

    Yields:
        The numbers of some recordings, each another, and what the next frames of each show.
    """
    numbered = (
        (number, stretch)
        for number, (feed, samples) in enumerate(zip(feeds, several, strict=True))
        for stretch in feed.stretches(samples)
    )
    for together in _batches(numbered):
        yield (
            [number for number, _ in together],
            observer.observe([stretch for _, stretch in together]),
        )


def _batches(numbered: Iterable[tuple[int, Stretch]]) -> Iterator[list[tuple[int, Stretch]]]:
    """Stretches of different recordings, in lists of about as many frames as a tape takes."""
    together: list[tuple[int, Stretch]] = []
    n_frames = 0
    for number, stretch in numbered:
        if together and (number == together[-1][0] or n_frames >= most_frames("cpu")):
            yield together
            together, n_frames = [], 0
        together.append((number, stretch))
        n_frames += stretch.n_frames
    if together:
        yield together


def refuse_no_samples(samples: object) -> None:
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
    if fault := sample_fault(samples):
        raise FeatureError(f"in a push, {fault}; leave it out or mend its source")
