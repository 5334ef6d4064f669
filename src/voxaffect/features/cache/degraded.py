"""Features of degraded recordings on disk: computed once, then memory-mapped.

They lie in a folder of their own beside those of the recordings themselves, in the same journals
and shards. A key is made of the recording's content, its id and the seed (on which the noise
depends), all that decides the degradation, and whose voices babble is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch

from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.audio.degrade.degradation import Degradation, utterance_seed
from voxaffect.audio.degrade.noise import Babble
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.cache.cache import FeatureStore, extract_each
from voxaffect.features.cache.file_digests import key_of
from voxaffect.features.cache.index import StoredFeatures, open_index
from voxaffect.features.cache.shards import Entry, check_shared, new_shard, salvage, storing
from voxaffect.features.frames import ExtractedFrames, FrameExtractor, FrameFeatures
from voxaffect.features.runtime import torch_threads
from voxaffect.files import digest
from voxaffect.parallel.clusters import local_jobs, threads_per_job
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.parallel.work import WorkerDied, compute_all


@dataclass(frozen=True)
class Scene:
    """A recording, and who else is there.

    Args:
        utterance: whose answer is asked for.
        content: hash of its audio.
        talkers: whose recordings babble is made of; their contents.
    """

    utterance: Utterance
    content: str
    talkers: Mapping[str, Utterance]


@dataclass(frozen=True)
class MissingDegradations:
    """What is missing of a scene.

    Args:
        scene: the recording.
        degradations: those to be computed, by the key to store them under.
    """

    scene: Scene
    degradations: Mapping[bytes, Degradation]


Chunk = tuple[MissingDegradations, ...]


@dataclass(frozen=True)
class DegradedShards:
    """What a process needs to turn chunks into shards.

    Args:
        folder: where shards go.
        extractor: what computes the features.
        limits: what is refused of recordings.
        seed: of all noise, rooms and voices.
        n_threads: threads PyTorch may use.
    """

    folder: Path
    extractor: FrameExtractor
    limits: DecodeLimits
    seed: int
    n_threads: int

    def compute(self, chunk: Chunk) -> dict[bytes, str]:
        """Store the features of a chunk as one shard; returns why some have none, by key.

        Raises:
            FeatureError: the folder is not there or cannot be written.
        """
        check_shared(self.folder)
        keep_freed_memory()
        refused: dict[bytes, str] = {}
        n_columns = len(self.extractor.names)
        with torch_threads(self.n_threads), new_shard(self.folder, n_columns) as journal:
            for wanted in chunk:
                results = self._features(wanted)
                journal.append(self._entries(wanted.scene, results))
                faults = {k: str(r) for k, r in results.items() if isinstance(r, AudioError)}
                refused |= faults
        return refused

    def _features(self, wanted: MissingDegradations) -> dict[bytes, ExtractedFrames | AudioError]:
        """Frames of a recording under each degradation, or why there are none, by key."""
        sounds = degrade(wanted, self.limits, self.seed)
        waveforms = {key: sound for key, sound in sounds.items() if isinstance(sound, Waveform)}
        frames = extract_each(self.extractor, [*waveforms.values()])
        faults = {key: why for key, why in sounds.items() if isinstance(why, AudioError)}
        return {**dict(zip(waveforms, frames, strict=True)), **faults}

    def _entries(
        self, scene: Scene, results: Mapping[bytes, ExtractedFrames | AudioError]
    ) -> Iterator[Entry]:
        names, grid, name = self.extractor.names, self.extractor.grid, scene.utterance.id
        for key, result in results.items():
            if isinstance(result, ExtractedFrames):
                values = FrameFeatures(result.frames, names, grid, name).values
                yield Entry(key, values, result.seconds)


def degrade(
    wanted: MissingDegradations, limits: DecodeLimits, seed: int
) -> dict[bytes, Waveform | AudioError]:
    """A recording at its level, degraded, and at its level again; or why not, by key."""
    scene = wanted.scene
    seed = utterance_seed(scene.utterance.id, seed)
    try:
        waveform = _heard(scene.utterance, limits)
    except AudioError as fault:
        return dict.fromkeys(wanted.degradations, fault)
    degradations = _with_talkers(wanted, limits)
    return {key: _attempt(d, waveform, seed) for key, d in degradations.items()}


def _with_talkers(wanted: MissingDegradations, limits: DecodeLimits) -> dict[bytes, Degradation]:
    """The degradations, babble among its talkers, who are heard only if there is some."""
    if not any(isinstance(d, Babble) for d in wanted.degradations.values()):
        return dict(wanted.degradations)
    talkers = [_heard(talker, limits) for talker in wanted.scene.talkers.values()]
    return {
        key: d.with_talkers(talkers[: d.n_talkers]) if isinstance(d, Babble) else d
        for key, d in wanted.degradations.items()
    }


def _heard(utterance: Utterance, limits: DecodeLimits) -> Waveform:
    start_s, end_s = utterance.start_s, utterance.end_s
    return decode(utterance.path, start_s=start_s, end_s=end_s, limits=limits).normalized()


def _attempt(degradation: Degradation, waveform: Waveform, seed: int) -> Waveform | AudioError:
    try:
        return degradation.apply(waveform, seed).normalized()
    except AudioError as fault:
        return fault


FORMAT = 1
"""Raised whenever a degradation of the same settings changes its samples."""

CHUNK_SCENES = 8
"""Recordings that a process is given at a time: some seconds of work."""


Progress = Callable[[int, int], None]
"""Told how many are done, and how many there are."""


@dataclass(frozen=True)
class DegradedFeatures:
    """What came of asking for degraded recordings.

    Args:
        features: frames by `condition_id(condition, utterance id)`, of all that have some.
        refused: those that cannot be used, and why.
    """

    features: StoredFeatures
    refused: tuple[Problem, ...]


def condition_id(condition: str, utterance_id: str) -> str:
    """Name of an utterance under a condition, `white-10db:emodb/wav/03a01Fa`."""
    return f"{condition}:{utterance_id}"


def split_condition_id(name: str) -> tuple[str, str]:
    """Condition and utterance id of such a name."""
    condition, _, utterance_id = name.partition(":")
    return condition, utterance_id


@dataclass(frozen=True)
class DegradedStore:
    """Features of degraded recordings.

    Args:
        clean: the store of the recordings themselves: root, extractor and limits.
        seed: of all noise, rooms and voices.
    """

    clean: FeatureStore
    seed: int = 0

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.clean.root / digest({**self.clean.settings, "degraded": FORMAT})

    def extract(
        self,
        scenes: Sequence[Scene],
        degradations: Sequence[Degradation],
        *,
        n_jobs: int = 1,
        progress: Progress | None = None,
    ) -> DegradedFeatures:
        """Features of every scene under every degradation; those that are stored are mapped.

        Args:
            scenes: their utterances' ids must differ.
            degradations: their names must differ.
            n_jobs: processes that compute at once.
            progress: told how many are done, and how many there are.

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
        for chunk, faults in self._compute([*self._wanted(scenes, degradations, stored)], n_jobs):
            refused |= faults
            n_done += sum(len(wanted.degradations) for wanted in chunk)
            if progress is not None:
                progress(n_done, len(keys))
        index, _ = open_index(self.folder, local_jobs(n_jobs))
        problems = (
            Problem("refused when degraded", name, refused[key])
            for name, key in keys.items()
            if key in refused
        )
        return DegradedFeatures(StoredFeatures.of(index, keys), tuple(problems))

    def _key(self, scene: Scene, degradation: Degradation) -> bytes:
        talkers = [*scene.talkers] if isinstance(degradation, Babble) else []
        settings = sorted(degradation.settings().items())
        return key_of(scene.content, scene.utterance.id, self.seed, settings, talkers)

    def _wanted(
        self, scenes: Sequence[Scene], degradations: Sequence[Degradation], stored: Container[bytes]
    ) -> Iterator[MissingDegradations]:
        """What is not stored yet, scene by scene."""
        for scene in scenes:
            by_key = {self._key(scene, d): d for d in degradations}
            missing = {key: d for key, d in by_key.items() if key not in stored}
            if missing:
                yield MissingDegradations(scene, missing)

    def _compute(
        self, wanted: Sequence[MissingDegradations], n_jobs: int
    ) -> Iterator[tuple[Chunk, dict[bytes, str]]]:
        """Store what is wanted, chunk by chunk, each with why some of it cannot be, by key."""
        n_threads = torch.get_num_threads() if threads_per_job(n_jobs) is None else 1
        clean = self.clean
        store = DegradedShards(
            self.folder.absolute(), clean.extractor, clean.limits, self.seed, n_threads
        )
        with storing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with closing(compute_all(store.compute, _chunks(wanted), n_jobs)) as reports:
            for chunk, report in reports:
                if isinstance(report, WorkerDied):
                    raise FeatureError(_killed(chunk))
                yield chunk, report


def _chunks(wanted: Sequence[MissingDegradations]) -> Iterator[Chunk]:
    for at in range(0, len(wanted), CHUNK_SCENES):
        yield tuple(wanted[at : at + CHUNK_SCENES])


def _killed(chunk: Chunk) -> str:
    return (
        f"{chunk[0].scene.utterance.id} and the {len(chunk) - 1} after it: every process that "
        "degraded them was killed, most often for lack of memory; the others are stored: run the "
        "same command again with fewer --jobs"
    )
