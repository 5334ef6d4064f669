"""Frames of a long recording, in the memory of the frames alone.

The recording is decoded twice, once for its level and once for its frames, and is never in memory
as a whole: an hour of samples takes 230 MB, its 32 descriptors 46 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import Recording, at_16_khz
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, gain
from voxaffect.errors import AudioError
from voxaffect.features.frames import StreamingExtractor

LONG_S = 120.0
"""From here up a recording is long: reading it twice costs less than its samples' memory."""

PIECE_SAMPLES = 30 * SAMPLE_RATE_HZ
"""Samples that a stream is given at once, at least."""

Opener = Callable[[], AbstractContextManager[Recording]]


def is_long(recording: Recording) -> bool:
    """Whether a recording is long, as far as its header tells."""
    return recording.n_samples is not None and recording.n_samples > LONG_S * recording.rate_hz


class Extracted(NamedTuple):
    """What a recording became: frames, float32 (T, F), and its length in seconds."""

    frames: NDArray[np.float32]
    seconds: float


def in_pieces(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Blocks of samples as fewer and longer ones: a stream takes those at less cost."""
    held: list[NDArray[np.float32]] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= PIECE_SAMPLES:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def extract_long(opener: Opener, extractor: StreamingExtractor) -> Extracted:
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
        parts = [stream.push(piece * factor) for piece in in_pieces(at_16_khz(recording))]
    parts.append(stream.finish())
    frames = np.concatenate(parts)
    if len(frames) == 0:
        raise AudioError(f"{name}: holds no whole frame; remove it or record it again")
    return Extracted(frames, n_samples / SAMPLE_RATE_HZ)


def _level(recording: Recording) -> tuple[float, int]:
    """Root mean square and number of the samples at 16 kHz."""
    power, n_samples = 0.0, 0
    for block in at_16_khz(recording):
        power += float(np.square(block, dtype=np.float64).sum())
        n_samples += len(block)
    return float(np.sqrt(power / max(n_samples, 1))), n_samples
