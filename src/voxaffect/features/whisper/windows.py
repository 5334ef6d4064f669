"""What the encoder computes at once: whole recordings, and windows of longer ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOP_SAMPLES = 320  # per state: the spectrogram's hop of 160 times the second convolution's stride
OVERLAP_FRAMES = 50
"""Least overlap of windows, 1 s: a state that is kept has half of it on either side."""


class Piece(NamedTuple):
    """A window of a recording, and which of its states are the recording's."""

    recording: int
    samples: NDArray[np.float32]  # (n_samples,)
    kept: slice  # of its own states
    frames: slice  # what they are of the recording's

    @property
    def n_frames(self) -> int:
        """Number of its own states."""
        return self.samples.size // HOP_SAMPLES


def pieces(recordings: Sequence[NDArray[np.float32]], most: int, overlap: int) -> Iterator[Piece]:
    """Pieces of recordings, float32 (n_samples,), in order; each has at most `most` states."""
    for number, samples in enumerate(recordings):
        begins, seams = windows(samples.size // HOP_SAMPLES, most, overlap)
        for k, begin in enumerate(begins):
            is_last = k + 1 == len(begins)
            end = None if is_last else (begin + most) * HOP_SAMPLES
            kept = slice(seams[k] - begin, seams[k + 1] - begin)
            frames = slice(seams[k], seams[k + 1])
            yield Piece(number, samples[begin * HOP_SAMPLES : end], kept, frames)


def windows(n_frames: int, most: int, overlap: int) -> tuple[list[int], list[int]]:
    """First frames of the K windows of a recording, and the K + 1 borders of what each contributes.

    Windows have `most` frames, overlap by `overlap` or more, and are spread evenly; a border is in
    the middle of an overlap. A recording of up to `most` frames is its own window.

    >>> windows(10, 4, 1)
    ([0, 3, 6], [0, 3, 6, 10])
    """
    if n_frames <= most:
        return [0], [0, n_frames]
    count = -(-(n_frames - overlap) // (most - overlap))
    begins = [k * (n_frames - most) // (count - 1) for k in range(count)]
    middles = [(end + most + begin) // 2 for end, begin in pairwise(begins)]
    return begins, [0, *middles, n_frames]
