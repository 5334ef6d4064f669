"""Feature cache: frame features on disk, computed once per content and settings, memory-mapped.

A key is a hash of the file's content and the segment's borders; the folder is named by a hash of
the extractor's settings and the level. So a moved corpus keeps its features, and changed settings
never read stale ones. Utterances are computed in chunks; a chunk is written to a journal, which
becomes a shard when it is complete.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import joblib
import torch

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, open_recording, read
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, TARGET_RMS, Waveform
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.cache.file_digests import FileDigests, segment_key
from voxaffect.features.cache.index import StoredFeatures, open_index
from voxaffect.features.cache.shards import Entry, check_shared, new_shard, salvage, storing
from voxaffect.features.frames import (
    ExtractedFrames,
    FrameExtractor,
    StreamingExtractor,
    check_frames,
    extract_long,
    is_long,
)
from voxaffect.features.runtime import torch_threads
from voxaffect.files import digest, write_text
from voxaffect.parallel.clusters import local_jobs, threads_per_job
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.parallel.work import WorkerDied, compute_all

CHUNK_UTTERANCES = 256
CHUNK_BYTES = 16 << 20
"""Upper bounds of a chunk: about a second of computation."""

CHUNKS_PER_JOB = 8
MIN_CHUNK_UTTERANCES = 32
"""With little work, chunks are smaller, down to this, so that all workers finish together."""

GROUP_S = 10.0
"""Seconds of audio that are extracted at once, and lost if the process is killed: extractors are
slower with less."""

BYTES_PER_SECOND = 2 * SAMPLE_RATE_HZ
"""Of 16-bit audio, for segments, whose share of the file size is unknown."""

Chunk = Mapping[bytes, Utterance]
Prepared = Waveform | ExtractedFrames | AudioError


class ChunkReport(NamedTuple):
    """Result of a chunk, by key."""

    seconds: dict[bytes, float]  # length of the audio of what was stored
    refused: dict[bytes, str]  # why others were not


class ExtractionGroup(NamedTuple):
    """Result of a few utterances of a chunk."""

    entries: list[Entry]
    refused: dict[bytes, str]  # why others have no frames, by key


def chunks(work: Mapping[bytes, Utterance], n_jobs: int) -> Iterator[Chunk]:
    """Split work into chunks of at most CHUNK_UTTERANCES and about CHUNK_BYTES."""
    share = -(-len(work) // (CHUNKS_PER_JOB * n_jobs))
    most = min(CHUNK_UTTERANCES, max(MIN_CHUNK_UTTERANCES, share))
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
        return (utterance.end_s - utterance.start_s) * BYTES_PER_SECOND
    with contextlib.suppress(OSError):  # decoding reports the error
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

    Raises:
        FeatureError: the folder cannot be written, or the extractor returned invalid features.
    """
    keep_freed_memory()
    report = ChunkReport({}, {})
    with torch_threads(n_threads), new_shard(folder, len(extractor.names)) as journal:
        for group in compute_groups(chunk, extractor, limits):
            journal.append(group.entries)
            report.seconds.update({entry.key: entry.seconds for entry in group.entries})
            report.refused.update(group.refused)
    return report


def compute_groups(
    chunk: Chunk, extractor: FrameExtractor, limits: DecodeLimits
) -> Iterator[ExtractionGroup]:
    """Features of a chunk's utterances in order, about GROUP_S of audio at a time."""
    ids = {key: utterance.id for key, utterance in chunk.items()}
    for group in _prepare(chunk, extractor, limits):
        yield extract_group(group, extractor, ids)


def extract_group(
    prepared: Mapping[bytes, Prepared], extractor: FrameExtractor, ids: Mapping[bytes, str]
) -> ExtractionGroup:
    """Extract the features of waveforms, with names for errors, all by key."""
    waveforms = {key: one for key, one in prepared.items() if isinstance(one, Waveform)}
    frames = _extract_each(extractor, [*waveforms.values()])
    results = {**prepared, **dict(zip(waveforms, frames, strict=True))}
    entries = [
        Entry(key, check_frames(result.frames, extractor.names, ids[key]), result.seconds)
        for key, result in results.items()
        if isinstance(result, ExtractedFrames)
    ]
    faults = {key: str(why) for key, why in results.items() if isinstance(why, AudioError)}
    return ExtractionGroup(entries, faults)


def _prepare(
    chunk: Chunk, extractor: FrameExtractor, limits: DecodeLimits
) -> Iterator[Mapping[bytes, Prepared]]:
    """Leveled recordings or errors, about GROUP_S at a time; long ones are streamed already."""
    streaming = extractor if isinstance(extractor, StreamingExtractor) else None
    group: dict[bytes, Prepared] = {}
    seconds = 0.0
    for key, utterance in chunk.items():
        group[key] = prepared = _prepare_one(utterance, streaming, limits)
        if isinstance(prepared, Waveform):
            seconds += prepared.duration_s
        if seconds >= GROUP_S or isinstance(prepared, ExtractedFrames):
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
                return read(recording).normalized()
        return extract_long(opener, streaming)
    except AudioError as fault:
        return fault


def _extract_each(
    extractor: FrameExtractor, waveforms: list[Waveform]
) -> list[ExtractedFrames | AudioError]:
    """Frames of each waveform or its error; one bad waveform does not affect the others."""
    try:
        frames = extractor.extract(waveforms)
        return [ExtractedFrames(f, w.duration_s) for f, w in zip(frames, waveforms, strict=True)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [fault]
    return [result for one in waveforms for result in _extract_each(extractor, [one])]


FORMAT = 2
"""Version of the storage format, part of the folder's hash."""

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class ExtractionResult:
    """Result of the extraction with a store.

    Args:
        features: frames by utterance id.
        refused: utterances whose recording cannot be used, and why.
        damaged: shards that were damaged, removed and recomputed.
    """

    features: StoredFeatures
    refused: tuple[Problem, ...]
    damaged: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class FeatureStore:
    """On-disk store of features of any corpora.

    Args:
        root: the folder; created when there is something to store.
        extractor: computes the features.
        limits: limits of recordings that are not stored yet.
    """

    root: Path
    extractor: FrameExtractor
    limits: DecodeLimits = DEFAULT_LIMITS

    @property
    def settings(self) -> dict[str, object]:
        """Everything but the audio that the values depend on."""
        return {
            "format": FORMAT,
            "level_rms": TARGET_RMS,
            "names": list(self.extractor.names),
            "extractor": dict(self.extractor.settings()),
        }

    @property
    def folder(self) -> Path:
        """Folder of features with these settings."""
        return self.root / digest(self.settings)

    def extract(
        self, utterances: Sequence[Utterance], *, n_jobs: int = 1, progress: Progress | None = None
    ) -> ExtractionResult:
        """Features of utterances: memory-mapped if stored, else computed and stored.

        Args:
            utterances: with distinct ids.
            n_jobs: number of processes, -1 for all cores; joblib's backend runs them.
            progress: called with the number of finished utterances and their seconds of audio.

        Raises:
            FeatureError: two utterances share an id, or the folder cannot be written.
        """
        twice = [id_ for id_, n in Counter(u.id for u in utterances).items() if n > 1]
        if twice:
            raise FeatureError(f"{twice[0]}: two utterances have this id; make the ids unique")
        n_jobs = n_jobs if n_jobs > 0 else joblib.effective_n_jobs(n_jobs)
        keys, refused = self._keys(utterances, n_jobs)
        work = {keys[u.id]: u for u in utterances if u.id in keys}
        salvage(self.folder)
        index, faults = open_index(self.folder, local_jobs(n_jobs))
        stored = index.seconds(work)
        counter = _ProgressCounter(Counter(keys.values()), progress, n_done=len(refused))
        counter.add(stored)
        if missing := {key: u for key, u in work.items() if key not in stored}:
            unusable = self._compute(missing, n_jobs, counter)
            refused |= {id_: unusable[key] for id_, key in keys.items() if key in unusable}
            index, new_faults = open_index(self.folder, local_jobs(n_jobs))
            faults |= new_faults
        features = StoredFeatures.of(index, keys)
        if lost := keys.keys() - refused.keys() - features.keys():
            raise FeatureError(
                f"{self.folder}: the features of {min(lost)} were written there, but are gone or "
                "damaged; check the disk, and that all machines which computed share it"
            )
        refusals = (Problem("refused recording", *item) for item in sorted(refused.items()))
        damage = (
            Problem("damaged shard", path.name, f"{fault}; it was removed and is recomputed")
            for path, fault in faults.items()
        )
        return ExtractionResult(features, tuple(refusals), tuple(damage))

    def _keys(
        self, utterances: Sequence[Utterance], n_jobs: int
    ) -> tuple[dict[str, bytes], dict[str, str]]:
        """Keys of utterances by id, and why the files of others cannot be read, by id."""
        n_here = local_jobs(n_jobs)
        contents = FileDigests(self.root / "files").of((u.path for u in utterances), n_here)
        keys, refused = {}, {}
        for u in utterances:
            content = contents[u.path]
            if isinstance(content, OSError):
                refused[u.id] = f"{u.path}: cannot be read ({content.strerror}); check the corpus"
            else:
                keys[u.id] = segment_key(content, u.start_s, u.end_s)
        return keys, refused

    def _compute(self, missing: Chunk, n_jobs: int, counter: _ProgressCounter) -> dict[bytes, str]:
        """Store the features of missing utterances; return the reasons for failures by key."""
        note = self.folder / "settings.json"
        with storing(self.folder):
            if not note.exists():
                write_text(note, json.dumps(self.settings, indent=2) + "\n")
        n_threads = torch.get_num_threads() if threads_per_job(n_jobs) is None else 1
        there = replace(self, root=self.root.absolute())
        work = partial(_compute_chunk, store=there, n_threads=n_threads)
        refused: dict[bytes, str] = {}
        lost: list[Chunk] = []
        with closing(compute_all(work, chunks(missing, n_jobs), n_jobs)) as reports:
            for chunk, report in reports:
                if isinstance(report, WorkerDied):
                    lost.append(chunk)
                    continue
                refused |= report.refused
                counter.add({**report.seconds, **dict.fromkeys(report.refused, 0.0)})
        if lost:
            raise FeatureError(
                f"{next(iter(lost[0].values())).id} and the {len(lost[0]) - 1} after it: every "
                "process that extracted their features was killed, most often for lack of memory; "
                "the others are stored: run the same command again with fewer --jobs, or leave "
                "these out"
            )
        return refused


def _compute_chunk(chunk: Chunk, store: FeatureStore, n_threads: int) -> ChunkReport:
    """Compute a chunk, perhaps on another machine."""
    check_shared(store.folder)
    return compute_chunk(chunk, store.extractor, store.folder, n_threads, store.limits)


@dataclass
class _ProgressCounter:
    """Progress in utterances, of which several may share a key."""

    copies: Counter[bytes]
    progress: Progress | None
    n_done: int
    seconds: float = 0.0

    def add(self, seconds: Mapping[bytes, float]) -> None:
        """Count finished keys, given the length of their audio."""
        self.n_done += sum(self.copies[key] for key in seconds)
        self.seconds += sum(self.copies[key] * length for key, length in seconds.items())
        if self.progress is not None:
            self.progress(self.n_done, self.seconds)
