"""The descriptors of a recording while it lasts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, sample_fault
from voxaffect.errors import FeatureError
from voxaffect.features.descriptors.history import N_COLUMNS, History
from voxaffect.features.descriptors.observer import FrameObserver
from voxaffect.features.frames import FrameGrid
from voxaffect.features.tape import Stretch, most_frames

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
        self._samples = np.zeros(0, np.float32)  # from as far before the next frame as is needed
        self._before = 0  # samples of these that lie before the next frame
        self._n_to_skip = 0  # samples between frames that lie far apart
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
        self._check(samples)
        self._ended = True  # unless all goes well: a stream that lost frames must not go on
        given = [np.zeros((0, N_COLUMNS), np.float32)]
        most = most_frames("cpu") * self._grid.hop_samples
        for start in range(0, len(samples), most):
            piece = samples[start : start + most]
            n_skipped = min(self._n_to_skip, len(piece))
            self._n_to_skip -= n_skipped
            self._samples = np.concatenate([self._samples, piece[n_skipped:]])
            given.append(self._advance(self._observer.reach, ended=False))
        self._ended = False
        return np.concatenate(given)

    def finish(self) -> Floats:
        """The frames that are left, float32 (n, 32); nothing can be pushed after that.

        Raises:
            FeatureError: the stream has ended before.
        """
        self._refuse_ended()
        self._ended = True
        return self._advance(0, ended=True)

    def _advance(self, beyond: int, *, ended: bool) -> Floats:
        """What becomes certain by the frames behind which so many samples are known."""
        hop, reach = self._grid.hop_samples, self._observer.reach
        n_frames = self._grid.n_frames(len(self._samples) - self._before - beyond)
        if n_frames == 0 and not ended:
            return np.zeros((0, N_COLUMNS), np.float32)
        stretch = Stretch(self._samples, self._before, n_frames, ended)
        (observed,) = self._observer.observe([stretch])
        following = self._before + n_frames * hop
        self._before = min(reach, following)
        self._n_to_skip = max(0, following - self._before - len(self._samples))
        self._samples = self._samples[following - self._before :].copy()
        return self._history.advance(observed, ended=ended)

    def _check(self, samples: Floats) -> None:
        self._refuse_ended()
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise FeatureError(
                f"a push of shape {samples.shape} and type {samples.dtype}; push float32 samples "
                "(n_samples,) at 16 kHz"
            )
        if fault := sample_fault(samples):
            raise FeatureError(f"in a push, {fault}; leave it out or mend its source")

    def _refuse_ended(self) -> None:
        if self._ended:
            raise FeatureError("this stream has ended or failed; begin a new one")
