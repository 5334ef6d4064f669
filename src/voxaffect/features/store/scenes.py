"""Recordings in other circumstances: decoded once, degraded in every way, each extracted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.audio.degrade.babble import Babble
from voxaffect.audio.degrade.degradation import Degradation, utterance_seed
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError
from voxaffect.features.frames import FrameExtractor, FrameFeatures
from voxaffect.features.long_recordings import Extracted
from voxaffect.features.store.chunks import attempt
from voxaffect.features.store.journal import new_shard
from voxaffect.features.store.shards import Entry, refuse_unshared
from voxaffect.features.threads import threads
from voxaffect.memory import keep_freed_memory


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
class Wanted:
    """What is missing of a scene.

    Args:
        scene: the recording.
        degradations: those to be computed, by the key to store them under.
    """

    scene: Scene
    degradations: Mapping[bytes, Degradation]


Chunk = tuple[Wanted, ...]


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
        refuse_unshared(self.folder)
        keep_freed_memory()
        refused: dict[bytes, str] = {}
        n_columns = len(self.extractor.names)
        with threads(self.n_threads), new_shard(self.folder, n_columns) as journal:
            for wanted in chunk:
                results = self._features(wanted)
                journal.append(self._entries(wanted.scene, results))
                faults = {k: str(r) for k, r in results.items() if isinstance(r, AudioError)}
                refused |= faults
        return refused

    def _features(self, wanted: Wanted) -> dict[bytes, Extracted | AudioError]:
        """Frames of a recording under each degradation, or why there are none, by key."""
        sounds = degrade(wanted, self.limits, self.seed)
        waveforms = {key: sound for key, sound in sounds.items() if isinstance(sound, Waveform)}
        frames = attempt(self.extractor, [*waveforms.values()])
        faults = {key: why for key, why in sounds.items() if isinstance(why, AudioError)}
        return {**dict(zip(waveforms, frames, strict=True)), **faults}

    def _entries(
        self, scene: Scene, results: Mapping[bytes, Extracted | AudioError]
    ) -> Iterator[Entry]:
        names, grid, name = self.extractor.names, self.extractor.grid, scene.utterance.id
        for key, result in results.items():
            if isinstance(result, Extracted):
                values = FrameFeatures(result.frames, names, grid, name).values
                yield Entry(key, values, result.seconds)


def degrade(wanted: Wanted, limits: DecodeLimits, seed: int) -> dict[bytes, Waveform | AudioError]:
    """A recording at its level, degraded, and at its level again; or why not, by key."""
    scene = wanted.scene
    seed = utterance_seed(scene.utterance.id, seed)
    try:
        waveform = _heard(scene.utterance, limits)
    except AudioError as fault:
        return dict.fromkeys(wanted.degradations, fault)
    degradations = _with_talkers(wanted, limits)
    return {key: _attempt(d, waveform, seed) for key, d in degradations.items()}


def _with_talkers(wanted: Wanted, limits: DecodeLimits) -> dict[bytes, Degradation]:
    """The degradations, babble among its talkers, who are heard only if there is some."""
    if not any(isinstance(d, Babble) for d in wanted.degradations.values()):
        return dict(wanted.degradations)
    talkers = [_heard(talker, limits) for talker in wanted.scene.talkers.values()]
    return {
        key: d.among(talkers[: d.n_talkers]) if isinstance(d, Babble) else d
        for key, d in wanted.degradations.items()
    }


def _heard(utterance: Utterance, limits: DecodeLimits) -> Waveform:
    start_s, end_s = utterance.start_s, utterance.end_s
    return decode(utterance.path, start_s=start_s, end_s=end_s, limits=limits).normalised()


def _attempt(degradation: Degradation, waveform: Waveform, seed: int) -> Waveform | AudioError:
    try:
        return degradation.apply(waveform, seed).normalised()
    except AudioError as fault:
        return fault
