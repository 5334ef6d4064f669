"""Features of degraded recordings on disk: computed once, then memory-mapped.

They lie in a folder of their own beside those of the recordings themselves, in the same journals
and shards. A key is made of the recording's content, its id and the seed (on which the noise
depends), all that decides the degradation, and whose voices babble is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch

from voxaffect.audio.degrade.babble import Babble
from voxaffect.audio.degrade.degradation import Degradation, plain
from voxaffect.corpora.corpus import Problem
from voxaffect.errors import FeatureError
from voxaffect.features.store.index import open_index
from voxaffect.features.store.journal import salvage
from voxaffect.features.store.keys import key_of
from voxaffect.features.store.scenes import Chunk, DegradedShards, Scene, Wanted
from voxaffect.features.store.shards import storing
from voxaffect.features.store.store import FeatureStore
from voxaffect.features.store.stored import StoredFeatures
from voxaffect.files import digest
from voxaffect.parallel.clusters import cores_here, threads_a_job
from voxaffect.parallel.work import Lost, compute_all

FORMAT = 1
"""Raised whenever a degradation of the same settings changes its samples."""

CHUNK_SCENES = 8
"""Recordings that a process is given at a time: some seconds of work."""


Progress = Callable[[int, int], None]
"""Told how many are done, and how many there are."""


@dataclass(frozen=True)
class Degraded:
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


def parted(name: str) -> tuple[str, str]:
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
    ) -> Degraded:
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
        stored = open_index(self.folder, cores_here(n_jobs))[0].seconds(keys.values())
        n_done = len(stored)
        refused: dict[bytes, str] = {}
        for chunk, faults in self._compute([*self._wanted(scenes, degradations, stored)], n_jobs):
            refused |= faults
            n_done += sum(len(wanted.degradations) for wanted in chunk)
            if progress is not None:
                progress(n_done, len(keys))
        index, _ = open_index(self.folder, cores_here(n_jobs))
        problems = (
            Problem("refused when degraded", name, refused[key])
            for name, key in keys.items()
            if key in refused
        )
        return Degraded(StoredFeatures.of(index, keys), tuple(problems))

    def _key(self, scene: Scene, degradation: Degradation) -> bytes:
        talkers = [*scene.talkers] if isinstance(degradation, Babble) else []
        settings = sorted(plain(degradation).items())
        return key_of(scene.content, scene.utterance.id, self.seed, settings, talkers)

    def _wanted(
        self, scenes: Sequence[Scene], degradations: Sequence[Degradation], stored: Container[bytes]
    ) -> Iterator[Wanted]:
        """What is not stored yet, scene by scene."""
        for scene in scenes:
            by_key = {self._key(scene, d): d for d in degradations}
            missing = {key: d for key, d in by_key.items() if key not in stored}
            if missing:
                yield Wanted(scene, missing)

    def _compute(
        self, wanted: Sequence[Wanted], n_jobs: int
    ) -> Iterator[tuple[Chunk, dict[bytes, str]]]:
        """Store what is wanted, chunk by chunk, each with why some of it cannot be, by key."""
        n_threads = torch.get_num_threads() if threads_a_job(n_jobs) is None else 1
        clean = self.clean
        store = DegradedShards(
            self.folder.absolute(), clean.extractor, clean.limits, self.seed, n_threads
        )
        with storing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with closing(compute_all(store.compute, _chunks(wanted), n_jobs)) as reports:
            for chunk, report in reports:
                if isinstance(report, Lost):
                    raise FeatureError(_killed(chunk))
                yield chunk, report


def _chunks(wanted: Sequence[Wanted]) -> Iterator[Chunk]:
    for at in range(0, len(wanted), CHUNK_SCENES):
        yield tuple(wanted[at : at + CHUNK_SCENES])


def _killed(chunk: Chunk) -> str:
    return (
        f"{chunk[0].scene.utterance.id} and the {len(chunk) - 1} after it: every process that "
        "degraded them was killed, most often for lack of memory; the others are stored: run the "
        "same command again with fewer --jobs"
    )
