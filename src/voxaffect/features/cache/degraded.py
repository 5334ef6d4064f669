"""Feature store of degraded recordings (noise, reverberation, babble ...), for robustness tests.

Features are stored like those of the recordings themselves, in a folder of their own. A key is a
hash of the recording's content, its id and the seed (which determine the noise), the degradation's
settings, and the talkers of babble noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.audio.degrade.degradation import Degradation, utterance_seed
from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.errors import AudioError
from voxaffect.features.cache.cache import (
    Chunk,
    ExtractionResult,
    FeatureStore,
    Item,
    Prepared,
    Work,
)
from voxaffect.features.cache.file_values import key_of

Progress = Callable[[int, int], None]  # takes the number of finished items and of all


@dataclass(frozen=True)
class Scene:
    """A recording and the talkers of its babble noise."""

    utterance: Utterance
    content: str  # hash of its audio
    talkers: Mapping[str, Utterance]  # recordings that babble is mixed from, by their contents


def degrade(chunk: Chunk, limits: DecodeLimits, seed: int) -> Iterator[Mapping[bytes, Prepared]]:
    """Degrade leveled recordings by `Item.change`, scene by scene, and find their speech."""
    for scene, items in groupby(chunk.items(), lambda item: item[1].change[0]):
        degradations: dict[bytes, Degradation] = {key: item.change[1] for key, item in items}
        try:
            waveform = _read_leveled(scene.utterance, limits)
        except AudioError as fault:
            yield dict.fromkeys(degradations, fault)
            continue
        talkers: list[Waveform] = []
        if any(d.n_talkers for d in degradations.values()):
            talkers = [_read_leveled(talker, limits) for talker in scene.talkers.values()]
        noise_seed = utterance_seed(scene.utterance.id, seed)
        degraded: dict[bytes, Prepared] = {}
        for key, degradation in degradations.items():
            try:
                degraded[key] = speech_of(degradation.apply(waveform, noise_seed, talkers)).waveform
            except AudioError as fault:
                degraded[key] = fault
        yield degraded


def _read_leveled(utterance: Utterance, limits: DecodeLimits) -> Waveform:
    start_s, end_s = utterance.start_s, utterance.end_s
    return decode(utterance.path, start_s=start_s, end_s=end_s, limits=limits).normalized()


def condition_id(condition: str, utterance_id: str) -> str:
    """Id of an utterance under a condition, `white-10db:emodb/wav/03a01Fa`."""
    return f"{condition}:{utterance_id}"


def split_condition_id(name: str) -> tuple[str, str]:
    """Condition and utterance id of a `condition_id`."""
    condition, _, utterance_id = name.partition(":")
    return condition, utterance_id


@dataclass(frozen=True)
class DegradedStore:
    """Store of features of degraded recordings."""

    clean: FeatureStore  # of the recordings themselves, with root, extractor and limits
    seed: int = 0  # of noise and reverberation

    def extract(
        self,
        scenes: Sequence[Scene],
        degradations: Sequence[Degradation],
        *,
        n_jobs: int = 1,
        progress: Progress | None = None,
    ) -> ExtractionResult:
        """Features of every scene under every degradation; memory-mapped if stored.

        Utterance ids and the degradations' names must be distinct.

        Raises:
            FeatureError: the folder cannot be written, or processes were killed.
        """
        keys: dict[str, bytes] = {}
        items: dict[bytes, Item] = {}
        for scene in scenes:
            for d in degradations:
                talkers = [*scene.talkers] if d.n_talkers else []
                change = sorted(d.settings().items())
                key = key_of(scene.content, scene.utterance.id, self.seed, change, talkers)
                keys[condition_id(d.name, scene.utterance.id)] = key
                items[key] = Item(scene.utterance, (scene, d))
        done: list[bytes] = []

        def count(finished: Mapping[bytes, float]) -> None:
            done.extend(finished)
            if progress is not None:
                progress(len(done), len(keys))

        # To be increased when a degradation with the same settings changes its samples.
        settings = {**self.clean.settings, "degraded": 1}
        prepare = partial(degrade, limits=self.clean.limits, seed=self.seed)
        work = Work(settings, items, prepare, n_jobs, count)
        features, refused, problems = self.clean.load(keys, work)
        refusals = (Problem("refused when degraded", *refusal) for refusal in refused.items())
        return ExtractionResult(features, tuple(refusals), problems)
