"""Feature store of degraded recordings (noise, reverberation, babble ...), for robustness tests.

Features are stored like those of the recordings themselves, in a folder of their own. A key is a
hash of the recording's content, its id and the seed (which determine the noise), the degradation's
settings, and the talkers of babble noise.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.audio.degrade.degradation import Degradation, utterance_seed
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.cache.cache import ExtractionResult, FeatureStore, extract_group
from voxaffect.features.cache.file_digests import key_of
from voxaffect.features.cache.index import StoredFeatures, open_index
from voxaffect.features.cache.shards import check_shared, new_shard, salvage, storing
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.runtime import torch_threads
from voxaffect.files import digest
from voxaffect.parallel.clusters import local_jobs, threads_per_job
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.parallel.work import WorkerDied, compute_all

FORMAT = 1
"""Increase when a degradation with the same settings changes its samples."""

CHUNK_SCENES = 8
"""Recordings per task of a process: some seconds of computation."""

Progress = Callable[[int, int], None]
"""Called with the number of finished items and of all items."""


@dataclass(frozen=True)
class Scene:
    """A recording and the talkers of its babble noise."""

    utterance: Utterance
    content: str  # hash of its audio
    talkers: Mapping[str, Utterance]  # recordings that babble is mixed from, by their contents


@dataclass(frozen=True)
class MissingDegradations:
    """Degradations of a scene that are not stored yet, by key."""

    scene: Scene
    degradations: Mapping[bytes, Degradation]


Chunk = tuple[MissingDegradations, ...]


def compute_degraded(
    chunk: Chunk,
    extractor: FrameExtractor,
    folder: Path,
    n_threads: int,
    *,
    limits: DecodeLimits,
    seed: int,
) -> dict[bytes, str]:
    """Store the features of a chunk as one shard; return the reasons for failures by key.

    Raises:
        FeatureError: the folder is missing or cannot be written.
    """
    check_shared(folder)
    keep_freed_memory()
    refused: dict[bytes, str] = {}
    with torch_threads(n_threads), new_shard(folder, len(extractor.names)) as journal:
        for missing in chunk:
            degraded = degrade(missing, limits, seed)
            ids = dict.fromkeys(degraded, missing.scene.utterance.id)
            group = extract_group(degraded, extractor, ids)
            journal.append(group.entries)
            refused |= group.refused
    return refused


def degrade(
    missing: MissingDegradations, limits: DecodeLimits, seed: int
) -> dict[bytes, Waveform | AudioError]:
    """Level a recording, degrade it and level it again; waveforms or errors by key."""
    scene, degradations = missing.scene, missing.degradations
    try:
        waveform = _read_leveled(scene.utterance, limits)
    except AudioError as fault:
        return dict.fromkeys(degradations, fault)
    talkers: list[Waveform] = []
    if any(d.n_talkers for d in degradations.values()):
        talkers = [_read_leveled(talker, limits) for talker in scene.talkers.values()]
    seed = utterance_seed(scene.utterance.id, seed)
    return {key: _attempt(d, waveform, seed, talkers) for key, d in degradations.items()}


def _read_leveled(utterance: Utterance, limits: DecodeLimits) -> Waveform:
    start_s, end_s = utterance.start_s, utterance.end_s
    return decode(utterance.path, start_s=start_s, end_s=end_s, limits=limits).normalized()


def _attempt(
    degradation: Degradation, waveform: Waveform, seed: int, talkers: Sequence[Waveform]
) -> Waveform | AudioError:
    try:
        return degradation.apply(waveform, seed, talkers).normalized()
    except AudioError as fault:
        return fault


def condition_id(condition: str, utterance_id: str) -> str:
    """Id of an utterance under a condition, `white-10db:emodb/wav/03a01Fa`."""
    return f"{condition}:{utterance_id}"


def split_condition_id(name: str) -> tuple[str, str]:
    """Condition and utterance id of a `condition_id`."""
    condition, _, utterance_id = name.partition(":")
    return condition, utterance_id


@dataclass(frozen=True)
class DegradedStore:
    """Store of features of degraded recordings.

    Args:
        clean: store of the recordings themselves, with root, extractor and limits.
        seed: random seed of noise and reverberation.
    """

    clean: FeatureStore
    seed: int = 0

    @property
    def folder(self) -> Path:
        """Folder of features with these settings."""
        return self.clean.root / digest({**self.clean.settings, "degraded": FORMAT})

    def extract(
        self,
        scenes: Sequence[Scene],
        degradations: Sequence[Degradation],
        *,
        n_jobs: int = 1,
        progress: Progress | None = None,
    ) -> ExtractionResult:
        """Features of every scene under every degradation; memory-mapped if stored.

        Args:
            scenes: with distinct utterance ids.
            degradations: with distinct names.
            n_jobs: number of processes.
            progress: called with the number of finished items and of all items.

        Raises:
            FeatureError: the folder cannot be written, or processes were killed.
        """
        keys = {
            condition_id(d.name, scene.utterance.id): self._key(scene, d)
            for scene in scenes
            for d in degradations
        }
        salvage(self.folder)
        stored = open_index(self.folder, local_jobs(n_jobs))[0].seconds(keys.values())
        n_done = len(stored)
        refused: dict[bytes, str] = {}
        for chunk, faults in self._compute([*self._missing(scenes, degradations, stored)], n_jobs):
            refused |= faults
            n_done += sum(len(missing.degradations) for missing in chunk)
            if progress is not None:
                progress(n_done, len(keys))
        index, _ = open_index(self.folder, local_jobs(n_jobs))
        problems = (
            Problem("refused when degraded", name, refused[key])
            for name, key in keys.items()
            if key in refused
        )
        return ExtractionResult(StoredFeatures.of(index, keys), tuple(problems))

    def _key(self, scene: Scene, degradation: Degradation) -> bytes:
        talkers = [*scene.talkers] if degradation.n_talkers else []
        settings = sorted(degradation.settings().items())
        return key_of(scene.content, scene.utterance.id, self.seed, settings, talkers)

    def _missing(
        self, scenes: Sequence[Scene], degradations: Sequence[Degradation], stored: Container[bytes]
    ) -> Iterator[MissingDegradations]:
        for scene in scenes:
            by_key = {self._key(scene, d): d for d in degradations}
            if missing := {key: d for key, d in by_key.items() if key not in stored}:
                yield MissingDegradations(scene, missing)

    def _compute(
        self, missing: Sequence[MissingDegradations], n_jobs: int
    ) -> Iterator[tuple[Chunk, dict[bytes, str]]]:
        """Store what is missing; yield each chunk with the reasons for its failures by key."""
        compute = partial(
            compute_degraded,
            extractor=self.clean.extractor,
            folder=self.folder.absolute(),
            n_threads=torch.get_num_threads() if threads_per_job(n_jobs) is None else 1,
            limits=self.clean.limits,
            seed=self.seed,
        )
        with storing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        chunks = (
            tuple(missing[at : at + CHUNK_SCENES]) for at in range(0, len(missing), CHUNK_SCENES)
        )
        with closing(compute_all(compute, chunks, n_jobs)) as reports:
            for chunk, report in reports:
                if isinstance(report, WorkerDied):
                    raise FeatureError(
                        f"{chunk[0].scene.utterance.id} and the {len(chunk) - 1} after it: every "
                        "process that degraded them was killed, most often for lack of memory; the "
                        "others are stored: run the same command again with fewer --jobs"
                    )
                yield chunk, report
