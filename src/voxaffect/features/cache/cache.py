"""Feature cache: frame features on disk, computed once per content and settings, memory-mapped.

A key is a hash of the file's content and the segment's borders; the folder is named by a hash of
the extractor's settings and the level. So a moved corpus keeps its features, and changed settings
never read stale ones. Utterances are computed in chunks, each of which becomes a shard.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import torch

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, decode
from voxaffect.audio.speech import SPEECH_VERSION, speech_of
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, TARGET_RMS, Waveform
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.cache.file_values import FileValues, digest_file, segment_key
from voxaffect.features.cache.index import StoredFeatures, open_index
from voxaffect.features.cache.shards import Entry, check_shared, new_shard, salvage, storing
from voxaffect.features.frames import ExtractedFrames, FrameExtractor, check_frames, groups
from voxaffect.features.runtime import torch_threads
from voxaffect.files import digest, write_text
from voxaffect.parallel.clusters import local_jobs, threads_per_job
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.parallel.work import WorkerDied, compute_all

CHUNK_UTTERANCES, CHUNK_BYTES = 256, 16 << 20
"""Upper bounds of a chunk: about a second of computation."""

MIN_CHUNK_UTTERANCES = 32
"""With little work, chunks are smaller, down to this, so that all workers finish together."""

GROUP_S = 10.0
"""Seconds of audio extracted at once, and lost in a killed process; less at once is slower."""

Progress = Callable[[int, float], None]


class Item(NamedTuple):
    """What frames are computed from, and a change before it for `Work.prepare`."""

    utterance: Utterance
    change: Any = None


Chunk = Mapping[bytes, Item]
Prepared = Waveform | AudioError


class Work(NamedTuple):
    """What is loaded from a store or computed, all by key."""

    settings: Mapping[str, object]  # everything but the audio that the values depend on
    items: Chunk
    prepare: Callable[[Chunk], Iterator[Mapping[bytes, Prepared]]]  # groups that fit in memory
    n_jobs: int
    on_done: Callable[[Mapping[bytes, float]], None]  # called with seconds of what is finished


def chunks(work: Chunk, n_jobs: int) -> Iterator[Chunk]:
    """Split work into chunks of at most CHUNK_UTTERANCES and about CHUNK_BYTES of recordings."""
    most = min(CHUNK_UTTERANCES, max(MIN_CHUNK_UTTERANCES, -(-len(work) // (8 * n_jobs))))
    for chunk in groups(work.items(), _bytes_of_audio, CHUNK_BYTES, most):
        yield dict(chunk)


def _bytes_of_audio(item: tuple[bytes, Item]) -> float:
    utterance = item[1].utterance
    if utterance.end_s is not None:  # its share of the file is unknown; as 16-bit audio
        return (utterance.end_s - utterance.start_s) * 2 * SAMPLE_RATE_HZ
    with contextlib.suppress(OSError):  # decoding reports the error
        return utterance.path.stat().st_size
    return 0.0


def compute_chunk(
    chunk: Chunk,
    prepare: Callable[[Chunk], Iterator[Mapping[bytes, Prepared]]],
    extractor: FrameExtractor,
    folder: Path,
    n_threads: int,
) -> dict[bytes, float | str]:
    """Store the features of a chunk as one shard; seconds of audio or why there are none, by key.

    Raises:
        FeatureError: the folder is missing on this machine or cannot be written, or the extractor
            returned invalid features.
    """
    check_shared(folder)
    keep_freed_memory()
    report: dict[bytes, float | str] = {}
    with torch_threads(n_threads), new_shard(folder) as append:
        for prepared in prepare(chunk):
            waveforms = {key: one for key, one in prepared.items() if isinstance(one, Waveform)}
            extracted = _extract_each(extractor, [*waveforms.values()])
            entries = []
            for key, one in {**prepared, **dict(zip(waveforms, extracted, strict=True))}.items():
                if isinstance(one, ExtractedFrames):
                    check_frames(one.frames, extractor.names, chunk[key].utterance.id)
                    entries.append(Entry(key, *one))
                report[key] = one.seconds if isinstance(one, ExtractedFrames) else str(one)
            append(entries)
    return report


def _extract_each(
    extractor: FrameExtractor, waveforms: list[Waveform]
) -> list[ExtractedFrames | AudioError]:
    """One bad waveform does not affect the others."""
    try:
        frames = extractor.extract(waveforms)
        return [ExtractedFrames(f, w.duration_s) for f, w in zip(frames, waveforms, strict=True)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [fault]
    return [result for one in waveforms for result in _extract_each(extractor, [one])]


def read_speech(chunk: Chunk, limits: DecodeLimits) -> Iterator[Mapping[bytes, Prepared]]:
    """The speech of recordings or errors, about GROUP_S at a time."""

    def seconds(prepared: tuple[bytes, Prepared]) -> float:
        return prepared[1].duration_s if isinstance(prepared[1], Waveform) else 0.0

    all_prepared = ((key, _read_one(item.utterance, limits)) for key, item in chunk.items())
    for group in groups(all_prepared, seconds, GROUP_S):
        yield dict(group)


def _read_one(utterance: Utterance, limits: DecodeLimits) -> Prepared:
    start_s, end_s = utterance.start_s, utterance.end_s
    try:
        recording = decode(utterance.path, start_s=start_s, end_s=end_s, limits=limits)
        return speech_of(recording).waveform
    except AudioError as fault:
        return fault


@dataclass(frozen=True)
class ExtractionResult:
    """Features by utterance id, utterances whose recording cannot be used, and faults of the store.

    Damaged shards were removed and recomputed; features of an earlier format were left.
    """

    features: StoredFeatures
    refused: tuple[Problem, ...]
    damaged: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class FeatureStore:
    """On-disk store of features of any corpora."""

    root: Path  # created when there is something to store
    extractor: FrameExtractor
    limits: DecodeLimits = DEFAULT_LIMITS  # of recordings that are not stored yet

    @property
    def settings(self) -> dict[str, object]:
        """Everything but the audio that the values depend on."""
        return {
            "format": 3,  # version of the storage format
            "level_rms": TARGET_RMS,
            "speech": SPEECH_VERSION,
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
            n_jobs: number of processes, -1 for all cores.
            progress: called with the number of finished utterances and their seconds of audio.

        Raises:
            FeatureError: two utterances share an id, or the folder cannot be written.
        """
        if twice := [id_ for id_, n in Counter(u.id for u in utterances).items() if n > 1]:
            raise FeatureError(f"{twice[0]}: two utterances have this id; make the ids unique")
        n_jobs = n_jobs if n_jobs > 0 else joblib.effective_n_jobs(n_jobs)
        keys, unreadable = self._keys(utterances, n_jobs)
        copies = Counter(keys.values())
        n_done, seconds = len(unreadable), 0.0

        def count(finished: Mapping[bytes, float]) -> None:
            nonlocal n_done, seconds
            n_done += sum(copies[key] for key in finished)
            seconds += sum(copies[key] * length for key, length in finished.items())
            if progress is not None:
                progress(n_done, seconds)

        items = {keys[u.id]: Item(u) for u in utterances if u.id in keys}
        prepare = partial(read_speech, limits=self.limits)
        work = Work(self.settings, items, prepare, n_jobs, count)
        features, refused, problems = self.load(keys, work)
        refusals = sorted({**unreadable, **refused}.items())
        refused_problems = tuple(Problem("refused recording", *refusal) for refusal in refusals)
        return ExtractionResult(features, refused_problems, problems)

    def _keys(
        self, utterances: Sequence[Utterance], n_jobs: int
    ) -> tuple[dict[str, bytes], dict[str, str]]:
        """Keys of utterances and why the files of others cannot be read, by id."""
        files = FileValues(self.root / "files.sqlite", digest_file)
        contents, faults = files.of((u.path for u in utterances), local_jobs(n_jobs))
        keys, refused = {}, {}
        for u in utterances:
            if u.path in contents:
                keys[u.id] = segment_key(contents[u.path], u.start_s, u.end_s)
            else:
                why = f"cannot be read ({faults[u.path].strerror}); check the corpus"
                refused[u.id] = f"{u.path}: {why}"
        return keys, refused

    def load(
        self, keys: Mapping[str, bytes], work: Work
    ) -> tuple[StoredFeatures, dict[str, str], tuple[Problem, ...]]:
        """Features by id after computing what is missing, refusals by id, faults of the folder."""
        folder = self.root / digest(work.settings)
        salvage(folder)
        index, damaged = open_index(folder, local_jobs(work.n_jobs))
        stored = index.seconds(work.items)
        work.on_done(stored)
        refused: dict[bytes, str] = {}
        problems: list[Problem] = []
        if missing := {key: item for key, item in work.items.items() if key not in stored}:
            problems += _earlier_format(self.root)
            refused = self._compute(folder, work._replace(items=missing))
            index, damaged_now = open_index(folder, local_jobs(work.n_jobs))
            damaged |= damaged_now
        features = StoredFeatures(index, keys)
        reasons = {id_: refused[key] for id_, key in keys.items() if key in refused}
        if lost := keys.keys() - reasons.keys() - features.keys():
            raise FeatureError(
                f"{folder}: the features of {min(lost)} were written there, but are gone or "
                "damaged; check the disk, and that all machines which computed share it"
            )
        damages = (
            (p.name, f"{why}; it was removed and is recomputed") for p, why in damaged.items()
        )
        return features, reasons, (*problems, *(Problem("damaged shard", *one) for one in damages))

    def _compute(self, folder: Path, work: Work) -> dict[bytes, str]:
        """Store features; return the reasons for failures by key."""
        with storing(folder):
            if not (note := folder / "settings.json").exists():
                write_text(note, json.dumps(work.settings, indent=2) + "\n")
        compute = partial(
            compute_chunk,
            prepare=work.prepare,
            extractor=self.extractor,
            folder=folder.absolute(),
            n_threads=torch.get_num_threads() if threads_per_job(work.n_jobs) is None else 1,
        )
        refused: dict[bytes, str] = {}
        lost: list[Chunk] = []
        todo = chunks(work.items, work.n_jobs)
        with closing(compute_all(compute, todo, work.n_jobs)) as reports:
            for chunk, report in reports:
                if isinstance(report, WorkerDied):
                    lost.append(chunk)
                    continue
                refused |= {key: why for key, why in report.items() if isinstance(why, str)}
                work.on_done({k: 0.0 if isinstance(one, str) else one for k, one in report.items()})
        if lost:
            raise FeatureError(
                f"{next(iter(lost[0].values())).utterance.id} and the {len(lost[0]) - 1} after "
                "it: every process that extracted their features was killed, most often for lack "
                "of memory; the others are stored: run the same command again with fewer --jobs, "
                "or leave these out"
            )
        return refused


def _earlier_format(root: Path) -> Iterator[Problem]:
    if folders := sorted({path.parent.name for path in root.glob("*/*.shard")}):
        detail = (
            "has features of an earlier version of voxaffect, which are neither read nor removed, "
            f"but computed again; you can delete the folders {', '.join(folders)} and files there"
        )
        yield Problem("earlier format", str(root), detail, is_fault=True)
