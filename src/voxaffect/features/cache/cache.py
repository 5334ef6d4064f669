"""Frame features on disk: computed once for a content and settings, then memory-mapped.

A key is made of the file's content and the segment's borders; extractor settings and level name
the folder. So features survive a moved corpus, and a changed setting never meets stale ones.
Utterances are computed in chunks; every chunk is a journal while it is at work, and then a shard.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

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
    FrameFeatures,
    StreamingExtractor,
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
Prepared = Waveform | ExtractedFrames | AudioError


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
class ExtractionGroup:
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
    with torch_threads(n_threads), new_shard(folder, len(extractor.names)) as journal:
        for group in compute_groups(chunk, extractor, limits):
            journal.append(group.entries)
            seconds |= {entry.key: entry.seconds for entry in group.entries}
            refused |= group.refused
    return ChunkReport(seconds, refused)


def compute_groups(
    chunk: Chunk, extractor: FrameExtractor, limits: DecodeLimits
) -> Iterator[ExtractionGroup]:
    """Features of a chunk's utterances in their order, about GROUP_S of audio at a time."""
    for group in _prepare(chunk, extractor, limits):
        waveforms = {key: w for key, w in group.items() if isinstance(w, Waveform)}
        extracted = dict(
            zip(waveforms, extract_each(extractor, [*waveforms.values()]), strict=True)
        )
        results = {key: extracted.get(key, prepared) for key, prepared in group.items()}
        entries = [
            Entry(key, _valid(result.frames, extractor, chunk[key]), result.seconds)
            for key, result in results.items()
            if isinstance(result, ExtractedFrames)
        ]
        faults = {key: str(why) for key, why in results.items() if isinstance(why, AudioError)}
        yield ExtractionGroup(entries, faults)


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


def extract_each(
    extractor: FrameExtractor, waveforms: list[Waveform]
) -> list[ExtractedFrames | AudioError]:
    """Frames of every waveform, or why it has none; one bad waveform spoils no other."""
    try:
        frames = extractor.extract(waveforms)
        return [ExtractedFrames(f, w.duration_s) for f, w in zip(frames, waveforms, strict=True)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [fault]
    return [result for one in waveforms for result in extract_each(extractor, [one])]


def _valid(
    values: NDArray[np.float32], extractor: FrameExtractor, utterance: Utterance
) -> NDArray[np.float32]:
    return FrameFeatures(values, extractor.names, extractor.grid, utterance.id).values


FORMAT = 2
"""Version of what is stored beside the values; a new one begins new folders."""

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class ExtractionResult:
    """What came of asking a store for utterances.

    Args:
        features: frames of all utterances that have some.
        refused: utterances whose recording cannot be used, and why.
        damaged: shards that were found damaged, removed and computed again.
    """

    features: StoredFeatures
    refused: tuple[Problem, ...]
    damaged: tuple[Problem, ...]


@dataclass(frozen=True)
class FeatureStore:
    """Features of any corpora under one folder.

    Args:
        root: the folder; it is made when there is something to store.
        extractor: what computes the features.
        limits: what is refused of the recordings that are still to be decoded.
    """

    root: Path
    extractor: FrameExtractor
    limits: DecodeLimits = DEFAULT_LIMITS

    @property
    def settings(self) -> dict[str, object]:
        """Everything beside the audio that the values depend on."""
        return {
            "format": FORMAT,
            "level_rms": TARGET_RMS,
            "names": list(self.extractor.names),
            "extractor": dict(self.extractor.settings()),
        }

    @property
    def folder(self) -> Path:
        """Where features with these settings lie."""
        return self.root / digest(self.settings)

    def extract(
        self, utterances: Sequence[Utterance], *, n_jobs: int = 1, progress: Progress | None = None
    ) -> ExtractionResult:
        """Features of utterances: those stored are mapped, the others computed and stored.

        Args:
            utterances: their ids must differ.
            n_jobs: processes that compute at once, -1 for all cores; where they run is up to
                joblib's backend.
            progress: told how many utterances are done, and the seconds of audio behind them.

        Raises:
            FeatureError: two utterances share an id, or the folder cannot be written.
        """
        _check_ids(utterances)
        n_jobs = n_jobs if n_jobs > 0 else joblib.effective_n_jobs(n_jobs)
        keys, refused = self._keys(utterances, n_jobs)
        work = {keys[u.id]: u for u in utterances if u.id in keys}
        salvage(self.folder)
        index, faults = open_index(self.folder, local_jobs(n_jobs))
        stored = index.seconds(work)
        tally = _Tally(Counter(keys.values()), progress, n_done=len(refused))
        tally.add(stored)
        if missing := {key: u for key, u in work.items() if key not in stored}:
            unusable = self._compute(missing, n_jobs, tally)
            refused |= {id_: unusable[key] for id_, key in keys.items() if key in unusable}
            index, new_faults = open_index(self.folder, local_jobs(n_jobs))
            faults |= new_faults
        features = StoredFeatures.of(index, keys)
        self._check_complete(keys.keys() - refused.keys() - features.keys())
        return ExtractionResult(features, tuple(_refusals(refused)), tuple(_damage(faults)))

    def _keys(
        self, utterances: Sequence[Utterance], n_jobs: int
    ) -> tuple[dict[str, bytes], dict[str, str]]:
        """Key of every utterance whose file can be read, and why the others cannot, by id."""
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

    def _compute(self, missing: Chunk, n_jobs: int, tally: _Tally) -> dict[bytes, str]:
        """Store the features of missing utterances; returns why some have none, by key."""
        note = self.folder / "settings.json"
        with storing(self.folder):
            if not note.exists():
                write_text(note, json.dumps(self.settings, indent=2) + "\n")
        refused: dict[bytes, str] = {}
        for report in self._reports(missing, n_jobs):
            refused |= report.refused
            tally.add({**report.seconds, **dict.fromkeys(report.refused, 0.0)})
        return refused

    def _reports(self, missing: Chunk, n_jobs: int) -> Iterator[ChunkReport]:
        """Work, chunk by chunk, in whatever order they are done."""
        n_threads = torch.get_num_threads() if threads_per_job(n_jobs) is None else 1
        there = replace(self, root=self.root.absolute())
        work = partial(_compute_chunk, store=there, n_threads=n_threads)
        lost: list[Chunk] = []
        with closing(compute_all(work, chunks(missing, n_jobs), n_jobs)) as reports:
            for chunk, report in reports:
                if isinstance(report, WorkerDied):
                    lost.append(chunk)
                else:
                    yield report
        _refuse_lost(lost)

    def _check_complete(self, absent: Collection[str]) -> None:
        """What was stored a moment ago must be there."""
        if absent:
            raise FeatureError(
                f"{self.folder}: the features of {min(absent)} were written there, but are gone or "
                "damaged; check the disk, and that all machines which computed share it"
            )


def _compute_chunk(chunk: Chunk, store: FeatureStore, n_threads: int) -> ChunkReport:
    """Compute a chunk on whichever machine this is."""
    check_shared(store.folder)
    return compute_chunk(chunk, store.extractor, store.folder, n_threads, store.limits)


def _refuse_lost(chunks_lost: Sequence[Chunk]) -> None:
    for utterances in (tuple(chunk.values()) for chunk in chunks_lost):
        raise FeatureError(
            f"{utterances[0].id} and the {len(utterances) - 1} after it: every process that "
            "extracted their features was killed, most often for lack of memory; the others are "
            "stored: run the same command again with fewer --jobs, or leave these out"
        )


class _Tally:
    """Counts what is done and tells whoever wants to know.

    Args:
        copies: utterances that share a key.
        progress: who is told.
        n_done: utterances that are done with from the beginning.
    """

    def __init__(self, copies: Counter[bytes], progress: Progress | None, n_done: int) -> None:
        self._copies = copies
        self._progress = progress
        self._n_done = n_done
        self._seconds = 0.0

    def add(self, seconds: Mapping[bytes, float]) -> None:
        """Count keys that are done, and the length of their audio."""
        self._n_done += sum(self._copies[key] for key in seconds)
        self._seconds += sum(self._copies[key] * length for key, length in seconds.items())
        if self._progress is not None:
            self._progress(self._n_done, self._seconds)


def _check_ids(utterances: Sequence[Utterance]) -> None:
    twice = [id_ for id_, n in Counter(u.id for u in utterances).items() if n > 1]
    if twice:
        raise FeatureError(f"{twice[0]}: two utterances have this id; give every one its own")


def _refusals(refused: Mapping[str, str]) -> Iterator[Problem]:
    for utterance_id, sentence in sorted(refused.items()):
        yield Problem("refused recording", utterance_id, sentence)


def _damage(faults: Mapping[Path, str]) -> Iterator[Problem]:
    for path, sentence in faults.items():
        what_happens = "it is removed, and computed again where it is used"
        yield Problem("damaged shard", path.name, f"{sentence}; {what_happens}")
