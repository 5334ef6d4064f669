"""The work of a store, cut into chunks that run anywhere: decode, set the level, extract, write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, open_recording, read
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError
from voxaffect.features.frames import FrameExtractor, FrameFeatures, StreamingExtractor
from voxaffect.features.long_recordings import Extracted, extract_long, is_long
from voxaffect.features.store.journal import new_shard
from voxaffect.features.store.shards import Entry
from voxaffect.features.threads import threads
from voxaffect.memory import keep_freed_memory

CHUNK_UTTERANCES = 256
CHUNK_BYTES = 16 << 20
"""Most utterances and bytes of audio in a chunk: about a second of work."""

CHUNKS_A_JOB = 8
LEAST_UTTERANCES = 32
"""Where there is less work than that, chunks are smaller, so that all workers end together."""

GROUP_S = 10.0
"""Seconds of audio that are extracted at once, and lost if the process is killed: extractors are
slower with less."""

BYTES_A_SECOND = 2 * SAMPLE_RATE_HZ
"""Of 16-bit audio, for segments, whose share of their file is not known."""

Chunk = Mapping[bytes, Utterance]
Prepared = Waveform | Extracted | AudioError


@dataclass(frozen=True)
class ChunkReport:
    """What became of a chunk.

    Args:
        seconds: length of the audio behind every key that was stored.
        refused: why a recording could not be used, by key.
    """

    seconds: Mapping[bytes, float]
    refused: Mapping[bytes, str]


@dataclass(frozen=True)
class Group:
    """What became of a few utterances of a chunk.

    Args:
        entries: those that have frames.
        refused: why a recording could not be used, by key.
    """

    entries: list[Entry]
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
    """Compute the features of a chunk and store them as one shard, group by group.

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
    seconds: dict[bytes, float] = {}
    refused: dict[bytes, str] = {}
    with threads(n_threads), new_shard(folder, len(extractor.names)) as journal:
        for group in compute_groups(chunk, extractor, limits):
            journal.append(group.entries)
            seconds |= {entry.key: entry.seconds for entry in group.entries}
            refused |= group.refused
    return ChunkReport(seconds, refused)


def compute_groups(
    chunk: Chunk, extractor: FrameExtractor, limits: DecodeLimits
) -> Iterator[Group]:
    """Features of a chunk's utterances in their order, about GROUP_S of audio at a time."""
    for group in _prepare(chunk, extractor, limits):
        waveforms = {key: w for key, w in group.items() if isinstance(w, Waveform)}
        extracted = dict(zip(waveforms, attempt(extractor, [*waveforms.values()]), strict=True))
        results = {key: extracted.get(key, prepared) for key, prepared in group.items()}
        entries = [
            Entry(key, _valid(result.frames, extractor, chunk[key]), result.seconds)
            for key, result in results.items()
            if isinstance(result, Extracted)
        ]
        faults = {key: str(why) for key, why in results.items() if isinstance(why, AudioError)}
        yield Group(entries, faults)


def _prepare(
    chunk: Chunk, extractor: FrameExtractor, limits: DecodeLimits
) -> Iterator[Mapping[bytes, Prepared]]:
    """Recordings at their level, or why they are refused, about GROUP_S at a time.

    Long ones are extracted at once, where the extractor can do so piece by piece.
    """
    streaming = extractor if isinstance(extractor, StreamingExtractor) else None
    group: dict[bytes, Prepared] = {}
    seconds = 0.0
    for key, utterance in chunk.items():
        group[key] = prepared = _prepare_one(utterance, streaming, limits)
        if isinstance(prepared, Waveform):
            seconds += prepared.duration_s
        if seconds >= GROUP_S or isinstance(prepared, Extracted):
            yield group
            group, seconds = {}, 0.0
    if group:
        yield group


def _prepare_one(
    utterance: Utterance, streaming: StreamingExtractor | None, limits: DecodeLimits
) -> Prepared:
    start_s, end_s = utterance.start_s, utterance.end_s
    opener = partial(open_recording, utterance.path, start_s=start_s, end_s=end_s, limits=limits)
    try:
        with opener() as recording:
            if streaming is None or not is_long(recording):
                return read(recording).normalised()
        return extract_long(opener, streaming)
    except AudioError as fault:
        return fault


def attempt(extractor: FrameExtractor, waveforms: list[Waveform]) -> list[Extracted | AudioError]:
    """Frames of every waveform, or why it has none; one bad waveform spoils no other."""
    try:
        frames = extractor.extract(waveforms)
        return [Extracted(f, w.duration_s) for f, w in zip(frames, waveforms, strict=True)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [fault]
    return [result for one in waveforms for result in attempt(extractor, [one])]


def _valid(
    values: NDArray[np.float32], extractor: FrameExtractor, utterance: Utterance
) -> NDArray[np.float32]:
    return FrameFeatures(values, extractor.names, extractor.grid, utterance.id).values
