"""The work of a store, cut into chunks that run anywhere: decode, set the level, extract, write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, decode
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError
from voxaffect.features.frames import FrameExtractor, FrameFeatures
from voxaffect.features.store.shards import Entry, write_shard
from voxaffect.memory import keep_freed_memory

CHUNK_UTTERANCES = 256
CHUNK_BYTES = 16 << 20
"""Most utterances and bytes of audio in a chunk: about a second of work, which a kill can cost."""

CHUNKS_A_JOB = 4
LEAST_UTTERANCES = 32
"""Where there is less work than that, chunks are smaller, so that all workers end together; but
not so small that frames are computed by the handful."""

BYTES_A_SECOND = 2 * SAMPLE_RATE_HZ
"""Of 16-bit audio, for segments, whose share of their file is not known."""

Chunk = Mapping[bytes, Utterance]


@dataclass(frozen=True)
class ChunkReport:
    """What became of a chunk.

    Args:
        seconds: length of the audio behind every key that was stored.
        refused: why a recording could not be used, by key.
    """

    seconds: Mapping[bytes, float]
    refused: Mapping[bytes, str]


def chunks(work: Mapping[bytes, Utterance], n_jobs: int) -> Iterator[Chunk]:
    """Cut work into chunks of at most CHUNK_UTTERANCES and about CHUNK_BYTES."""
    share = -(-len(work) // (CHUNKS_A_JOB * n_jobs))
    most = min(CHUNK_UTTERANCES, max(LEAST_UTTERANCES, share))
    chunk: dict[bytes, Utterance] = {}
    n_bytes = 0.0
    for key, utterance in work.items():
        if len(chunk) == most or n_bytes > CHUNK_BYTES:
            yield chunk
            chunk, n_bytes = {}, 0.0
        chunk[key] = utterance
        n_bytes += _bytes_of_audio(utterance)
    if chunk:
        yield chunk


def _bytes_of_audio(utterance: Utterance) -> float:
    if utterance.end_s is not None:
        return (utterance.end_s - utterance.start_s) * BYTES_A_SECOND
    with contextlib.suppress(OSError):  # it was there a moment ago; decoding will say more
        return utterance.path.stat().st_size
    return 0.0


def compute_chunk(
    chunk: Chunk,
    extractor: FrameExtractor,
    folder: Path,
    n_threads: int,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> ChunkReport:
    """Compute the features of a chunk and store them as one shard.

    Args:
        chunk: utterances by the key to store them under.
        extractor: what computes the features.
        folder: where the shard goes.
        n_threads: threads PyTorch may use.
        limits: what is refused of recordings.

    Raises:
        FeatureError: the folder cannot be written, or the extractor returned what is no feature.
    """
    keep_freed_memory()
    prepared = {key: _attempt_decode(utterance, limits) for key, utterance in chunk.items()}
    waveforms = {key: w for key, w in prepared.items() if isinstance(w, Waveform)}
    with threads(n_threads):
        frames = attempt(extractor, list(waveforms.values()))
    results = {**prepared, **dict(zip(waveforms, frames, strict=True))}
    entries = [
        Entry(key, _valid(values, extractor, chunk[key]), waveforms[key].duration_s)
        for key, values in results.items()
        if isinstance(values, np.ndarray)
    ]
    if entries:
        write_shard(folder, entries)
    faults = {key: str(fault) for key, fault in results.items() if isinstance(fault, AudioError)}
    return ChunkReport({entry.key: entry.seconds for entry in entries}, faults)


def attempt(
    extractor: FrameExtractor, waveforms: list[Waveform]
) -> list[NDArray[np.float32] | AudioError]:
    """Frames of every waveform, or why it has none; one bad waveform spoils no other."""
    try:
        return [*extractor.extract(waveforms)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [fault]
    return [result for one in waveforms for result in attempt(extractor, [one])]


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Let PyTorch use so many threads, and restore what was."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _attempt_decode(utterance: Utterance, limits: DecodeLimits) -> Waveform | AudioError:
    start_s, end_s = utterance.start_s, utterance.end_s
    try:
        return decode(utterance.path, start_s=start_s, end_s=end_s, limits=limits).normalised()
    except AudioError as fault:
        return fault


def _valid(
    values: NDArray[np.float32], extractor: FrameExtractor, utterance: Utterance
) -> NDArray[np.float32]:
    return FrameFeatures(values, extractor.names, extractor.grid, utterance.id).values
